-- Replica identity default, full, index and nothing; changed while streaming; set by the connector.
-- database: postgres
-- config: {"table.include.list": "public.repid_.*", "replica.identity.autoset.values": "public.repid_auto:FULL"}
-- phase: setup
drop table if exists public.repid_def, public.repid_full, public.repid_idx, public.repid_none, public.repid_auto;
create table public.repid_def (id int primary key, v text, n int);
create table public.repid_full (like public.repid_def including all);
create table public.repid_idx (id int primary key, v text, n int not null);
create table public.repid_none (like public.repid_def including all);
create table public.repid_auto (like public.repid_def including all);
create unique index repid_idx_n on public.repid_idx (n);
alter table public.repid_full replica identity full;
alter table public.repid_idx replica identity using index repid_idx_n;
insert into public.repid_def values (1, 'a', 1), (2, 'b', null);
insert into public.repid_full select * from public.repid_def;
insert into public.repid_idx values (1, 'a', 1), (2, 'b', 2);
insert into public.repid_auto select * from public.repid_def;
-- phase: stream
update public.repid_def set v = 'x';
update public.repid_full set v = 'x';
update public.repid_idx set v = 'x';
update public.repid_idx set n = n + 10;
update public.repid_idx set id = id + 10;
update public.repid_auto set v = 'x';
insert into public.repid_none values (1, 'n', 1);
delete from public.repid_def where id = 1;
delete from public.repid_full where id = 1;
delete from public.repid_idx where id = 11;
delete from public.repid_auto where id = 1;
-- phase: stream
alter table public.repid_def replica identity full;
update public.repid_def set v = 'full';
alter table public.repid_full replica identity default;
update public.repid_full set v = 'default';
delete from public.repid_def;
delete from public.repid_full;
-- phase: stream
alter table public.repid_none replica identity nothing;
insert into public.repid_none values (2, 'n', 2);
-- phase: cleanup
drop table if exists public.repid_def, public.repid_full, public.repid_idx, public.repid_none, public.repid_auto;
