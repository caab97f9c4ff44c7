-- Several rules for keys: regular expressions that overlap, columns in another order, other types as keys, a column that is not there; no tombstones.
-- database: postgres
-- config: {"table.include.list": "public.mkr_.*", "tombstones.on.delete": "false", "message.key.columns": "(.*).mkr_(a|b):v,id;public.mkr_b:w;(.*).mkr_none:t,n,d;public.mkr_full:u"}
-- phase: setup
drop table if exists public.mkr_a, public.mkr_b, public.mkr_none, public.mkr_full;
create table public.mkr_a (id int primary key, v text, w int);
create table public.mkr_b (id int primary key, v text, w int);
create table public.mkr_none (t timestamptz, n numeric(6,2), d date, x text);
create table public.mkr_full (id int primary key, u uuid, v text);
alter table public.mkr_b replica identity full;
alter table public.mkr_none replica identity full;
alter table public.mkr_full replica identity full;
insert into public.mkr_a values (1, 'a', 1);
insert into public.mkr_b values (1, 'a', 1), (2, null, 2);
insert into public.mkr_none values ('2024-01-01 00:00+00', 1.25, '2024-01-01', 'x');
insert into public.mkr_full values (1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'v'), (2, null, 'w');
-- phase: stream
update public.mkr_a set w = 2;
update public.mkr_b set w = 3 where id = 1;
update public.mkr_b set v = 'b';
update public.mkr_none set x = 'y';
update public.mkr_none set n = 2.5, d = null;
update public.mkr_full set u = null where id = 1;
update public.mkr_full set id = 5 where id = 2;
delete from public.mkr_a;
delete from public.mkr_b;
delete from public.mkr_none;
delete from public.mkr_full;
-- phase: cleanup
drop table if exists public.mkr_a, public.mkr_b, public.mkr_none, public.mkr_full;
