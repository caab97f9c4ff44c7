-- Heartbeats with an action query that writes to a captured table, and a message.
-- database: postgres
-- config: {"table.include.list": "public.hb_.*", "heartbeat.interval.ms": "1000", "heartbeat.action.query": "insert into public.uncaptured_hb (at) values (now())", "topic.heartbeat.prefix": "__my_heartbeat"}
-- phase: setup
drop table if exists public.hb_a, public.uncaptured_hb;
create table public.hb_a (id int primary key, v text);
create table public.uncaptured_hb (id serial primary key, at timestamptz);
insert into public.hb_a values (1, 'a');
-- phase: stream
insert into public.hb_a values (2, 'b');
select pg_sleep(3);
insert into public.hb_a values (3, 'c');
-- phase: cleanup
drop table if exists public.hb_a, public.uncaptured_hb;
