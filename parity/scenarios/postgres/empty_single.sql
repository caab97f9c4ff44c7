-- Empty tables and tables of one row: the markers of the first and the last row of the snapshot.
-- database: postgres
-- config: {"table.include.list": "public.single_.*"}
-- phase: setup
drop table if exists public.single_a, public.single_b, public.single_c, public.single_d, public.single_e;
create table public.single_a (id int primary key);
create table public.single_b (id int primary key);
create table public.single_c (id int primary key);
create table public.single_d (id int);
create table public.single_e (id int primary key);
insert into public.single_a values (1);
insert into public.single_c values (1);
insert into public.single_d values (1), (1), (null);
-- phase: stream
insert into public.single_b values (1);
insert into public.single_d values (2);
insert into public.single_e values (1);
-- phase: cleanup
drop table if exists public.single_a, public.single_b, public.single_c, public.single_d, public.single_e;
