-- Infinite dates, and timestamps that do not fit microseconds.
-- database: postgres
-- config: {"table.include.list": "public.fard_.*"}
-- phase: setup
drop table if exists public.fard_a;
create table public.fard_a (id int primary key, d date, ts timestamp, ts3 timestamp(3));
insert into public.fard_a values (1, 'infinity', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999'), (2, '-infinity', null, null);
-- phase: stream
insert into public.fard_a values (11, 'infinity', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999'), (12, '-infinity', null, null);
-- phase: cleanup
drop table if exists public.fard_a;
