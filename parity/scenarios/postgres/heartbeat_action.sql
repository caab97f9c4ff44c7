-- Heartbeats by the second, with a statement that writes a captured table.
-- database: postgres
-- config: {"table.include.list": "public.hbact_.*", "heartbeat.interval.ms": "1000"}
-- phase: setup
drop table if exists public.hbact_a;
create table public.hbact_a (id int primary key, v text);
insert into public.hbact_a values (1, 'a');
-- phase: stream
insert into public.hbact_a values (2, 'b');
select pg_sleep(4);
insert into public.hbact_a values (3, 'c');
-- phase: restart
insert into public.hbact_a values (4, 'd');
-- phase: cleanup
drop table if exists public.hbact_a;
