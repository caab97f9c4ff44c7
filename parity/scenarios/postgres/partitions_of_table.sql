-- A partitioned table: changes under the partitions' names.
-- database: postgres
-- config: {"table.include.list": "public.parta_.*"}
-- phase: setup
drop table if exists public.parta_log, public.parta_plain;
create table public.parta_log (id int, day date not null, v text, primary key (id, day)) partition by range (day);
create table public.parta_log_1 partition of public.parta_log for values from ('2024-01-01') to ('2024-02-01');
create table public.parta_log_2 partition of public.parta_log for values from ('2024-02-01') to ('2024-03-01') partition by list (day);
create table public.parta_log_2a partition of public.parta_log_2 for values in ('2024-02-05');
create table public.parta_log_2d partition of public.parta_log_2 default;
create table public.parta_plain (id int primary key, v text);
insert into public.parta_log values (1, '2024-01-05', 'x'), (2, '2024-02-05', 'a'), (3, '2024-02-06', 'z');
insert into public.parta_plain values (1, 'p');
-- phase: stream
insert into public.parta_log values (11, '2024-01-05', 'x'), (12, '2024-02-05', 'a');
update public.parta_log set v = 'y' where id = 1;
update public.parta_log set day = '2024-01-20' where id = 2;
insert into public.parta_log_1 values (20, '2024-01-09', 'direct');
delete from public.parta_log where id = 3;
insert into public.parta_plain values (2, 'p');
-- phase: cleanup
drop table if exists public.parta_log, public.parta_plain;
