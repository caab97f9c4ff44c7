-- Topics merged by the naming strategy's regular expression, with a key field that tells the tables apart.
-- database: postgres
-- config: {"table.include.list": "public.shard_.*", "topic.naming.strategy": "io.debezium.schema.DefaultRegexTopicNamingStrategy", "topic.regex": "(.*)shard_(.*)", "topic.replacement": "$1all_shards"}
-- config: {"topic.key.enforce.uniqueness": "true", "topic.key.field.name": "origin", "topic.key.field.regex": "(.*)shard_(.*)", "topic.key.field.replacement": "$2"}
-- phase: setup
drop table if exists public.shard_1, public.shard_2, public.shard_odd;
create table public.shard_1 (id int primary key, v text);
create table public.shard_2 (id int primary key, v text);
insert into public.shard_1 values (1, 'a');
insert into public.shard_2 values (1, 'b');
-- phase: stream
insert into public.shard_1 values (2, 'a');
insert into public.shard_2 values (2, 'b');
delete from public.shard_1 where id = 1;
-- phase: cleanup
drop table if exists public.shard_1, public.shard_2;
