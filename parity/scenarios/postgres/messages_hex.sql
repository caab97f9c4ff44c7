-- Logical messages with bytes as hex, but those of some prefixes.
-- database: postgres
-- config: {"table.include.list": "public.msgshex_.*", "logical.decoding.message.prefix.exclude.list": "not.*,msgs-lo.*", "binary.handling.mode": "hex"}
-- phase: setup
drop table if exists public.msgshex_a;
create table public.msgshex_a (id int primary key);
insert into public.msgshex_a values (1);
-- phase: stream
select pg_logical_emit_message(true, 'msgs-tx', 'transactional');
select pg_logical_emit_message(false, 'msgs-now', 'not transactional');
select pg_logical_emit_message(false, 'not-wanted', 'x');
select pg_logical_emit_message(true, 'msgs', '\x00ff80'::bytea);
select pg_logical_emit_message(true, 'other', '');
begin;
insert into public.msgshex_a values (2);
select pg_logical_emit_message(true, 'msgs-mid', 'Grüße ☃ 😀');
select pg_logical_emit_message(false, 'msgs-mid-now', 'before its transaction');
insert into public.msgshex_a values (3);
commit;
begin;
insert into public.msgshex_a values (4);
select pg_logical_emit_message(true, 'msgs-lost', 'x');
select pg_logical_emit_message(false, 'msgs-kept', 'x');
rollback;
-- phase: stream
select pg_logical_emit_message(true, 'msgs-long', repeat('x', 100000));
insert into public.msgshex_a values (5);
-- phase: cleanup
drop table if exists public.msgshex_a;
