-- Snapshot mode initial_only: the rows, and nothing of the stream.
-- database: postgres
-- config: {"table.include.list": "public.snap_initial_only_.*", "snapshot.mode": "initial_only"}
-- phase: setup
drop table if exists public.snap_initial_only_a, public.snap_initial_only_b;
create table public.snap_initial_only_a (id int primary key, v text);
create table public.snap_initial_only_b (id int primary key, v text);
insert into public.snap_initial_only_a values (1, 'a'), (2, 'b');
insert into public.snap_initial_only_b values (1, 'c');
-- phase: stream
insert into public.snap_initial_only_a values (3, 'c');
delete from public.snap_initial_only_b where id = 1;
-- phase: cleanup
drop table if exists public.snap_initial_only_a, public.snap_initial_only_b;
