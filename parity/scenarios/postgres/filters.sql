-- Schema and table lists with look-ahead, exclude lists, case.
-- database: postgres
-- config: {"schema.exclude.list": "flt_hidden,pub.*,information_schema", "table.exclude.list": "flt_one\\.(?!keep).*,FLT_TWO.dropped"}
-- phase: setup
drop schema if exists flt_one cascade;
drop schema if exists flt_two cascade;
drop schema if exists flt_hidden cascade;
create schema flt_one;
create schema flt_two;
create schema flt_hidden;
create table flt_one.keep (id int primary key);
create table flt_one.keeper (id int primary key);
create table flt_one.lost (id int primary key);
create table flt_two.seen (id int primary key);
create table flt_two.dropped (id int primary key);
create table flt_hidden.never (id int primary key);
insert into flt_one.keep values (1);
insert into flt_one.lost values (1);
insert into flt_two.seen values (1);
insert into flt_hidden.never values (1);
-- phase: stream
insert into flt_one.keep values (2);
insert into flt_one.keeper values (2);
insert into flt_one.lost values (2);
insert into flt_two.seen values (2);
insert into flt_two.dropped values (2);
insert into flt_hidden.never values (2);
-- phase: cleanup
drop schema if exists flt_one cascade;
drop schema if exists flt_two cascade;
drop schema if exists flt_hidden cascade;
