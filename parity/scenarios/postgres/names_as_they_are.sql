-- Odd schema, table and column names, not adjusted.
-- database: postgres
-- config: {"schema.include.list": "adjn Schema", "provide.transaction.metadata": "true"}
-- phase: setup
drop schema if exists "adjn Schema" cascade;
create schema "adjn Schema";
create table "adjn Schema"."1st table-ü" (id int primary key, "a b" text, "1col" int, "dot.ted" text, "ünï" text, under_score text, "$x" int);
create table "adjn Schema".plain_name (id int primary key, v text);
insert into "adjn Schema"."1st table-ü" values (1, 'a', 2, 'c', 'd', 'e', 6);
insert into "adjn Schema".plain_name values (1, 'a');
-- phase: stream
insert into "adjn Schema"."1st table-ü" values (2, 'a', 2, 'c', 'd', 'e', 6);
update "adjn Schema"."1st table-ü" set id = 3 where id = 1;
insert into "adjn Schema".plain_name values (2, 'a');
delete from "adjn Schema".plain_name;
-- phase: cleanup
drop schema if exists "adjn Schema" cascade;
