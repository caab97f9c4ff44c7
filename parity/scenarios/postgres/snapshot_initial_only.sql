-- A snapshot and nothing after it.
-- database: postgres
-- config: {"table.include.list": "public.sn_initial_only_.*", "snapshot.mode": "initial_only"}
-- phase: setup
drop table if exists public.sn_initial_only_a, public.sn_initial_only_b, public.sn_initial_only_c;
create table public.sn_initial_only_a (id int primary key, v text);
create table public.sn_initial_only_b (id int primary key, v text);
create table public.sn_initial_only_c (id int primary key, v text);
insert into public.sn_initial_only_a select g, 'row ' || g from generate_series(1, 10) g;
insert into public.sn_initial_only_c values (1, 'c'), (2, 'c'), (3, 'd');
-- phase: stream
insert into public.sn_initial_only_a values (100, 'streamed');
update public.sn_initial_only_c set v = 'e' where id = 1;
insert into public.sn_initial_only_b values (1, 'was empty');
-- phase: cleanup
drop table if exists public.sn_initial_only_a, public.sn_initial_only_b, public.sn_initial_only_c;
