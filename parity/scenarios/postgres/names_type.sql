-- Columns of type name.
-- database: postgres
-- config: {"table.include.list": "public.namet_.*"}
-- phase: setup
drop table if exists public.namet_a;
create table public.namet_a (id int primary key, n name);
insert into public.namet_a values (1, 'snap');
-- phase: stream
insert into public.namet_a values (2, 'nm');
-- phase: cleanup
drop table if exists public.namet_a;
