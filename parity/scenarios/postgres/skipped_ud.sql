-- Operations left out of the stream: u,d.
-- database: postgres
-- config: {"table.include.list": "public.skip_ud_.*", "skipped.operations": "u,d", "provide.transaction.metadata": "true", "tombstones.on.delete": "false"}
-- phase: setup
drop table if exists public.skip_ud_a;
create table public.skip_ud_a (id int primary key, v text);
insert into public.skip_ud_a values (1, 'a'), (2, 'b');
-- phase: stream
insert into public.skip_ud_a values (3, 'c');
update public.skip_ud_a set v = 'x' where id = 1;
update public.skip_ud_a set id = 9 where id = 2;
delete from public.skip_ud_a where id = 1;
begin;
insert into public.skip_ud_a values (4, 'd');
delete from public.skip_ud_a where id = 4;
commit;
truncate public.skip_ud_a;
insert into public.skip_ud_a values (5, 'e');
-- phase: cleanup
drop table if exists public.skip_ud_a;
