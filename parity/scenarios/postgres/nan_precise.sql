-- NaN and infinity have no precise decimal: with a warning the column is null.
-- database: postgres
-- config: {"table.include.list": "public.nan_.*", "event.converting.failure.handling.mode": "warn"}
-- phase: setup
drop table if exists public.nan_t;
create table public.nan_t (id int primary key, n numeric, n2 numeric(6,2), v text);
insert into public.nan_t values (1, 'NaN', 'NaN', 'nan'), (2, 'Infinity', 1, 'inf'), (3, 1.5, 2.5, 'ok');
-- phase: stream
insert into public.nan_t values (11, 'NaN', 'NaN', 'nan'), (12, '-Infinity', 1, 'inf'), (13, 1.5, 2.5, 'ok');
update public.nan_t set n = 'NaN' where id = 3;
-- phase: cleanup
drop table if exists public.nan_t;
