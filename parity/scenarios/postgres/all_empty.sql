-- Nothing at all in the snapshot, savepoints and nested rollbacks in the stream, rows locked and changed twice in a transaction.
-- database: postgres
-- config: {"table.include.list": "public.allempty_.*", "provide.transaction.metadata": "true"}
-- phase: setup
drop table if exists public.allempty_a, public.allempty_b;
create table public.allempty_a (id int primary key, v text);
create table public.allempty_b (id int primary key, v text);
-- phase: stream
begin;
insert into public.allempty_a values (1, 'kept');
savepoint s1;
insert into public.allempty_a values (2, 'lost');
savepoint s2;
insert into public.allempty_b values (3, 'lost too');
rollback to s1;
insert into public.allempty_a values (4, 'kept');
savepoint s3;
insert into public.allempty_b values (5, 'kept');
release s3;
update public.allempty_a set v = 'once' where id = 1;
update public.allempty_a set v = 'twice' where id = 1;
select * from public.allempty_a for update;
delete from public.allempty_a where id = 1;
commit;
insert into public.allempty_a values (4, 'conflict') on conflict (id) do update set v = excluded.v;
insert into public.allempty_a values (4, 'nothing') on conflict do nothing;
begin;
insert into public.allempty_a values (6, 'two-phase');
rollback;
merge into public.allempty_a t using (values (4, 'm'), (7, 'n')) s (id, v) on t.id = s.id when matched then update set v = s.v when not matched then insert values (s.id, s.v);
copy public.allempty_b from stdin;
10	ten
11	\N
\.
delete from public.allempty_b where id = 10;
-- phase: cleanup
drop table if exists public.allempty_a, public.allempty_b;
