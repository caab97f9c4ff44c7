-- Names adjusted with escapes.
-- database: postgres
-- config: {"schema.include.list": "adju Schema", "schema.name.adjustment.mode": "avro_unicode", "field.name.adjustment.mode": "avro_unicode"}
-- phase: setup
drop schema if exists "adju Schema" cascade;
create schema "adju Schema";
create table "adju Schema"."1st table-ü" (id int primary key, "a b" text, "1col" int, "dot.ted" text, "ünï" text, under_score text, "$x" int);
create table "adju Schema".plain_name (id int primary key, v text);
insert into "adju Schema"."1st table-ü" values (1, 'a', 2, 'c', 'd', 'e', 6);
insert into "adju Schema".plain_name values (1, 'a');
-- phase: stream
insert into "adju Schema"."1st table-ü" values (2, 'a', 2, 'c', 'd', 'e', 6);
update "adju Schema"."1st table-ü" set id = 3 where id = 1;
insert into "adju Schema".plain_name values (2, 'a');
delete from "adju Schema".plain_name;
-- phase: cleanup
drop schema if exists "adju Schema" cascade;
