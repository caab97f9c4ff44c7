-- Logical messages alone, their content as base64, only chosen prefixes.
-- database: postgres
-- config: {"table.include.list": "public.msg_.*", "binary.handling.mode": "base64", "message.prefix.include.list": "keep.*,also"}
-- phase: setup
drop table if exists public.msg_t;
create table public.msg_t (id int primary key);
insert into public.msg_t values (1);
-- phase: stream
select pg_logical_emit_message(true, 'keep.1', 'one');
select pg_logical_emit_message(true, 'drop', 'two');
select pg_logical_emit_message(false, 'also', repeat('0123456789', 1000));
insert into public.msg_t values (2);
-- phase: cleanup
drop table if exists public.msg_t;
