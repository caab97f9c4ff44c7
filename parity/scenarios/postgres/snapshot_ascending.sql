-- Smaller tables first; a small fetch size; repeatable read; statements run on each connection.
-- database: postgres
-- config: {"table.include.list": "public.sn_ascending_.*", "snapshot.tables.order.by.row.count": "ascending", "snapshot.fetch.size": "2", "snapshot.isolation.mode": "repeatable_read", "database.initial.statements": "SET work_mem TO '8MB';SET application_name TO 'a;;b'"}
-- phase: setup
drop table if exists public.sn_ascending_a, public.sn_ascending_b, public.sn_ascending_c;
create table public.sn_ascending_a (id int primary key, v text);
create table public.sn_ascending_b (id int primary key, v text);
create table public.sn_ascending_c (id int primary key, v text);
insert into public.sn_ascending_a select g, 'row ' || g from generate_series(1, 10) g;
insert into public.sn_ascending_c values (1, 'c'), (2, 'c'), (3, 'd');
analyze public.sn_ascending_a;
analyze public.sn_ascending_b;
analyze public.sn_ascending_c;
-- phase: stream
insert into public.sn_ascending_a values (100, 'streamed');
update public.sn_ascending_c set v = 'e' where id = 1;
insert into public.sn_ascending_b values (1, 'was empty');
-- phase: cleanup
drop table if exists public.sn_ascending_a, public.sn_ascending_b, public.sn_ascending_c;
