-- Names and values of several bytes a letter, of other scripts, in schemas, tables, columns, keys, types, defaults and lists of them.
-- database: postgres
-- config: {"schema.include.list": "schéma,публичная", "column.exclude.list": "schéma\\.größe\\.übrig", "message.key.columns": "публичная.таблица:имя", "column.truncate.to.2.chars": "публичная.таблица.текст"}
-- json only: with an Avro converter Debezium adjusts names, and two columns of a table become the same one: both sides fail
-- phase: setup
drop schema if exists "schéma" cascade;
drop schema if exists "публичная" cascade;
create schema "schéma";
create schema "публичная";
create type "schéma"."Stimmung" as enum ('fröhlich', '悲しい');
create table "schéma"."größe" ("schlüssel" int primary key, "übrig" text, "straße" varchar(5) default 'ß漢😀', "gemüt" "schéma"."Stimmung" default '悲しい', "😀" char(3));
create table "публичная"."таблица" ("ид" int primary key, "имя" text not null, "текст" text);
create table "публичная"."テーブル" ("キー" text, "番号" int, primary key ("キー", "番号"));
alter table "публичная"."таблица" replica identity full;
insert into "schéma"."größe" values (1, 'x', 'äöü', 'fröhlich', 'é'), (2, null, null, null, null);
insert into "публичная"."таблица" values (1, 'Анна', 'привет');
insert into "публичная"."テーブル" values ('鍵', 1);
-- phase: stream
insert into "schéma"."größe" ("schlüssel") values (3);
update "schéma"."größe" set "straße" = '😀😀😀😀😀' where "schlüssel" = 1;
update "публичная"."таблица" set "имя" = 'Ольга';
delete from "публичная"."таблица";
update "публичная"."テーブル" set "キー" = '新しい鍵';
delete from "публичная"."テーブル";
-- phase: cleanup
drop schema if exists "schéma" cascade;
drop schema if exists "публичная" cascade;
