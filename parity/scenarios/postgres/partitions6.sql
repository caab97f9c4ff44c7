-- Topics of six partitions: each key lands where Java's partitioner puts it; records without key too.
-- database: postgres
-- config: {"table.include.list": "public.six_a", "topic.creation.default.partitions": "6", "topic.creation.default.replication.factor": "1"}
-- phase: setup
drop table if exists public.six_a;
create table public.six_a (id int primary key, v text);
insert into public.six_a select g, 'v' from generate_series(1, 40) g;
-- phase: stream
insert into public.six_a select g, 'v' from generate_series(100, 140) g;
update public.six_a set id = id + 1000 where id < 5;
delete from public.six_a where id between 10 and 20;
-- phase: cleanup
drop table if exists public.six_a;
