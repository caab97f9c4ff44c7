-- Operations left out of the stream: c.
-- database: postgres
-- config: {"table.include.list": "public.skip_c_.*", "skipped.operations": "c", "provide.transaction.metadata": "true"}
-- phase: setup
drop table if exists public.skip_c_a;
create table public.skip_c_a (id int primary key, v text);
insert into public.skip_c_a values (1, 'a'), (2, 'b');
-- phase: stream
insert into public.skip_c_a values (3, 'c');
update public.skip_c_a set v = 'x' where id = 1;
update public.skip_c_a set id = 9 where id = 2;
delete from public.skip_c_a where id = 1;
begin;
insert into public.skip_c_a values (4, 'd');
delete from public.skip_c_a where id = 4;
commit;
truncate public.skip_c_a;
insert into public.skip_c_a values (5, 'e');
-- phase: cleanup
drop table if exists public.skip_c_a;
