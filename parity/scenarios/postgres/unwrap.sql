-- Flat rows for a sink: new record state with metadata, deletes rewritten.
-- database: postgres
-- config: {"table.include.list": "public.flat_t"}
-- config: {"key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false", "value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false", "transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState", "transforms.unwrap.delete.tombstone.handling.mode": "rewrite", "transforms.unwrap.add.fields": "op,table,source.connector", "transforms.unwrap.add.headers": "db,schema"}
-- phase: setup
drop table if exists public.flat_t;
create table public.flat_t (id int primary key, v text, n numeric(5,2));
insert into public.flat_t values (1, 'a', 1.5);
-- phase: stream
insert into public.flat_t values (2, 'b', null);
update public.flat_t set v = 'c' where id = 1;
update public.flat_t set id = 3 where id = 2;
delete from public.flat_t where id = 1;
-- phase: cleanup
drop table if exists public.flat_t;
