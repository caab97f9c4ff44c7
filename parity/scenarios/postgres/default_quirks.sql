-- Defaults that the original garbles: cut at a quote, infinite timestamps.
-- database: postgres
-- config: {"table.include.list": "public.defq_.*"}
-- phase: setup
drop table if exists public.defq_a;
create table public.defq_a (id int primary key, t text default 'it''s', inf timestamp default 'infinity', ninf timestamp(3) default '-infinity');
insert into public.defq_a values (1, 'x', '2024-01-01', null);
-- phase: stream
insert into public.defq_a values (2, 'x', null, null);
-- phase: cleanup
drop table if exists public.defq_a;
