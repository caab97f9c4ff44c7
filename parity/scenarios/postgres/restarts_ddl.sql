-- Tables altered while both are down, with changes before and after each step; no tombstones; transactions told.
-- database: postgres
-- config: {"table.include.list": "public.rstd_.*", "tombstones.on.delete": "false", "provide.transaction.metadata": "true"}
-- phase: setup
drop table if exists public.rstd_a, public.rstd_b;
create table public.rstd_a (id int primary key, v text, gone int);
create table public.rstd_b (id int primary key, v text);
insert into public.rstd_a select g, 'initial', g from generate_series(1, 3) g;
insert into public.rstd_b values (1, 'b');
-- phase: restart
alter table public.rstd_a add column n numeric(10,2) default 1.5;
insert into public.rstd_a values (4, 'with n', 4, 2.5);
update public.rstd_a set id = 10 where id = 1;
-- phase: stream
insert into public.rstd_a values (5, 'streamed', 5, 3.5);
delete from public.rstd_a where id = 2;
-- phase: restart
alter table public.rstd_a drop column gone;
alter table public.rstd_a rename column v to w;
insert into public.rstd_a values (6, 'without gone', 4.5);
-- phase: stream
update public.rstd_a set w = 'after', id = 11 where id = 10;
-- phase: restart
truncate public.rstd_b;
insert into public.rstd_b values (2, 'after the truncation');
begin;
update public.rstd_a set n = n + 1;
savepoint s;
delete from public.rstd_a;
rollback to s;
delete from public.rstd_a where id = 6;
commit;
-- phase: cleanup
drop table if exists public.rstd_a, public.rstd_b;
