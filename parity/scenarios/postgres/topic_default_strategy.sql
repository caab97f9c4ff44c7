-- The strategy with the database in the name.
-- database: postgres
-- config: {"table.include.list": "public.topc.*", "topic.naming.strategy": "io.debezium.schema.DefaultTopicNamingStrategy"}
-- phase: setup
drop table if exists public.topc_a, public.topc_b, public."topc Odd-ünï_x";
create table public.topc_a (id int primary key, v text);
create table public.topc_b (id int primary key, v text);
create table public."topc Odd-ünï_x" (id int primary key, v text);
insert into public.topc_a values (1, 'a');
insert into public.topc_b values (1, 'a');
insert into public."topc Odd-ünï_x" values (1, 'a');
-- phase: stream
insert into public.topc_a values (2, 'a');
update public.topc_b set id = 5;
delete from public."topc Odd-ünï_x";
-- phase: cleanup
drop table if exists public.topc_a, public.topc_b, public."topc Odd-ünï_x";
