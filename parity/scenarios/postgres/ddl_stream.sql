-- Columns renamed, retyped, added and dropped between and inside transactions, keys added and moved, tables renamed. Debezium reads the catalog as it is when it sees a change, so each step waits until it was seen.
-- database: postgres
-- config: {"table.include.list": "public.ddl_.*"}
-- phase: setup
drop table if exists public.ddl_a, public.ddl_b, public.ddl_c, public.ddl_renamed;
create table public.ddl_a (id int primary key, v varchar(10), n int, d numeric(5,2));
create table public.ddl_b (id int, code text not null, v text);
create table public.ddl_c (id int primary key, v text);
insert into public.ddl_a values (1, 'a', 1, 1.5);
-- phase: stream
alter table public.ddl_a rename column v to label;
insert into public.ddl_a values (2, 'renamed', 2, 2.5);
-- phase: stream
alter table public.ddl_a alter column label type varchar(40), alter column n type bigint, alter column d type numeric(12,4);
insert into public.ddl_a values (3, 'a longer text than ten', 3000000000, 12345678.1234);
-- phase: stream
begin;
insert into public.ddl_a values (4, 'before add', 4, 4);
alter table public.ddl_a add column extra text not null default 'x', add column more jsonb;
insert into public.ddl_a values (5, 'after add', 5, 5, 'y', '{"a": 1}');
commit;
-- phase: stream
begin;
alter table public.ddl_a drop column n;
insert into public.ddl_a values (6, 'after drop', 6, 'z', null);
update public.ddl_a set extra = 'upd' where id = 1;
commit;
-- phase: stream
begin;
alter table public.ddl_a add column gone int;
insert into public.ddl_a values (7, 'lost', 7, 'z', null, 1);
rollback;
insert into public.ddl_a values (8, 'after rollback', 8, 'z', null);
-- phase: stream
insert into public.ddl_b values (1, 'one', 'no key yet');
-- phase: stream
alter table public.ddl_b add primary key (code);
-- phase: stream
insert into public.ddl_b values (2, 'two', 'code is the key');
update public.ddl_b set v = 'upd' where code = 'one';
-- phase: stream
alter table public.ddl_b drop constraint ddl_b_pkey, add primary key (id);
insert into public.ddl_b values (3, 'three', 'id is the key');
-- phase: stream
insert into public.ddl_c values (1, 'before');
-- phase: stream
drop table public.ddl_c;
alter table public.ddl_a alter column label drop not null, alter column extra drop not null, alter column extra set default 'other';
insert into public.ddl_a (id) values (9);
-- phase: cleanup
drop table if exists public.ddl_a, public.ddl_b, public.ddl_c, public.ddl_renamed;
