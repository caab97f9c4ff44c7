-- RegexRouter under predicates: by topic, by header, tombstones, negated; two routers in a row.
-- database: postgres
-- config: {"table.include.list": "public.pred_.*", "transforms": "a,b,c", "predicates": "isA,tomb,hasKey"}
-- config: {"predicates.isA.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches", "predicates.isA.pattern": ".*\\.pred_a", "predicates.tomb.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone", "predicates.hasKey.type": "org.apache.kafka.connect.transforms.predicates.HasHeaderKey", "predicates.hasKey.name": "__debezium.newkey"}
-- config: {"transforms.a.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.a.regex": "(.*)\\.public\\.(.*)", "transforms.a.replacement": "$1.routed.$2", "transforms.a.predicate": "isA"}
-- config: {"transforms.b.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.b.regex": "(.*)\\.public\\.(.*)", "transforms.b.replacement": "$1.live.$2", "transforms.b.predicate": "tomb", "transforms.b.negate": "true"}
-- config: {"transforms.c.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.c.regex": "(.*)", "transforms.c.replacement": "$1.moved", "transforms.c.predicate": "hasKey"}
-- phase: setup
drop table if exists public.pred_a, public.pred_b;
create table public.pred_a (id int primary key, v text);
create table public.pred_b (id int primary key, v text);
insert into public.pred_a values (1, 'a');
insert into public.pred_b values (1, 'b'), (2, 'b');
-- phase: stream
insert into public.pred_a values (2, 'a');
delete from public.pred_a where id = 1;
delete from public.pred_b where id = 1;
update public.pred_b set id = 5 where id = 2;
-- phase: cleanup
drop table if exists public.pred_a, public.pred_b;
