-- Dates and times before the year one, and in the days that the Gregorian calendar leapt over.
-- database: postgres
-- config: {"table.include.list": "public.bcd_.*"}
-- phase: setup
drop table if exists public.bcd_a;
create table public.bcd_a (id int primary key, d date, ts timestamp, tsz timestamptz);
insert into public.bcd_a values (1, '0044-03-15 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00+00 BC'), (5, '1582-10-10', '1582-10-10 12:00', '1582-10-10 12:00+00');
-- phase: stream
insert into public.bcd_a values (2, '0044-03-15 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00+00 BC'), (3, '4713-01-01 BC', '4713-01-01 00:00 BC', '4713-01-01 00:00+00 BC'), (4, '0001-12-31 BC', '0001-12-31 23:59:59.999999 BC', '0001-12-31 23:59:59.999999+00 BC');
-- phase: cleanup
drop table if exists public.bcd_a;
