-- Tables created, renamed into and out of the captured names while the connectors run; FOR ALL TABLES.
-- database: postgres
-- config: {"table.include.list": "public.newt_.*", "publication.autocreate.mode": "all_tables"}
-- phase: setup
drop table if exists public.newt_a, public.newt_b, public.newt_c, public.outside_newt;
create table public.newt_a (id int primary key, v text);
create table public.outside_newt (id int primary key, v text);
insert into public.newt_a values (1, 'a');
-- phase: stream
create table public.newt_b (id int primary key, v text not null default 'dd', n numeric(6,2));
insert into public.newt_b values (1, 'created while running', 1.5);
-- phase: stream
begin;
create table public.newt_c (k text primary key, tags text[]);
insert into public.newt_c values ('in one transaction', '{a,b}');
commit;
insert into public.outside_newt values (1, 'not captured');
-- phase: stream
drop table public.newt_b;
create table public.newt_b (other text, id bigint primary key);
insert into public.newt_b values ('made anew', 2);
-- phase: cleanup
drop table if exists public.newt_a, public.newt_b, public.newt_c, public.outside_newt;
