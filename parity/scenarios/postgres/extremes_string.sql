-- Infinity, BC, NaN, five-digit years, 24:00, the Julian gap; decimals as strings.
-- database: postgres
-- config: {"table.include.list": "public.ext_string", "decimal.handling.mode": "string"}
-- phase: setup
drop table if exists public.ext_string;
create table public.ext_string (id int primary key, ts timestamp, ts0 timestamp(0), ts3 timestamp(3), tstz timestamptz, tstz3 timestamptz(3), f4 float4, f8 float8, tm time, ttz timetz, n numeric, n2 numeric(6,2));
insert into public.ext_string values (1, 'infinity', 'infinity', 'infinity', 'infinity', 'infinity', 'Infinity', 'Infinity', '24:00', '24:00:00-15:59', 'Infinity', 'NaN');
insert into public.ext_string values (2, '-infinity', '-infinity', '-infinity', '-infinity', '-infinity', '-Infinity', '-Infinity', '00:00', '00:00:00+15:59', '-Infinity', 1);
insert into public.ext_string values (3, '0044-03-15 12:00:00.5 BC', '0001-12-31 23:59:59 BC', '0044-03-15 12:00 BC', '0044-03-15 12:00:00+00 BC', '0001-01-01 00:00+00 BC', 'NaN', 'NaN', '00:00:00.000001', '12:00:00.1+00', 'NaN', 'NaN');
insert into public.ext_string values (4, '4000-01-01 BC', '0001-01-01', '10000-01-01', '20000-06-01 00:00+00', '10000-01-01 00:00:00.5+00', '1e-45', '2.2250738585072014E-308', '12:34:56.1', '12:34:56.100+01', 1e100, -9999.99);
insert into public.ext_string values (5, '1582-10-10 01:02:03', '1500-02-28', '1700-02-28 00:00:00.001', '1582-10-15 00:00+00', '1000-02-28 00:00+00', '0', '-0', '12:34:56.12', '12:34:56.12345+01', 1e-100, 0);
-- phase: stream
insert into public.ext_string select 10 + id, ts, ts0, ts3, tstz, tstz3, f4, f8, tm, ttz, n, n2 from public.ext_string order by id;
update public.ext_string set tm = '01:00' where id < 4;
delete from public.ext_string where id = 1;
-- phase: cleanup
drop table if exists public.ext_string;
