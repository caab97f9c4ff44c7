-- Transforms that a predicate chooses, or one that is negated.
-- database: postgres
-- config: {"table.include.list": "public.pred_.*", "transforms": "a,b", "transforms.a.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.a.regex": "(.*)\\.public\\.(.*)", "transforms.a.replacement": "$1.one.$2", "transforms.a.predicate": "isa"}
-- config: {"transforms.b.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.b.regex": "(.*)\\.public\\.(.*)", "transforms.b.replacement": "$1.tomb", "transforms.b.predicate": "tomb"}
-- config: {"predicates": "isa,tomb", "predicates.isa.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches", "predicates.isa.pattern": ".*pred_a", "predicates.tomb.type": "org.apache.kafka.connect.transforms.predicates.RecordIsTombstone"}
-- phase: setup
drop table if exists public.pred_a, public.pred_b;
create table public.pred_a (id int primary key, v text);
create table public.pred_b (id int primary key, v text);
insert into public.pred_a values (1, 'a');
insert into public.pred_b values (1, 'b');
-- phase: stream
delete from public.pred_a;
update public.pred_b set id = 2;
delete from public.pred_b;
-- phase: cleanup
drop table if exists public.pred_a, public.pred_b;
