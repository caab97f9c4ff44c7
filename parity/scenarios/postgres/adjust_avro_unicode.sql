-- Names of schemas and fields made fit for Avro: mode avro_unicode.
-- database: postgres
-- config: {"schema.include.list": "adjust_avro_unicode", "schema.name.adjustment.mode": "avro_unicode", "field.name.adjustment.mode": "avro_unicode"}
-- phase: setup
drop schema if exists adjust_avro_unicode cascade;
create schema adjust_avro_unicode;
create table adjust_avro_unicode."Odd Table-1" ("key-id" int primary key, "Col Name" text default 'x y', "1st" int, "dot.ted" int, "ünï☃" text, "under_score" int, "$money" numeric(5,2), "a_u0020" int);
create table adjust_avro_unicode.plain (id int primary key);
insert into adjust_avro_unicode."Odd Table-1" values (1, 'a', 1, 2, 'u', 3, 4, 5);
-- phase: stream
insert into adjust_avro_unicode."Odd Table-1" values (2, 'a', 1, 2, 'ü', 3, 4, 5);
update adjust_avro_unicode."Odd Table-1" set "1st" = 9 where "key-id" = 2;
update adjust_avro_unicode."Odd Table-1" set "key-id" = 3 where "key-id" = 2;
insert into adjust_avro_unicode.plain values (1);
-- phase: cleanup
drop schema if exists adjust_avro_unicode cascade;
