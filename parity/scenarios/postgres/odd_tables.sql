-- Tables with row-level security, foreign, inherited, views and materialised views, sequences.
-- database: postgres
-- config: {"schema.include.list": "oddt"}
-- phase: setup
drop schema if exists oddt cascade;
drop server if exists oddt_files cascade;
create schema oddt;
create table oddt.rls (id int primary key, v text);
alter table oddt.rls enable row level security;
alter table oddt.rls force row level security;
create policy p on oddt.rls using (id < 2);
create table oddt.parent (id int primary key, v text);
create table oddt.child (w int, primary key (id)) inherits (oddt.parent);
create view oddt.vw as select * from oddt.parent;
create materialized view oddt.mv as select 1 as id;
create sequence oddt.sq;
create extension if not exists file_fdw;
create server oddt_files foreign data wrapper file_fdw;
create foreign table oddt.ft (line text) server oddt_files options (filename '/etc/hostname');
insert into oddt.rls values (1, 'a'), (2, 'b');
insert into oddt.parent values (1, 'p');
insert into oddt.child values (2, 'c', 3);
-- phase: stream
insert into oddt.rls values (3, 'c');
update oddt.rls set v = 'x';
insert into oddt.parent values (4, 'p');
insert into oddt.child values (5, 'c', 6);
update oddt.parent set v = 'y';
refresh materialized view oddt.mv;
select nextval('oddt.sq');
-- phase: cleanup
drop schema if exists oddt cascade;
drop server if exists oddt_files cascade;
