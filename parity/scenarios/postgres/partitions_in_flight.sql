-- Partitions made, attached, detached and split while both stream.
-- database: postgres
-- config: {"table.include.list": "public.partf_.*", "publication.autocreate.mode": "all_tables"}
-- phase: setup
drop table if exists public.partf_log, public.partf_old, public.partf_new;
create table public.partf_log (id int, day date not null, v text default 'd', primary key (id, day)) partition by range (day);
create table public.partf_log_1 partition of public.partf_log for values from ('2024-01-01') to ('2024-02-01');
create table public.partf_old (id int, day date not null, v text, primary key (id, day));
insert into public.partf_log values (1, '2024-01-05', 'x');
insert into public.partf_old values (2, '2024-02-05', 'old');
-- phase: stream
create table public.partf_log_3 partition of public.partf_log for values from ('2024-03-01') to ('2024-04-01');
insert into public.partf_log values (3, '2024-03-05', 'new partition');
-- phase: stream
alter table public.partf_log attach partition public.partf_old for values from ('2024-02-01') to ('2024-03-01');
insert into public.partf_log values (4, '2024-02-06', 'attached');
update public.partf_log set day = '2024-03-06' where id = 2;
-- phase: stream
alter table public.partf_log detach partition public.partf_log_1;
insert into public.partf_log_1 values (5, '2024-01-07', 'detached');
update public.partf_log_1 set v = 'y';
delete from public.partf_log_1 where id = 1;
-- phase: stream
alter table public.partf_log add column n int default 7;
insert into public.partf_log (id, day) values (6, '2024-03-07');
update public.partf_log set v = 'all';
-- phase: cleanup
drop table if exists public.partf_log, public.partf_old, public.partf_log_1;
