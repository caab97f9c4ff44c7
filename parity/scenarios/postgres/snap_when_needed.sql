-- Snapshot mode when_needed: a snapshot at first, none after.
-- database: postgres
-- config: {"table.include.list": "public.snap_when_needed_.*", "snapshot.mode": "when_needed"}
-- phase: setup
drop table if exists public.snap_when_needed_a, public.snap_when_needed_b;
create table public.snap_when_needed_a (id int primary key, v text);
create table public.snap_when_needed_b (id int primary key, v text);
insert into public.snap_when_needed_a values (1, 'a'), (2, 'b');
insert into public.snap_when_needed_b values (1, 'c');
-- phase: stream
insert into public.snap_when_needed_a values (3, 'c');
delete from public.snap_when_needed_b where id = 1;
-- phase: restart
insert into public.snap_when_needed_a values (4, 'down');
update public.snap_when_needed_a set v = 'down' where id = 3;
-- phase: stream
insert into public.snap_when_needed_b values (5, 'up');
-- phase: cleanup
drop table if exists public.snap_when_needed_a, public.snap_when_needed_b;
