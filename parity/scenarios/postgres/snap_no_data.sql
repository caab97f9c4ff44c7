-- Snapshot mode no_data: the schema only, then the stream; a restart.
-- database: postgres
-- config: {"table.include.list": "public.snap_no_data_.*", "snapshot.mode": "no_data"}
-- phase: setup
drop table if exists public.snap_no_data_a, public.snap_no_data_b;
create table public.snap_no_data_a (id int primary key, v text);
create table public.snap_no_data_b (id int primary key, v text);
insert into public.snap_no_data_a values (1, 'a'), (2, 'b');
insert into public.snap_no_data_b values (1, 'c');
-- phase: stream
insert into public.snap_no_data_a values (3, 'c');
delete from public.snap_no_data_b where id = 1;
-- phase: restart
insert into public.snap_no_data_a values (4, 'down');
update public.snap_no_data_a set v = 'down' where id = 3;
-- phase: stream
insert into public.snap_no_data_b values (5, 'up');
-- phase: cleanup
drop table if exists public.snap_no_data_a, public.snap_no_data_b;
