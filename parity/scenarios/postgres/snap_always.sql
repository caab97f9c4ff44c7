-- Snapshot mode always: each start reads the tables again.
-- database: postgres
-- config: {"table.include.list": "public.snap_always_.*", "snapshot.mode": "always"}
-- phase: setup
drop table if exists public.snap_always_a, public.snap_always_b;
create table public.snap_always_a (id int primary key, v text);
create table public.snap_always_b (id int primary key, v text);
insert into public.snap_always_a values (1, 'a'), (2, 'b');
insert into public.snap_always_b values (1, 'c');
-- phase: stream
insert into public.snap_always_a values (3, 'c');
delete from public.snap_always_b where id = 1;
-- phase: restart
insert into public.snap_always_a values (4, 'down');
update public.snap_always_a set v = 'down' where id = 3;
-- phase: stream
insert into public.snap_always_b values (5, 'up');
-- phase: cleanup
drop table if exists public.snap_always_a, public.snap_always_b;
