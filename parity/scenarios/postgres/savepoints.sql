-- Subtransactions: what was rolled back to a savepoint is not sent, and the order of the rest stays.
-- database: postgres
-- config: {"table.include.list": "public.save_t"}
-- config: {"provide.transaction.metadata": "true"}
-- phase: setup
drop table if exists public.save_t;
create table public.save_t (id int primary key, v text);
insert into public.save_t values (1, 'a');
-- phase: stream
begin; insert into public.save_t values (2, 'b'); savepoint s; insert into public.save_t values (3, 'gone'); rollback to s; insert into public.save_t values (4, 'd'); release s; commit;
begin; savepoint a; update public.save_t set v = 'x'; savepoint b; delete from public.save_t where id = 1; release b; rollback to a; delete from public.save_t where id = 2; commit;
do $$ begin insert into public.save_t values (5, 'e'); begin insert into public.save_t values (5, 'twice'); exception when unique_violation then insert into public.save_t values (6, 'f'); end; end $$;
-- phase: cleanup
drop table if exists public.save_t;
