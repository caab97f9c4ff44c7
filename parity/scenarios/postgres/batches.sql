-- Small queues and batches, a COPY whose rows share a position, multi-row statements.
-- database: postgres
-- config: {"table.include.list": "public.bat_.*", "max.batch.size": "7", "max.queue.size": "20", "poll.interval.ms": "20"}
-- phase: setup
drop table if exists public.bat_a;
create table public.bat_a (id int primary key, v text);
insert into public.bat_a select g, 'x' from generate_series(1, 300) g;
-- phase: stream
copy public.bat_a from stdin;
1001	one
1002	two
1003	\N
1004	four\twith tab
\.
insert into public.bat_a select g, 'y' from generate_series(2000, 2500) g;
update public.bat_a set v = v || '!' where id % 3 = 0;
delete from public.bat_a where id % 5 = 0;
-- phase: restart
delete from public.bat_a where id % 7 = 0;
-- phase: cleanup
drop table if exists public.bat_a;
