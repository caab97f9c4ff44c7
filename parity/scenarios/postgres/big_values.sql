-- Values of hundreds of kilobytes, wide rows, and a long transaction.
-- database: postgres
-- config: {"table.include.list": "public.big_.*"}
-- phase: setup
drop table if exists public.big_a, public.big_wide;
create table public.big_a (id int primary key, t text, b bytea, j jsonb);
insert into public.big_a values (1, repeat('0123456789é', 20000), decode(repeat('00ff10', 50000), 'hex'), jsonb_build_object('a', repeat('x', 100000)));
do $$ begin execute 'create table public.big_wide (id int primary key, ' || (select string_agg('c' || g || ' text default ''d' || g || '''', ', ') from generate_series(1, 400) g) || ')'; end $$;
insert into public.big_wide (id) values (1);
-- phase: stream
insert into public.big_a values (2, repeat('☃', 100000), decode(repeat('ab', 200000), 'hex'), '{}');
update public.big_a set j = '{"a": 2}' where id = 1;
insert into public.big_wide (id) select g from generate_series(2, 20) g;
begin;
insert into public.big_a select g, repeat('row ' || g, 20), null, null from generate_series(1000, 6000) g;
commit;
delete from public.big_a where id > 5900;
-- phase: cleanup
drop table if exists public.big_a, public.big_wide;
