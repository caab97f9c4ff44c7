-- Updates that change no captured column are dropped, where the old row is known.
-- database: postgres
-- config: {"table.include.list": "public.skun_.*", "skip.messages.without.change": "true", "column.include.list": "public.skun_a.(id|v),public.skun_b.(id|v)"}
-- phase: setup
drop table if exists public.skun_a, public.skun_b;
create table public.skun_a (id int primary key, v text, w text);
alter table public.skun_a replica identity full;
create table public.skun_b (id int primary key, v text, w text);
insert into public.skun_a values (1, 'a', 'x');
insert into public.skun_b values (1, 'a', 'x');
-- phase: stream
update public.skun_a set w = 'y';
update public.skun_a set v = v;
update public.skun_a set v = 'b';
update public.skun_a set id = 2;
update public.skun_b set w = 'y';
update public.skun_b set v = 'b';
insert into public.skun_a values (3, 'z', 'z');
delete from public.skun_a;
-- phase: cleanup
drop table if exists public.skun_a, public.skun_b;
