-- Two hundred tables, a few rows each, written in one transaction.
-- database: postgres
-- config: {"table.include.list": "public.many_.*"}
-- phase: setup
do $$ begin for i in 1..200 loop execute format('drop table if exists public.many_%s', i); execute format('create table public.many_%s (id int primary key, v text)', i); execute format('insert into public.many_%s values (1, ''a'')', i); end loop; end $$;
-- phase: stream
do $$ begin for i in 1..200 loop execute format('insert into public.many_%s values (2, ''b'')', i); end loop; end $$;
do $$ begin for i in 1..200 by 7 loop execute format('delete from public.many_%s where id = 1', i); end loop; end $$;
-- phase: cleanup
do $$ begin for i in 1..200 loop execute format('drop table if exists public.many_%s', i); end loop; end $$;
