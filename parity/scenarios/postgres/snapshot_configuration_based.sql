-- Data and stream chosen by switches.
-- database: postgres
-- config: {"table.include.list": "public.sn_configuration_based_.*", "snapshot.mode": "configuration_based", "snapshot.mode.configuration.based.snapshot.data": "true", "snapshot.mode.configuration.based.snapshot.schema": "true", "snapshot.mode.configuration.based.start.stream": "true"}
-- phase: setup
drop table if exists public.sn_configuration_based_a, public.sn_configuration_based_b, public.sn_configuration_based_c;
create table public.sn_configuration_based_a (id int primary key, v text);
create table public.sn_configuration_based_b (id int primary key, v text);
create table public.sn_configuration_based_c (id int primary key, v text);
insert into public.sn_configuration_based_a select g, 'row ' || g from generate_series(1, 10) g;
insert into public.sn_configuration_based_c values (1, 'c'), (2, 'c'), (3, 'd');
-- phase: stream
insert into public.sn_configuration_based_a values (100, 'streamed');
update public.sn_configuration_based_c set v = 'e' where id = 1;
insert into public.sn_configuration_based_b values (1, 'was empty');
-- phase: restart
insert into public.sn_configuration_based_a values (101, 'while down');
delete from public.sn_configuration_based_c where id = 2;
-- phase: stream
insert into public.sn_configuration_based_b values (2, 'after restart');
-- phase: cleanup
drop table if exists public.sn_configuration_based_a, public.sn_configuration_based_b, public.sn_configuration_based_c;
