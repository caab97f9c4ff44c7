-- Transaction metadata: several tables, savepoints, a rollback, an empty one, two sessions' worth of rows.
-- database: postgres
-- config: {"table.include.list": "public.txm_.*", "provide.transaction.metadata": "true"}
-- phase: setup
drop table if exists public.txm_a, public.txm_b, public.other_txm;
create table public.txm_a (id int primary key, v text);
create table public.txm_b (id int primary key, v text);
create table public.other_txm (id int primary key, v text);
insert into public.txm_a values (1, 'a');
-- phase: stream
insert into public.txm_a values (2, 'single');
begin;
insert into public.txm_a values (3, 'x'), (4, 'y');
insert into public.txm_b values (1, 'z');
update public.txm_a set v = 'w' where id = 1;
update public.txm_a set id = 30 where id = 3;
delete from public.txm_b;
commit;
begin;
insert into public.txm_a values (50, 'kept');
savepoint s1;
insert into public.txm_a values (51, 'lost');
savepoint s2;
insert into public.txm_b values (51, 'lost too');
rollback to s1;
insert into public.txm_b values (52, 'kept');
savepoint s3;
insert into public.txm_b values (53, 'kept');
release s3;
commit;
begin;
insert into public.txm_a values (60, 'lost');
rollback;
begin;
insert into public.other_txm values (1, 'not captured');
commit;
begin;
insert into public.other_txm values (2, 'not captured');
insert into public.txm_a select g, 'many' from generate_series(100, 199) g;
commit;
-- phase: restart
begin;
insert into public.txm_a values (300, 'while down');
insert into public.txm_b values (300, 'while down');
commit;
-- phase: stream
delete from public.txm_a where id >= 150;
-- phase: cleanup
drop table if exists public.txm_a, public.txm_b, public.other_txm;
