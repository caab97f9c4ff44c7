-- Snapshot mode configuration_based: data yes, stream yes.
-- database: postgres
-- config: {"table.include.list": "public.snap_config_based_.*", "snapshot.mode": "configuration_based", "snapshot.mode.configuration.based.snapshot.schema": "true", "snapshot.mode.configuration.based.snapshot.data": "true", "snapshot.mode.configuration.based.start.stream": "true"}
-- phase: setup
drop table if exists public.snap_config_based_a, public.snap_config_based_b;
create table public.snap_config_based_a (id int primary key, v text);
create table public.snap_config_based_b (id int primary key, v text);
insert into public.snap_config_based_a values (1, 'a'), (2, 'b');
insert into public.snap_config_based_b values (1, 'c');
-- phase: stream
insert into public.snap_config_based_a values (3, 'c');
delete from public.snap_config_based_b where id = 1;
-- phase: restart
insert into public.snap_config_based_a values (4, 'down');
update public.snap_config_based_a set v = 'down' where id = 3;
-- phase: stream
insert into public.snap_config_based_b values (5, 'up');
-- phase: cleanup
drop table if exists public.snap_config_based_a, public.snap_config_based_b;
