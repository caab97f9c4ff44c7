-- Tables gathered on one topic by the regex naming strategy.
-- database: postgres
-- config: {"table.include.list": "public.topr.*", "topic.naming.strategy": "io.debezium.schema.SchemaRegexTopicNamingStrategy", "topic.regex": "(.*)\\.public\\.topr_(.*)", "topic.replacement": "$1.all"}
-- phase: setup
drop table if exists public.topr_a, public.topr_b, public."topr Odd-ünï_x";
create table public.topr_a (id int primary key, v text);
create table public.topr_b (id int primary key, v text);
create table public."topr Odd-ünï_x" (id int primary key, v text);
insert into public.topr_a values (1, 'a');
insert into public.topr_b values (1, 'a');
insert into public."topr Odd-ünï_x" values (1, 'a');
-- phase: stream
insert into public.topr_a values (2, 'a');
update public.topr_b set id = 5;
delete from public."topr Odd-ünï_x";
-- phase: cleanup
drop table if exists public.topr_a, public.topr_b, public."topr Odd-ünï_x";
