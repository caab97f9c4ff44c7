-- Operations left out of the stream: t.
-- database: postgres
-- config: {"table.include.list": "public.skip_default_.*", "skipped.operations": "t", "provide.transaction.metadata": "true"}
-- phase: setup
drop table if exists public.skip_default_a;
create table public.skip_default_a (id int primary key, v text);
insert into public.skip_default_a values (1, 'a'), (2, 'b');
-- phase: stream
insert into public.skip_default_a values (3, 'c');
update public.skip_default_a set v = 'x' where id = 1;
update public.skip_default_a set id = 9 where id = 2;
delete from public.skip_default_a where id = 1;
begin;
insert into public.skip_default_a values (4, 'd');
delete from public.skip_default_a where id = 4;
commit;
truncate public.skip_default_a;
insert into public.skip_default_a values (5, 'e');
-- phase: cleanup
drop table if exists public.skip_default_a;
