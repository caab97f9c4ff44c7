-- The naming strategy that escapes characters.
-- database: postgres
-- config: {"table.include.list": "public.topu.*", "topic.naming.strategy": "io.debezium.schema.SchemaUnicodeTopicNamingStrategy"}
-- phase: setup
drop table if exists public.topu_a, public.topu_b, public."topu Odd-ünï_x";
create table public.topu_a (id int primary key, v text);
create table public.topu_b (id int primary key, v text);
create table public."topu Odd-ünï_x" (id int primary key, v text);
insert into public.topu_a values (1, 'a');
insert into public.topu_b values (1, 'a');
insert into public."topu Odd-ünï_x" values (1, 'a');
-- phase: stream
insert into public.topu_a values (2, 'a');
update public.topu_b set id = 5;
delete from public."topu Odd-ünï_x";
-- phase: cleanup
drop table if exists public.topu_a, public.topu_b, public."topu Odd-ünï_x";
