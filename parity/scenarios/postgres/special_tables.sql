-- Row-level security, unlogged and foreign tables, views, inherited tables beside ordinary ones; FOR ALL TABLES.
-- database: postgres
-- config: {"table.include.list": "public.spec_.*", "publication.autocreate.mode": "all_tables"}
-- phase: setup
create extension if not exists file_fdw;
drop view if exists public.spec_view;
drop materialized view if exists public.spec_mat;
drop foreign table if exists public.spec_foreign;
drop server if exists spec_server cascade;
drop table if exists public.spec_child, public.spec_rls, public.spec_unlogged, public.spec_parent;
create table public.spec_rls (id int primary key, owner text);
alter table public.spec_rls enable row level security;
create policy p on public.spec_rls using (owner = 'nobody');
create unlogged table public.spec_unlogged (id int primary key, v text);
create table public.spec_parent (id int primary key, v text);
create table public.spec_child (extra int, primary key (id)) inherits (public.spec_parent);
create server spec_server foreign data wrapper file_fdw;
create foreign table public.spec_foreign (line text) server spec_server options (filename '/etc/hostname');
create view public.spec_view as select * from public.spec_parent;
create materialized view public.spec_mat as select 1 as id;
insert into public.spec_rls values (1, 'ann');
insert into public.spec_unlogged values (1, 'u');
insert into public.spec_parent values (1, 'p');
insert into public.spec_child values (2, 'c', 3);
-- phase: stream
insert into public.spec_rls values (2, 'bob');
insert into public.spec_unlogged values (2, 'u');
insert into public.spec_parent values (3, 'p');
insert into public.spec_child values (4, 'c', 3);
update public.spec_parent set v = 'both' where id in (1, 2);
-- phase: cleanup
drop view if exists public.spec_view;
drop materialized view if exists public.spec_mat;
drop foreign table if exists public.spec_foreign;
drop server if exists spec_server cascade;
drop table if exists public.spec_child, public.spec_rls, public.spec_unlogged, public.spec_parent;
