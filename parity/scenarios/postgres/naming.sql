-- A topic delimiter of one's own, names that hold unicode, upper case, spaces and dots, and a regular expression that merges tables.
-- database: postgres
-- config: {"schema.include.list": "naming", "topic.delimiter": "_", "topic.naming.strategy": "io.debezium.schema.SchemaTopicNamingStrategy", "topic.heartbeat.prefix": "heartbeat-of", "heartbeat.interval.ms": "1000", "topic.transaction": "tx", "provide.transaction.metadata": "true"}
-- phase: setup
drop schema if exists naming cascade;
create schema naming;
create table naming."Upper Case" (id int primary key, "Col Name" text, "dot.ted" int, "ünï" text, "1st" int);
create table naming."grüße☃" (id int primary key, v text);
create table naming."with.dot" ("Id" int primary key, v text);
insert into naming."Upper Case" values (1, 'a', 1, 'u', 1);
insert into naming."grüße☃" values (1, 'v');
-- phase: stream
insert into naming."Upper Case" values (2, 'b', 2, 'ü', 2);
insert into naming."with.dot" values (1, 'v');
update naming."grüße☃" set v = 'w';
delete from naming."Upper Case" where id = 1;
select pg_sleep(2);
-- phase: cleanup
drop schema if exists naming cascade;
