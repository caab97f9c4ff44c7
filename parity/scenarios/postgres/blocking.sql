-- Blocking snapshots by signals: two tables, then one through a statement of the user's; the stream goes on after each.
-- database: postgres
-- config: {"table.include.list": "public.blk_.*", "signal.data.collection": "public.signals", "notification.enabled.channels": "sink", "notification.sink.topic.name": "{side}.notifications"}
-- phase: setup
drop table if exists public.blk_a, public.blk_b, public.signals;
create table public.signals (id varchar(64) primary key, type varchar(32), data varchar(2048));
create table public.blk_a (id int primary key, v text);
create table public.blk_b (id int primary key, v text);
insert into public.blk_a select i, 'row ' || i from generate_series(1, 5) i;
insert into public.blk_b select i, 'row ' || i from generate_series(1, 3) i;
-- phase: stream
insert into public.signals values ('block', 'execute-snapshot', '{"data-collections": ["public.blk_a", "public.blk_b"], "type": "blocking"}');
-- phase: stream
insert into public.blk_a values (6, 'after');
-- phase: stream
insert into public.signals values ('some', 'execute-snapshot', '{"data-collections": ["public.blk_a"], "type": "blocking", "additional-conditions": [{"data-collection": "public.blk_a", "filter": "select * from public.blk_a where id < 3"}]}');
-- phase: stream
insert into public.blk_b values (4, 'after');
-- phase: cleanup
drop table if exists public.blk_a, public.blk_b, public.signals;
