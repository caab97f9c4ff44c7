-- A value cut in the middle of a surrogate pair.
-- database: postgres
-- config: {"table.include.list": "public.truncq_.*", "column.truncate.to.3.chars": "public.truncq_a.v"}
-- phase: setup
drop table if exists public.truncq_a;
create table public.truncq_a (id int primary key, v text);
insert into public.truncq_a values (1, 'a😀bc');
-- phase: stream
insert into public.truncq_a values (2, '😀😀');
-- phase: cleanup
drop table if exists public.truncq_a;
