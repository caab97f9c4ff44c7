-- Thirty tables at once, each with rows, changed in one transaction.
-- database: postgres
-- config: {"table.include.list": "public.thirty_.*", "provide.transaction.metadata": "true"}
-- phase: setup
do $$ begin for i in 1..30 loop execute format('drop table if exists public.thirty_%s', i); execute format('create table public.thirty_%s (id int primary key, v text)', i); execute format('insert into public.thirty_%s select g, ''v'' from generate_series(1, %s) g', i, i % 4); end loop; end $$;
-- phase: stream
do $$ begin for i in 1..30 loop execute format('insert into public.thirty_%s values (100, ''x'')', i); execute format('update public.thirty_%s set v = ''y'' where id = 1', i); end loop; end $$;
-- phase: cleanup
do $$ begin for i in 1..30 loop execute format('drop table if exists public.thirty_%s', i); end loop; end $$;
