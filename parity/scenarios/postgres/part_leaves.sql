-- A table in partitions, of two levels: events of each partition.
-- database: postgres
-- config: {"table.include.list": "public.part_leaves_.*", "provide.transaction.metadata": "true"}
-- phase: setup
drop table if exists public.part_leaves_t, public.part_leaves_plain;
create table public.part_leaves_plain (id int primary key);
create table public.part_leaves_t (id int, at date, v text, primary key (id, at)) partition by range (at);
create table public.part_leaves_t_2023 partition of public.part_leaves_t for values from ('2023-01-01') to ('2024-01-01');
create table public.part_leaves_t_2024 partition of public.part_leaves_t for values from ('2024-01-01') to ('2025-01-01');
create table public.part_leaves_t_rest partition of public.part_leaves_t default partition by list (id);
create table public.part_leaves_t_rest_1 partition of public.part_leaves_t_rest for values in (1, 2, 3);
insert into public.part_leaves_t values (1, '2023-05-05', 'a'), (2, '2024-05-05', 'b'), (3, '1999-01-01', 'c');
-- phase: stream
insert into public.part_leaves_t values (1, '2023-06-05', 'd'), (2, '2024-06-05', 'e'), (3, '1999-02-01', 'f');
update public.part_leaves_t set v = 'x' where id = 1;
update public.part_leaves_t set at = '2024-07-07' where id = 1 and at = '2023-05-05';
delete from public.part_leaves_t where id = 3;
insert into public.part_leaves_plain values (1);
-- phase: cleanup
drop table if exists public.part_leaves_t, public.part_leaves_plain;
