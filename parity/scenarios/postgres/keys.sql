-- Key changes, tables without keys, the replica identities.
-- database: postgres
-- config: {"table.include.list": "public.keys_.*"}
-- phase: setup
drop table if exists public.keys_one, public.keys_two, public.keys_none, public.keys_nonefull, public.keys_full, public.keys_idx, public.keys_uniq, public.keys_nothing;
create table public.keys_one (id int primary key, v text);
create table public.keys_two (v text, b uuid, a int, primary key (a, b));
create table public.keys_none (a int, b text);
create table public.keys_nonefull (a int, b text);
alter table public.keys_nonefull replica identity full;
create table public.keys_full (id int primary key, v text, w int);
alter table public.keys_full replica identity full;
create table public.keys_idx (id int primary key, code text not null, v text);
create unique index keys_idx_code on public.keys_idx (code);
alter table public.keys_idx replica identity using index keys_idx_code;
create table public.keys_uniq (a int not null unique, b text);
create table public.keys_nothing (id int primary key, v text);
alter table public.keys_nothing replica identity nothing;
insert into public.keys_one values (1, 'a'), (2, 'b');
insert into public.keys_two values ('x', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1);
insert into public.keys_none values (1, 'a');
insert into public.keys_nonefull values (1, 'a');
insert into public.keys_full values (1, 'a', 1);
insert into public.keys_idx values (1, 'one', 'a');
insert into public.keys_uniq values (1, 'a');
insert into public.keys_nothing values (1, 'a');
-- phase: stream
update public.keys_one set v = 'A' where id = 1;
update public.keys_one set id = id + 100;
update public.keys_one set id = 7, v = 'both' where id = 101;
delete from public.keys_one where id = 7;
update public.keys_two set v = 'y';
update public.keys_two set a = 2;
update public.keys_two set b = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', a = 3;
delete from public.keys_two;
insert into public.keys_none values (2, 'b'), (2, 'b');
insert into public.keys_nonefull values (2, 'b');
update public.keys_nonefull set b = 'c' where a = 1;
delete from public.keys_nonefull where a = 2;
update public.keys_full set v = 'b';
update public.keys_full set id = 5;
update public.keys_full set w = null;
delete from public.keys_full;
update public.keys_idx set v = 'b';
update public.keys_idx set code = 'two';
update public.keys_idx set id = 9;
delete from public.keys_idx;
insert into public.keys_uniq values (2, 'b');
insert into public.keys_nothing values (2, 'b');
insert into public.keys_nothing values (3, 'c');
-- phase: cleanup
drop table if exists public.keys_one, public.keys_two, public.keys_none, public.keys_nonefull, public.keys_full, public.keys_idx, public.keys_uniq, public.keys_nothing;
