-- Infinite dates and times, NaN and infinite numerics as text, the ends of every range.
-- database: postgres
-- config: {"table.include.list": "public.infnan_.*", "decimal.handling.mode": "string"}
-- phase: setup
drop table if exists public.infnan_a;
create table public.infnan_a (id int primary key, d date, ts timestamp, ts3 timestamp(3), tsz timestamptz, tsz0 timestamptz(0), n numeric, f4 float4, f8 float8, tm time, tz timetz, iv interval, m money, n2 numeric(1000,500));
insert into public.infnan_a values (1, null, 'infinity', 'infinity', 'infinity', 'infinity', 'NaN', 'NaN', 'NaN', '24:00:00', '24:00:00+15:59', '178000000 years', '92233720368547758.07', 1),
  (2, null, '-infinity', '-infinity', '-infinity', '-infinity', 'Infinity', 'Infinity', 'Infinity', '00:00', '00:00-15:59', '-178000000 years', '-92233720368547758.08', -0.5),
  (3, '5874897-12-31', '294246-12-31 23:59:59.999999', '294246-12-31 23:59:59.999', '294276-12-31 23:59:59.999999+00', '294276-12-31 23:59:59+00', '-Infinity', '-Infinity', '-Infinity', '23:59:59.999999', '23:59:59.999999+00', '1 month', 0, 0),
  (4, '1582-10-15', '1582-10-15 00:00', '1582-10-15 00:00', '1582-10-15 00:00+00', '1582-10-15 00:00+00', 1e100, 1e-40, 5e-324, '00:00:00.000001', '00:00:00.000001+00', '0', 0.01, 1e-400),
  (5, '1582-10-04', '1582-10-04 00:00', '1582-10-04 00:00', '1582-10-04 00:00+00', '1582-10-04 00:00+00', 1e-100, -0.0, -0.0, null, null, '-00:00:00.000001', -0.01, 1e400),
  (6, '1000-02-28', '1000-02-28 01:02:03', '1000-02-28 01:02:03', '1000-02-28 01:02:03+00', '1000-02-28 01:02:03+00', 0.000, 1e10, 1e21, null, null, '1 mon -1 day', null, null),
  (7, '1970-01-01', '1969-12-31 23:59:59.999999', '1969-12-31 23:59:59.999', '1969-12-31 23:59:59.999999+00', '1970-01-01 00:00+00', 100, 123456.789, 123456789.123456789, null, null, '1 year 1 microsecond', null, null);
-- phase: stream
insert into public.infnan_a select id + 10, d, ts, ts3, tsz, tsz0, n, f4, f8, tm, tz, iv, m, n2 from public.infnan_a;
-- phase: cleanup
drop table if exists public.infnan_a;
