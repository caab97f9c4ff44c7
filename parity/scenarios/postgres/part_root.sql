-- A table in partitions, of two levels: all events under the root's name.
-- database: postgres
-- config: {"table.include.list": "public.part_root_.*", "provide.transaction.metadata": "true", "publish.via.partition.root": "true"}
-- phase: setup
drop table if exists public.part_root_t, public.part_root_plain;
create table public.part_root_plain (id int primary key);
create table public.part_root_t (id int, at date, v text, primary key (id, at)) partition by range (at);
create table public.part_root_t_2023 partition of public.part_root_t for values from ('2023-01-01') to ('2024-01-01');
create table public.part_root_t_2024 partition of public.part_root_t for values from ('2024-01-01') to ('2025-01-01');
create table public.part_root_t_rest partition of public.part_root_t default partition by list (id);
create table public.part_root_t_rest_1 partition of public.part_root_t_rest for values in (1, 2, 3);
insert into public.part_root_t values (1, '2023-05-05', 'a'), (2, '2024-05-05', 'b'), (3, '1999-01-01', 'c');
-- phase: stream
insert into public.part_root_t values (1, '2023-06-05', 'd'), (2, '2024-06-05', 'e'), (3, '1999-02-01', 'f');
update public.part_root_t set v = 'x' where id = 1;
update public.part_root_t set at = '2024-07-07' where id = 1 and at = '2023-05-05';
delete from public.part_root_t where id = 3;
insert into public.part_root_plain values (1);
-- phase: cleanup
drop table if exists public.part_root_t, public.part_root_plain;
