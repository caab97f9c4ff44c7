-- Topics of six partitions made by topic.creation: keys of several types must land where Java's partitioner puts them.
-- Keys without schemas: the schema's name holds the side's, and would send the sides' keys to different partitions.
-- database: postgres
-- config: {"table.include.list": "public.p6_.*", "topic.creation.default.partitions": "6", "topic.creation.default.replication.factor": "1", "topic.creation.default.cleanup.policy": "compact"}
-- config: {"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false"}
-- phase: setup
drop table if exists public.p6_int, public.p6_text, public.p6_two;
create table public.p6_int (id int primary key, v text);
create table public.p6_text (id text primary key, v text);
create table public.p6_two (a bigint, b uuid, v text, primary key (a, b));
insert into public.p6_int select g, 'x' from generate_series(1, 100) g;
insert into public.p6_text select 'ключ ' || g, 'x' from generate_series(1, 50) g;
insert into public.p6_two select g, md5(g::text)::uuid, 'x' from generate_series(1, 50) g;
-- phase: stream
update public.p6_int set v = 'y';
update public.p6_int set id = id + 1000 where id <= 20;
delete from public.p6_text where id like '%1';
update public.p6_two set v = 'z';
-- phase: cleanup
drop table if exists public.p6_int, public.p6_text, public.p6_two;
