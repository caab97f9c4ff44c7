-- Rows chosen by a statement of one's own for some tables, tables left out of the snapshot, an order of the tables, tables without rows first and last.
-- database: postgres
-- config: {"table.include.list": "public.snapov_.*", "snapshot.include.collection.list": "public.snapov_(a|b|c|empty.*)", "snapshot.select.statement.overrides": "public.snapov_a,public.snapov_c"}
-- config: {"snapshot.select.statement.overrides.public.snapov_a": "select * from public.snapov_a where id > 2 order by id desc", "snapshot.select.statement.overrides.public.snapov_c": "select * from public.snapov_c where false", "snapshot.fetch.size": "2", "snapshot.lock.timeout.ms": "5000", "snapshot.locking.mode": "shared"}
-- phase: setup
drop table if exists public.snapov_a, public.snapov_b, public.snapov_c, public.snapov_no, public.snapov_empty, public.snapov_zempty;
create table public.snapov_a (id int primary key, v text);
create table public.snapov_b (id int primary key, v text);
create table public.snapov_c (id int primary key, v text);
create table public.snapov_no (id int primary key, v text);
create table public.snapov_empty (id int primary key);
create table public.snapov_zempty (id int primary key);
insert into public.snapov_a select g, 'v' from generate_series(1, 7) g;
insert into public.snapov_b values (1, 'b');
insert into public.snapov_c values (1, 'c');
insert into public.snapov_no values (1, 'n');
-- phase: stream
insert into public.snapov_a values (100, 'x');
insert into public.snapov_no values (100, 'x');
insert into public.snapov_c values (100, 'x');
-- phase: cleanup
drop table if exists public.snapov_a, public.snapov_b, public.snapov_c, public.snapov_no, public.snapov_empty, public.snapov_zempty;
