-- Rows chosen by select overrides, one table left out of the snapshot, tables by row count.
-- database: postgres
-- config: {"table.include.list": "public.sn_overrides_.*", "snapshot.select.statement.overrides": "public.sn_overrides_a", "snapshot.select.statement.overrides.public.sn_overrides_a": "select * from public.sn_overrides_a where id > 7 order by id desc", "snapshot.include.collection.list": "public.sn_overrides_(a|c)", "snapshot.tables.order.by.row.count": "descending"}
-- phase: setup
drop table if exists public.sn_overrides_a, public.sn_overrides_b, public.sn_overrides_c;
create table public.sn_overrides_a (id int primary key, v text);
create table public.sn_overrides_b (id int primary key, v text);
create table public.sn_overrides_c (id int primary key, v text);
insert into public.sn_overrides_a select g, 'row ' || g from generate_series(1, 10) g;
insert into public.sn_overrides_c values (1, 'c'), (2, 'c'), (3, 'd');
insert into public.sn_overrides_b values (50, 'not in the snapshot');
analyze public.sn_overrides_a;
analyze public.sn_overrides_b;
analyze public.sn_overrides_c;
-- phase: stream
insert into public.sn_overrides_a values (100, 'streamed');
update public.sn_overrides_c set v = 'e' where id = 1;
insert into public.sn_overrides_b values (1, 'was empty');
-- phase: cleanup
drop table if exists public.sn_overrides_a, public.sn_overrides_b, public.sn_overrides_c;
