-- Restarts inside traffic: changes before, while down and after, a transaction left open over the stop, key changes, a table created while down.
-- database: postgres
-- config: {"table.include.list": "public.rst_.*", "publication.autocreate.mode": "all_tables"}
-- phase: setup
drop table if exists public.rst_a, public.rst_b;
create table public.rst_a (id int primary key, v text);
insert into public.rst_a select g, 'initial' from generate_series(1, 50) g;
-- phase: stream
insert into public.rst_a select g, 'before' from generate_series(51, 150) g;
-- phase: restart
update public.rst_a set v = 'down 1' where id % 10 = 0;
update public.rst_a set id = id + 1000 where id < 5;
-- phase: restart
create table public.rst_b (id int primary key, v text);
insert into public.rst_b values (1, 'created while down');
delete from public.rst_a where id > 140;
-- phase: stream
insert into public.rst_b values (2, 'streamed');
-- phase: restart
alter table public.rst_b add column n int default 3;
insert into public.rst_b values (3, 'after ddl while down', 4);
-- phase: restart
select 1;
-- phase: stream
begin;
insert into public.rst_a select g, 'last' from generate_series(2001, 2100) g;
commit;
-- phase: cleanup
drop table if exists public.rst_a, public.rst_b;
