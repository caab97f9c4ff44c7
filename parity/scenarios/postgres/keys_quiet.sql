-- The same without tombstones and without the context headers.
-- database: postgres
-- config: {"table.include.list": "public.keyq_.*", "tombstones.on.delete": "false", "extended.headers.enabled": "false"}
-- phase: setup
drop table if exists public.keyq_one, public.keyq_two, public.keyq_none, public.keyq_nonefull, public.keyq_full, public.keyq_idx, public.keyq_uniq, public.keyq_nothing;
create table public.keyq_one (id int primary key, v text);
create table public.keyq_two (v text, b uuid, a int, primary key (a, b));
create table public.keyq_none (a int, b text);
create table public.keyq_nonefull (a int, b text);
alter table public.keyq_nonefull replica identity full;
create table public.keyq_full (id int primary key, v text, w int);
alter table public.keyq_full replica identity full;
create table public.keyq_idx (id int primary key, code text not null, v text);
create unique index keyq_idx_code on public.keyq_idx (code);
alter table public.keyq_idx replica identity using index keyq_idx_code;
create table public.keyq_uniq (a int not null unique, b text);
create table public.keyq_nothing (id int primary key, v text);
alter table public.keyq_nothing replica identity nothing;
insert into public.keyq_one values (1, 'a'), (2, 'b');
insert into public.keyq_two values ('x', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 1);
insert into public.keyq_none values (1, 'a');
insert into public.keyq_nonefull values (1, 'a');
insert into public.keyq_full values (1, 'a', 1);
insert into public.keyq_idx values (1, 'one', 'a');
insert into public.keyq_uniq values (1, 'a');
insert into public.keyq_nothing values (1, 'a');
-- phase: stream
update public.keyq_one set v = 'A' where id = 1;
update public.keyq_one set id = id + 100;
update public.keyq_one set id = 7, v = 'both' where id = 101;
delete from public.keyq_one where id = 7;
update public.keyq_two set v = 'y';
update public.keyq_two set a = 2;
update public.keyq_two set b = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', a = 3;
delete from public.keyq_two;
insert into public.keyq_none values (2, 'b'), (2, 'b');
insert into public.keyq_nonefull values (2, 'b');
update public.keyq_nonefull set b = 'c' where a = 1;
delete from public.keyq_nonefull where a = 2;
update public.keyq_full set v = 'b';
update public.keyq_full set id = 5;
update public.keyq_full set w = null;
delete from public.keyq_full;
update public.keyq_idx set v = 'b';
update public.keyq_idx set code = 'two';
update public.keyq_idx set id = 9;
delete from public.keyq_idx;
insert into public.keyq_uniq values (2, 'b');
insert into public.keyq_nothing values (2, 'b');
insert into public.keyq_nothing values (3, 'c');
-- phase: cleanup
drop table if exists public.keyq_one, public.keyq_two, public.keyq_none, public.keyq_nonefull, public.keyq_full, public.keyq_idx, public.keyq_uniq, public.keyq_nothing;
