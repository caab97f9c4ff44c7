-- Incremental snapshots by signals: several chunks and tables, composite and nullable keys, a condition, a surrogate key, none;
-- paused, resumed, in part stopped; and what notifications say of it. Both sides read the same signals, and each other's watermarks.
-- database: postgres
-- config: {"table.include.list": "public.inc_.*", "signal.data.collection": "public.signals", "incremental.snapshot.chunk.size": "2", "notification.enabled.channels": "sink", "notification.sink.topic.name": "{side}.notifications"}
-- phase: setup
drop table if exists public.inc_a, public.inc_b, public.inc_bare, public.inc_null, public.inc_empty, public.signals;
create table public.signals (id varchar(64) primary key, type varchar(32), data varchar(2048));
create table public.inc_a (id int primary key, v text);
create table public.inc_b (x numeric(8, 2), y text, d date, v text, primary key (y, x, d));
create table public.inc_bare (code int, v text);
create table public.inc_null (k int unique, v text);
create table public.inc_empty (id int primary key);
insert into public.inc_a select i, 'row ' || i from generate_series(1, 5) i;
insert into public.inc_b select i / 2.0, 'k' || i % 2, date '2020-01-01' + i, 'v' || i from generate_series(1, 5) i;
insert into public.inc_bare values (1, 'a'), (2, 'b'), (3, 'c');
insert into public.inc_null values (1, 'a'), (2, 'b'), (null, 'c');
-- phase: stream
insert into public.signals values ('all', 'execute-snapshot', '{"data-collections": ["public.inc_a", "public.inc_b", "public.inc_empty", "public.inc_bare", "public.inc_null", "public.no_such"], "type": "incremental"}');
-- phase: stream
insert into public.signals values ('some', 'execute-snapshot', '{"data-collections": ["public.inc_b"], "additional-conditions": [{"data-collection": "public.inc_b", "filter": "x > 1"}]}');
-- phase: stream
insert into public.signals values ('bare', 'execute-snapshot', '{"data-collections": ["public.inc_a"], "surrogate-key": "v"}');
-- phase: stream
insert into public.signals values ('paused', 'execute-snapshot', '{"data-collections": ["public.inc_a", "public.inc_b"]}'), ('pause', 'pause-snapshot', '{"type": "incremental"}');
-- phase: stream
insert into public.inc_a values (6, 'while paused');
update public.inc_a set v = 'changed' where id = 5;
insert into public.signals values ('stop b', 'stop-snapshot', '{"type": "incremental", "data-collections": ["public.inc_b"]}');
-- phase: stream
insert into public.signals values ('resume', 'resume-snapshot', '{"type": "incremental"}');
-- phase: stream
insert into public.signals values ('log', 'log', '{"message": "Hello at {}"}'), ('wrong', 'execute-snapshot', '{"type": "incre'), ('unknown', 'make-coffee', null);
insert into public.inc_a values (7, 'the stream goes on');
-- phase: cleanup
drop table if exists public.inc_a, public.inc_b, public.inc_bare, public.inc_null, public.inc_empty, public.signals;
