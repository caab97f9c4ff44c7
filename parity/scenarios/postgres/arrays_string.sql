-- Arrays with decimals as text, bytes as hex, ISO times, hstore as map, unknown types included.
-- database: postgres
-- config: {"table.include.list": "public.arrays_string_.*"}
-- config: {"decimal.handling.mode": "string", "binary.handling.mode": "hex", "time.precision.mode": "isostring", "hstore.handling.mode": "map", "include.unknown.datatypes": "true"}
-- phase: setup
create extension if not exists hstore;
create extension if not exists citext;
create extension if not exists ltree;
drop table if exists public.arrays_string_all;
drop type if exists arrays_string_mood;
create type arrays_string_mood as enum ('sad', 'ok', 'a b');
create table public.arrays_string_all (id int primary key, i2 int2[], i4 int4[], i8 int8[], f4 float4[], f8 float8[], n numeric[], n52 numeric(5,2)[],
  b bool[], t text[], v varchar(5)[], c char(3)[], u uuid[], d date[], tm time[], tm3 time(3)[], tz timetz[], ts timestamp[], ts3 timestamp(3)[],
  tsz timestamptz[], j json[], jb jsonb[], by bytea[], ip inet[], ci cidr[], mac macaddr[], mac8 macaddr8[], ir int4range[], nr numrange[],
  dr daterange[], tr tsrange[], tzr tstzrange[], i8r int8range[], mood arrays_string_mood[], cit citext[], lt ltree[], o oid[], hs hstore[]);
insert into public.arrays_string_all values (1, '{1,null,-32768}', '{2147483647,null}', '{9223372036854775807,null}', '{1.5,null,NaN}', '{-0.1,Infinity,null}',
  '{1.50,null,0.001,100}', '{1.50,null,-999.99}', '{t,null,f}', '{a,"b,c",null,"NULL","d\"e","\\","",é☃😀}', '{abcde,null}', '{a,null,abc}',
  '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,null}', '{2024-02-29,null,1969-12-31}', '{13:14:15.123,null}', '{13:14:15.123,null}', '{13:14:15+02,null}',
  '{2024-02-29 13:14:15.123456,null}', '{2024-02-29 13:14:15.123,null}', '{2024-02-29 13:14:15.1+02,null}', array['{"a": 1}'::json, null],
  array['{"a": [1, 2]}'::jsonb, null, 'null'], array['\x00ff'::bytea, null, ''], '{10.0.0.1,null,::1/64}', '{10.0.0.0/8,null}', '{08:00:2b:01:02:03,null}',
  '{08:00:2b:01:02:03:04:05,null}', array['[1,5)'::int4range, null, 'empty'], array['[1.5,2.5)'::numrange, null], array['[2024-01-01,2024-01-02)'::daterange],
  array['[2024-01-01 00:00,2024-01-02 00:00)'::tsrange], array['[2024-01-01 00:00+00,2024-01-02 00:00+00)'::tstzrange], array['[1,5)'::int8range, null],
  '{sad,"a b"}', '{CiText,null}', '{a.b,c}', '{1,4294967295}', array['a=>1'::hstore]);
insert into public.arrays_string_all values (2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
insert into public.arrays_string_all (id) values (3);
-- phase: stream
insert into public.arrays_string_all select 10 + id, i2, i4, i8, f4, f8, n, n52, b, t, v, c, u, d, tm, tm3, tz, ts, ts3, tsz, j, jb, by, ip, ci, mac, mac8, ir, nr, dr, tr,
  tzr, i8r, mood, cit, lt, o, hs from public.arrays_string_all;
insert into public.arrays_string_all (id, i4, t) values (20, '[2:4]={1,2,3}', '[0:0]={x}');
-- phase: cleanup
drop table if exists public.arrays_string_all;
drop type if exists arrays_string_mood;
