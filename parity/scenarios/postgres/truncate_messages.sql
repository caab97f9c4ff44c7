-- Truncate of one and of several tables, logical messages inside and outside transactions, prefixes filtered.
-- database: postgres
-- config: {"table.include.list": "public.trm_.*", "skipped.operations": "none", "message.prefix.exclude.list": "hidden.*"}
-- phase: setup
drop table if exists public.trm_child, public.trm_a, public.trm_b;
create table public.trm_a (id int primary key, v text);
create table public.trm_b (id int primary key, v text);
create table public.trm_child (id int primary key, a int references public.trm_a);
insert into public.trm_a values (1, 'a');
insert into public.trm_child values (1, 1);
-- phase: stream
insert into public.trm_b values (1, 'b');
select pg_logical_emit_message(true, 'app', 'inside');
select pg_logical_emit_message(false, 'app', 'outside');
select pg_logical_emit_message(true, 'hidden.x', 'not seen');
begin;
insert into public.trm_b values (2, 'b');
select pg_logical_emit_message(true, 'ünïcode prefix', '\x00ff10'::bytea);
select pg_logical_emit_message(true, '', '');
delete from public.trm_b where id = 1;
commit;
begin;
select pg_logical_emit_message(true, 'app', 'rolled back');
rollback;
truncate public.trm_b;
truncate public.trm_a, public.trm_child;
truncate public.trm_a cascade;
truncate public.trm_a restart identity cascade;
insert into public.trm_a values (5, 'after');
-- phase: cleanup
drop table if exists public.trm_child, public.trm_a, public.trm_b;
