-- COPY and other statements whose rows share one place in the log.
-- database: postgres
-- config: {"table.include.list": "public.bulk_t"}
-- config: {"provide.transaction.metadata": "true"}
-- phase: setup
drop table if exists public.bulk_t;
create table public.bulk_t (id int primary key, v text);
-- phase: stream
copy public.bulk_t from stdin;
1	a
2	\N
3	c\td
\.
insert into public.bulk_t select g, null from generate_series(10, 300) g;
insert into public.bulk_t values (1, 'z') on conflict (id) do update set v = excluded.v;
merge into public.bulk_t t using (values (2, 'm'), (5, 'n')) s (id, v) on t.id = s.id when matched then update set v = s.v when not matched then insert values (s.id, s.v);
-- phase: cleanup
drop table if exists public.bulk_t;
