-- Tables created while running, under a publication for all tables; a table dropped and made again; two schemas.
-- database: postgres
-- config: {"schema.include.list": "newt_one,newt_two", "publication.autocreate.mode": "all_tables"}
-- phase: setup
drop schema if exists newt_one, newt_two, newt_three cascade;
create schema newt_one;
create schema newt_three;
create table newt_one.a (id int primary key, v text);
create table newt_three.a (id int primary key, v text);
insert into newt_one.a values (1, 'a');
-- phase: stream
create table newt_one.b (id int primary key, n numeric(5,2) default 1.5, e text not null);
insert into newt_one.b values (1, 2.5, 'e');
insert into newt_three.a values (1, 'not captured');
-- phase: stream
create schema newt_two;
create table newt_two.c (id uuid primary key, ts timestamptz);
insert into newt_two.c values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-01-01 00:00+00');
insert into newt_one.a values (2, 'b');
-- phase: stream
drop table newt_one.a;
create table newt_one.a (id bigint primary key, w int, v text);
insert into newt_one.a values (1, 2, 'again');
-- phase: stream
begin;
create table newt_two.d (id int primary key);
insert into newt_two.d values (1);
alter table newt_two.d add column x int;
insert into newt_two.d values (2, 3);
commit;
-- phase: cleanup
drop schema if exists newt_one, newt_two, newt_three cascade;
