-- Another delimiter; heartbeat and transaction topics renamed.
-- database: postgres
-- config: {"table.include.list": "public.topd.*", "topic.delimiter": "-", "provide.transaction.metadata": "true", "topic.transaction": "txs", "topic.heartbeat.prefix": "my-heartbeat", "heartbeat.interval.ms": "500"}
-- phase: setup
drop table if exists public.topd_a, public.topd_b, public."topd Odd-ünï_x";
create table public.topd_a (id int primary key, v text);
create table public.topd_b (id int primary key, v text);
create table public."topd Odd-ünï_x" (id int primary key, v text);
insert into public.topd_a values (1, 'a');
insert into public.topd_b values (1, 'a');
insert into public."topd Odd-ünï_x" values (1, 'a');
-- phase: stream
insert into public.topd_a values (2, 'a');
update public.topd_b set id = 5;
delete from public."topd Odd-ünï_x";
-- phase: cleanup
drop table if exists public.topd_a, public.topd_b, public."topd Odd-ünï_x";
