-- Names adjusted to what Avro takes.
-- database: postgres
-- config: {"schema.include.list": "adja Schema", "schema.name.adjustment.mode": "avro", "field.name.adjustment.mode": "avro", "provide.transaction.metadata": "true"}
-- phase: setup
drop schema if exists "adja Schema" cascade;
create schema "adja Schema";
create table "adja Schema"."1st table-ü" (id int primary key, "a b" text, "1col" int, "dot.ted" text, "ünï" text, under_score text, "$x" int);
create table "adja Schema".plain_name (id int primary key, v text);
insert into "adja Schema"."1st table-ü" values (1, 'a', 2, 'c', 'd', 'e', 6);
insert into "adja Schema".plain_name values (1, 'a');
-- phase: stream
insert into "adja Schema"."1st table-ü" values (2, 'a', 2, 'c', 'd', 'e', 6);
update "adja Schema"."1st table-ü" set id = 3 where id = 1;
insert into "adja Schema".plain_name values (2, 'a');
delete from "adja Schema".plain_name;
-- phase: cleanup
drop schema if exists "adja Schema" cascade;
