-- Keys of our own: other columns, several rules, tables without a key, a regex.
-- database: postgres
-- config: {"table.include.list": "public.mkey_.*", "message.key.columns": "public.mkey_a:name;public.mkey_none:b,a;(.*).mkey_c(.*):grp,id"}
-- phase: setup
drop table if exists public.mkey_a, public.mkey_none, public.mkey_c1, public.mkey_c2, public.mkey_d;
create table public.mkey_a (id int primary key, name text, v int);
create table public.mkey_none (a int, b text, c int);
alter table public.mkey_none replica identity full;
create table public.mkey_c1 (id int primary key, grp int, v text);
create table public.mkey_c2 (id int primary key, grp int, v text);
alter table public.mkey_c2 replica identity full;
create table public.mkey_d (id int primary key, v text);
insert into public.mkey_a values (1, 'ann', 1), (2, null, 2);
insert into public.mkey_none values (1, 'x', 1);
insert into public.mkey_c1 values (1, 10, 'a');
insert into public.mkey_c2 values (1, 10, 'a');
insert into public.mkey_d values (1, 'a');
-- phase: stream
update public.mkey_a set v = 5 where id = 1;
update public.mkey_a set name = 'anna' where id = 1;
update public.mkey_a set id = 9 where id = 2;
delete from public.mkey_a where id = 1;
update public.mkey_none set c = 3;
update public.mkey_none set b = 'y';
delete from public.mkey_none;
update public.mkey_c1 set grp = 11;
update public.mkey_c2 set grp = 11;
delete from public.mkey_c2;
update public.mkey_d set id = 2;
-- phase: cleanup
drop table if exists public.mkey_a, public.mkey_none, public.mkey_c1, public.mkey_c2, public.mkey_d;
