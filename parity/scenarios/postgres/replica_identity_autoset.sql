-- Replica identities set by the connector itself.
-- database: postgres
-- config: {"table.include.list": "public.raut_.*", "replica.identity.autoset.values": "public.raut_a:FULL,public.raut_b:INDEX raut_b_code,public.raut_c:DEFAULT"}
-- phase: setup
drop table if exists public.raut_a, public.raut_b, public.raut_c;
create table public.raut_a (id int primary key, v text);
create table public.raut_b (id int primary key, code text not null, v text);
create unique index raut_b_code on public.raut_b (code);
create table public.raut_c (id int primary key, v text);
alter table public.raut_c replica identity full;
insert into public.raut_a values (1, 'a');
insert into public.raut_b values (1, 'c', 'a');
insert into public.raut_c values (1, 'a');
-- phase: stream
update public.raut_a set v = 'b';
update public.raut_b set v = 'b';
update public.raut_b set code = 'd';
update public.raut_c set v = 'b';
delete from public.raut_a;
delete from public.raut_b;
delete from public.raut_c;
-- phase: cleanup
drop table if exists public.raut_a, public.raut_b, public.raut_c;
