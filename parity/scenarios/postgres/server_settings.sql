-- A database with a time zone of its own: events must not show it. (With a DateStyle, an IntervalStyle and a bytea_output of
-- its own Debezium stops at the first change; Rowtide does not.)
-- database: postgres
-- config: {"table.include.list": "public.setts_.*"}
-- phase: setup
drop table if exists public.setts_a;
create table public.setts_a (id int primary key, d date, ts timestamp, tsz timestamptz, tm time, tz timetz, iv interval, b bytea, f8 float8, tr tstzrange, da date[], m money, x xml);
do $$ begin
  execute format('alter database %I set timezone = ''Asia/Kolkata''', current_database());
end $$;
insert into public.setts_a values (1, '2024-02-29', '2024-02-29 13:14:15.123456', '2024-02-29 13:14:15.123456+00', '13:14:15.5', '13:14:15+02', '1 year 2 days 03:04:05.6', '\x00ff41', 0.30000000000000004, '[2024-01-01 00:00+00,)', '{2024-02-29}', 12.5, '<a/>');
-- phase: stream
insert into public.setts_a values (2, '2024-02-29', '2024-02-29 13:14:15.123456', '2024-02-29 13:14:15.123456+00', '13:14:15.5', '13:14:15+02', '1 year 2 days 03:04:05.6', '\x00ff41', 0.30000000000000004, '[2024-01-01 00:00+00,)', '{2024-02-29}', 12.5, '<a/>');
update public.setts_a set d = '2024-03-01';
-- phase: cleanup
do $$ declare s text; begin
  foreach s in array array['timezone'] loop execute format('alter database %I reset %s', current_database(), s); end loop;
end $$;
drop table if exists public.setts_a;
