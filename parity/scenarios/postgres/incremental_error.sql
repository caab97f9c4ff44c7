-- An incremental snapshot of a table that cannot be read, and of one after it: the peer fails both.
-- database: postgres
-- config: {"table.include.list": "public.ince_.*", "signal.data.collection": "public.signals", "notification.enabled.channels": "sink", "notification.sink.topic.name": "{side}.notifications"}
-- phase: setup
drop table if exists public.ince_a, public.ince_empty, public.signals;
create table public.signals (id varchar(64) primary key, type varchar(32), data varchar(2048));
create table public.ince_a (id int primary key, v text);
create table public.ince_empty (id int primary key);
insert into public.ince_a values (1, 'a');
-- phase: stream
insert into public.signals values ('wrong', 'execute-snapshot', '{"data-collections": ["public.ince_a", "public.ince_empty"], "additional-conditions": [{"data-collection": "public.ince_a", "filter": "no_such > 5"}]}');
-- phase: stream
insert into public.signals values ('right', 'execute-snapshot', '{"data-collections": ["public.ince_a", "public.ince_empty"]}');
-- phase: cleanup
drop table if exists public.ince_a, public.ince_empty, public.signals;
