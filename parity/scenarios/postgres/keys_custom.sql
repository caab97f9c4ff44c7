-- Key changes, composite and wide keys, tables without keys, a message key of one's own, tombstones off.
-- database: postgres
-- config: {"table.include.list": "public.keys_.*", "tombstones.on.delete": "false", "message.key.columns": "public.keys_custom:b,a;public.keys_re.*:v"}
-- phase: setup
drop table if exists public.keys_a, public.keys_two, public.keys_none, public.keys_custom, public.keys_re1, public.keys_uniq, public.keys_types;
create table public.keys_a (id int primary key, v text);
create table public.keys_two (v text, b uuid, a int, primary key (a, b));
create table public.keys_none (a int, b text);
alter table public.keys_none replica identity full;
create table public.keys_custom (id int primary key, a int, b text);
alter table public.keys_custom replica identity full;
create table public.keys_re1 (id int primary key, v text);
alter table public.keys_re1 replica identity full;
create table public.keys_uniq (a int not null unique, b text);
alter table public.keys_uniq replica identity using index keys_uniq_a_key;
create table public.keys_types (t timestamptz, n numeric(10,2), by bytea, d date, primary key (t, n, by, d));
insert into public.keys_a values (1, 'x');
insert into public.keys_two values ('v', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1);
insert into public.keys_none values (1, 'x'), (1, 'x');
insert into public.keys_custom values (1, 2, 'b');
insert into public.keys_re1 values (1, 'r');
insert into public.keys_uniq values (1, 'u');
-- phase: stream
update public.keys_a set id = 2;
update public.keys_a set id = 3, v = 'y';
delete from public.keys_a;
update public.keys_two set a = 2;
update public.keys_two set v = 'w';
delete from public.keys_two;
update public.keys_none set b = 'y';
delete from public.keys_none;
insert into public.keys_custom values (2, 3, 'c');
update public.keys_custom set b = 'd' where id = 2;
update public.keys_custom set id = 9 where id = 1;
delete from public.keys_custom;
update public.keys_re1 set v = 's';
delete from public.keys_re1;
update public.keys_uniq set a = 5;
update public.keys_uniq set b = 'z';
delete from public.keys_uniq;
insert into public.keys_types values ('2024-01-01 00:00+00', 1.50, '\x01', '2024-01-01');
update public.keys_types set n = 2.50;
delete from public.keys_types;
-- phase: cleanup
drop table if exists public.keys_a, public.keys_two, public.keys_none, public.keys_custom, public.keys_re1, public.keys_uniq, public.keys_types;
