-- The ends of every kind of number: as columns, keys, array elements and defaults.
-- database: postgres
-- config: {"table.include.list": "public.nume_.*"}
-- phase: setup
drop table if exists public.nume_a, public.nume_k;
create table public.nume_a (id int primary key, n0 numeric(38,0), n37 numeric(38,37), nbig numeric(1000,500), nneg numeric(5,-3), nsmall numeric(3,5), nfree numeric, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, mo money, o oid,
  na numeric(20,4)[], nd numeric(10,4) default -0.0001, n1 numeric(1) default 9);
create table public.nume_k (n numeric(30,10), i8 int8, primary key (n, i8));
insert into public.nume_a values (1, repeat('9', 38)::numeric, 9.9999999999999999999999999999999999999, (repeat('9', 500) || '.' || repeat('9', 500))::numeric, 99999000, 0.00999, 1e-30, -32768, -2147483648, -9223372036854775808, 3.4028235e38, 1.7976931348623157e308, '92233720368547758.07', 4294967295, '{9999999999999999.9999,-0.0001,0,NULL}');
insert into public.nume_a values (2, -repeat('9', 38)::numeric, -9.9999999999999999999999999999999999999, -1e-500, -1000, -0.00001, 1e40, 32767, 2147483647, 9223372036854775807, 1.4e-45, 4.9e-324, '-92233720368547758.08', 0, '{}');
insert into public.nume_k values (12345678901234567890.0123456789, 9223372036854775807);
-- phase: stream
insert into public.nume_a values (3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '{0.0000}', 0, 0), (4, 128, 1e-37, 256, 500, 0.00128, -123456789012345678901234567890.123456789, 127, 128, 255, 0.1, 0.1, 0.01, 2147483648, '{1.5,2}', 1, 1);
insert into public.nume_a (id, nfree) values (5, (repeat('1', 2000) || '.' || repeat('2', 1000))::numeric), (6, 1.500), (7, 100), (8, -0.0);
update public.nume_k set n = -n;
update public.nume_k set i8 = -9223372036854775808;
delete from public.nume_k;
-- phase: cleanup
drop table if exists public.nume_a, public.nume_k;
