-- Snapshot mode configuration_based: schema only, then the stream.
-- database: postgres
-- config: {"table.include.list": "public.snap_config_nodata_.*", "snapshot.mode": "configuration_based", "snapshot.mode.configuration.based.snapshot.schema": "true", "snapshot.mode.configuration.based.start.stream": "true"}
-- phase: setup
drop table if exists public.snap_config_nodata_a, public.snap_config_nodata_b;
create table public.snap_config_nodata_a (id int primary key, v text);
create table public.snap_config_nodata_b (id int primary key, v text);
insert into public.snap_config_nodata_a values (1, 'a'), (2, 'b');
insert into public.snap_config_nodata_b values (1, 'c');
-- phase: stream
insert into public.snap_config_nodata_a values (3, 'c');
delete from public.snap_config_nodata_b where id = 1;
-- phase: restart
insert into public.snap_config_nodata_a values (4, 'down');
update public.snap_config_nodata_a set v = 'down' where id = 3;
-- phase: stream
insert into public.snap_config_nodata_b values (5, 'up');
-- phase: cleanup
drop table if exists public.snap_config_nodata_a, public.snap_config_nodata_b;
