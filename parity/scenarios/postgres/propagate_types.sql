-- Source types, lengths and scales as schema parameters, by column and by type; comments.
-- database: postgres
-- config: {"table.include.list": "public.prop_.*", "column.propagate.source.type": "public.prop_a.*", "datatype.propagate.source.type": ".*\\.NUMERIC,.*\\.VARCHAR,.*\\.prop_mood,.*\\._INT4", "include.schema.comments": "true"}
-- phase: setup
drop table if exists public.prop_a, public.prop_b;
drop type if exists prop_mood;
create type prop_mood as enum ('a', 'b');
create table public.prop_a (id serial primary key, big bigserial, sm smallserial, v varchar(10), c char(3), t text, n numeric(8,3), nn numeric, ts timestamp(3), tz timestamptz, tm time(2), b bit(4), vb varbit(9), i int[], na numeric(6,1)[], u uuid, m prop_mood, dd date, iv interval, mo money, bo bool);
comment on table public.prop_a is 'a table''s comment';
comment on column public.prop_a.v is 'a column''s "comment"';
create table public.prop_b (id int primary key, v varchar(10), n numeric(8,3), m prop_mood, i int[], t text);
comment on column public.prop_b.t is 'commented';
insert into public.prop_a (v, n) values ('x', 1.5);
insert into public.prop_b values (1, 'x', 1.5, 'a', '{1}', 't');
-- phase: stream
insert into public.prop_a (v, n) values ('y', 2.5);
insert into public.prop_b values (2, 'y', 2.5, 'b', '{2}', 'u');
alter table public.prop_b alter column v type varchar(20);
select pg_sleep(1);
insert into public.prop_b values (3, 'z', 2.5, 'b', '{2}', 'u');
-- phase: cleanup
drop table if exists public.prop_a, public.prop_b;
drop type if exists prop_mood;
