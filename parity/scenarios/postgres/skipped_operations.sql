-- Updates and deletes skipped; truncates not.
-- database: postgres
-- config: {"table.include.list": "public.skop_.*", "skipped.operations": "u,d", "provide.transaction.metadata": "true"}
-- phase: setup
drop table if exists public.skop_a;
create table public.skop_a (id int primary key, v text);
insert into public.skop_a values (1, 'a');
-- phase: stream
insert into public.skop_a values (2, 'b');
update public.skop_a set v = 'c' where id = 1;
update public.skop_a set id = 10 where id = 1;
delete from public.skop_a where id = 2;
begin;
insert into public.skop_a values (3, 'c');
update public.skop_a set v = 'd';
delete from public.skop_a where id = 3;
commit;
truncate public.skop_a;
insert into public.skop_a values (4, 'd');
-- phase: cleanup
drop table if exists public.skop_a;
