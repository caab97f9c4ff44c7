-- Tables that change while their rows are in flight: columns added, dropped, renamed, retyped, inside and outside transactions, many at once.
-- database: postgres
-- config: {"table.include.list": "public.flight_.*"}
-- phase: setup
drop table if exists public.flight_a, public.flight_b, public.flight_renamed, public.flight_key;
create table public.flight_a (id int primary key, a text, b int, c numeric(5,2));
create table public.flight_b (id int primary key, v text);
create table public.flight_key (id int primary key, k text not null, v text);
insert into public.flight_a values (1, 'a', 1, 1.1);
-- phase: stream
insert into public.flight_a values (2, 'a', 2, 2.2);
alter table public.flight_a add column d text;
insert into public.flight_a values (3, 'a', 3, 3.3, 'd');
-- phase: stream
alter table public.flight_a drop column b;
update public.flight_a set d = 'e' where id = 3;
-- phase: stream
alter table public.flight_a alter column c type numeric(10,4);
insert into public.flight_a values (4, 'a', 4.4444, 'd');
-- phase: stream
alter table public.flight_a alter column c type text;
insert into public.flight_a values (5, 'a', 'five', 'd');
-- phase: stream
begin;
insert into public.flight_a values (6, 'a', 'before', 'd');
alter table public.flight_a add column e int;
insert into public.flight_a values (7, 'a', 'between', 'd', 7);
alter table public.flight_a drop column d;
insert into public.flight_a values (8, 'a', 'after', 8);
commit;
-- phase: stream
alter table public.flight_a rename column a to z;
insert into public.flight_a values (9, 'z', 'x', 9);
-- phase: stream
alter table public.flight_a alter column z type varchar(20), alter column z set not null;
insert into public.flight_a values (10, 'z', 'x', 10);
-- phase: stream
alter table public.flight_key drop constraint flight_key_pkey, add primary key (k);
insert into public.flight_key values (1, 'k', 'v');
update public.flight_key set k = 'l';
-- phase: stream
drop table public.flight_b;
create table public.flight_b (id bigint primary key, w int);
-- phase: stream
begin;
create temp table flight_temp (id int) on commit drop;
insert into flight_temp values (1);
insert into public.flight_a values (11, 'z', 'temp', 11);
commit;
-- phase: cleanup
drop table if exists public.flight_a, public.flight_b, public.flight_renamed, public.flight_key;
