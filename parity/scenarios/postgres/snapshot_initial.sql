-- Snapshot then stream; the restart takes no second snapshot.
-- database: postgres
-- config: {"table.include.list": "public.sn_initial_.*", "snapshot.mode": "initial"}
-- phase: setup
drop table if exists public.sn_initial_a, public.sn_initial_b, public.sn_initial_c;
create table public.sn_initial_a (id int primary key, v text);
create table public.sn_initial_b (id int primary key, v text);
create table public.sn_initial_c (id int primary key, v text);
insert into public.sn_initial_a select g, 'row ' || g from generate_series(1, 10) g;
insert into public.sn_initial_c values (1, 'c'), (2, 'c'), (3, 'd');
-- phase: stream
insert into public.sn_initial_a values (100, 'streamed');
update public.sn_initial_c set v = 'e' where id = 1;
insert into public.sn_initial_b values (1, 'was empty');
-- phase: restart
insert into public.sn_initial_a values (101, 'while down');
delete from public.sn_initial_c where id = 2;
-- phase: stream
insert into public.sn_initial_b values (2, 'after restart');
-- phase: cleanup
drop table if exists public.sn_initial_a, public.sn_initial_b, public.sn_initial_c;
