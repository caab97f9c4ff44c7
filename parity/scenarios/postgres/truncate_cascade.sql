-- Truncations as events: with cascade, of several tables at once, of a partitioned table, with identities that begin anew, amid a transaction.
-- database: postgres
-- config: {"table.include.list": "public.trc_(parent|child|other|part.*)", "skipped.operations": "none"}
-- phase: setup
drop table if exists public.trc_parent, public.trc_child, public.trc_grand, public.trc_other, public.trc_part cascade;
create table public.trc_parent (id int primary key, v text);
create table public.trc_child (id int primary key, parent int references public.trc_parent);
create table public.trc_grand (id int primary key, child int references public.trc_child);
create table public.trc_other (id int generated always as identity primary key, v text);
create table public.trc_part (id int primary key, v text) partition by range (id);
create table public.trc_part_1 partition of public.trc_part for values from (0) to (100);
create table public.trc_part_2 partition of public.trc_part for values from (100) to (200);
insert into public.trc_parent values (1, 'a');
insert into public.trc_child values (1, 1);
insert into public.trc_grand values (1, 1);
insert into public.trc_other (v) values ('x');
insert into public.trc_part values (1, 'p'), (101, 'q');
-- phase: stream
truncate public.trc_parent cascade;
insert into public.trc_parent values (2, 'b');
insert into public.trc_child values (2, 2);
-- phase: stream
begin;
insert into public.trc_other (v) values ('y');
truncate public.trc_other, public.trc_child cascade;
insert into public.trc_other (v) values ('z');
commit;
truncate public.trc_other restart identity;
insert into public.trc_other (v) values ('first again');
-- phase: stream
truncate public.trc_part;
insert into public.trc_part values (2, 'p');
truncate public.trc_part_1;
truncate only public.trc_other;
-- phase: cleanup
drop table if exists public.trc_parent, public.trc_child, public.trc_grand, public.trc_other, public.trc_part cascade;
