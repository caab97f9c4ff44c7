-- Enumerations whose values are added and renamed while both stream, as key, in arrays and as defaults.
-- database: postgres
-- config: {"table.include.list": "public.enumf_.*", "column.propagate.source.type": ".*"}
-- phase: setup
drop table if exists public.enumf_a, public.enumf_b;
drop type if exists enumf_mood, "Enumf Größe";
create type enumf_mood as enum ('sad', 'ok');
create type "Enumf Größe" as enum ('klein', 'groß');
create table public.enumf_a (id int primary key, m enumf_mood default 'ok', ma enumf_mood[], g "Enumf Größe" not null default 'groß');
create table public.enumf_b (m enumf_mood primary key, v text);
insert into public.enumf_a values (1, 'sad', '{sad,ok}', 'klein'), (2, null, null, 'groß');
insert into public.enumf_b values ('sad', 'v');
-- phase: stream
insert into public.enumf_a values (3, 'ok', '{ok,NULL}', 'groß');
update public.enumf_b set m = 'ok';
-- phase: stream
alter type enumf_mood add value 'fine, thanks' after 'ok';
alter type "Enumf Größe" add value 'rie"sig';
insert into public.enumf_a values (4, 'fine, thanks', '{"fine, thanks",sad}', 'rie"sig');
insert into public.enumf_b values ('fine, thanks', 'w');
-- phase: stream
delete from public.enumf_b where m = 'ok';
update public.enumf_a set m = 'fine, thanks' where id = 1;
-- phase: cleanup
drop table if exists public.enumf_a, public.enumf_b;
drop type if exists enumf_mood, "Enumf Größe";
