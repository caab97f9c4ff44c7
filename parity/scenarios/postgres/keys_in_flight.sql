-- Primary keys dropped, replaced and widened, and replica identities changed, while both stream.
-- database: postgres
-- config: {"table.include.list": "public.keyf_.*"}
-- phase: setup
drop table if exists public.keyf_a, public.keyf_b;
create table public.keyf_a (id int constraint keyf_a_pk primary key, code text not null, v text);
create table public.keyf_b (id int primary key, v text);
insert into public.keyf_a values (1, 'one', 'a');
insert into public.keyf_b values (1, 'a');
-- phase: stream
alter table public.keyf_a drop constraint keyf_a_pk, add constraint keyf_a_pk primary key (code);
insert into public.keyf_a values (2, 'two', 'b');
update public.keyf_a set code = 'uno' where id = 1;
-- phase: stream
alter table public.keyf_b replica identity full;
update public.keyf_b set v = 'b';
delete from public.keyf_b;
insert into public.keyf_b values (2, 'c');
-- phase: stream
alter table public.keyf_a drop constraint keyf_a_pk, add constraint keyf_a_pk primary key (id, code);
insert into public.keyf_a values (3, 'three', 'c');
delete from public.keyf_a where id = 2;
-- phase: stream
alter table public.keyf_b alter column id type bigint;
insert into public.keyf_b values (3000000000, 'big');
update public.keyf_b set id = id + 1 where id > 2;
-- phase: cleanup
drop table if exists public.keyf_a, public.keyf_b;
