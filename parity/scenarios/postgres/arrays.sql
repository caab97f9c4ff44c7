-- Arrays of every kind that has a mapping, with nulls, quotes, empty ones.
-- database: postgres
-- config: {"table.include.list": "public.arr_.*"}
-- phase: setup
create extension if not exists hstore;
create extension if not exists citext;
create extension if not exists ltree;
drop table if exists public.arr_all;
drop type if exists arr_mood;
create type arr_mood as enum ('sad', 'o,k', 'hap"py');
create table public.arr_all (
  id int primary key, i2 int2[], i4 int4[], i8 int8[], f4 float4[], f8 float8[], b bool[], t text[], vc varchar(10)[], ch char(4)[], ci citext[],
  n numeric[], n2 numeric(8,3)[], d date[], tm time[], tm3 time(3)[], ttz timetz[], ts timestamp[], ts3 timestamp(3)[], tstz timestamptz[],
  u uuid[], j json[], jb jsonb[], ip inet[], net cidr[], mac macaddr[], mac8 macaddr8[], ir int4range[], i8r int8range[], nr numrange[], dr daterange[], tr tsrange[], tzr tstzrange[],
  bin bytea[], lt ltree[], mood arr_mood[], o oid[], nn int[] not null default '{7}');
insert into public.arr_all values (1, '{1,NULL,-32768}', '{1,NULL,3}', '{9223372036854775807,NULL}', '{1.5,NULL,-0.25}', '{2.5,NULL,1e300}', '{t,f,NULL}',
  '{a,"b,c",NULL,"d\"e","null","NULL","{x}","back\\slash","",é☃😀}', '{var,NULL}', '{ab,abcd}', '{MiXed,NULL}',
  '{1.50,NULL,123456789012345678901234567890}', '{1.5,NULL,-9.999}', '{2024-02-29,NULL,1969-12-31}', '{13:14:15.123456,NULL}', '{13:14:15.123}', '{13:14:15+02,NULL}', '{"2024-02-29 13:14:15.123456",NULL}', '{"2024-02-29 13:14:15.123"}', '{"2024-02-29 13:14:15+02",NULL}',
  '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}', array['{"a":  1}'::json, null], array['{"a":  1}'::jsonb, null], '{192.168.1.5/24,::1,NULL}', '{10.0.0.0/8}', '{08:00:2b:01:02:03}', '{08:00:2b:01:02:03:04:05}', '{"[1,10)",empty,NULL}', '{"[1,)"}', '{"(1.5,2.5]"}', '{"[2024-01-01,2024-02-01)"}', '{"[2024-01-01 00:00,2024-01-02 00:00)"}', '{"[2024-01-01 00:00+00,)"}',
  array['\x00ff'::bytea, null], '{a.b,c}', '{sad,"o,k","hap\"py"}', '{1,4294967295}', '{1,2}');
insert into public.arr_all (id) values (2);
insert into public.arr_all values (3, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
-- phase: stream
insert into public.arr_all select 10 + id, i2, i4, i8, f4, f8, b, t, vc, ch, ci, n, n2, d, tm, tm3, ttz, ts, ts3, tstz, u, j, jb, ip, net, mac, mac8, ir, i8r, nr, dr, tr, tzr, bin, lt, mood, o, nn from public.arr_all;
update public.arr_all set i4 = i4 || 9, t = array[]::text[] where id = 1;
delete from public.arr_all where id = 3;
-- phase: cleanup
drop table if exists public.arr_all;
drop type if exists arr_mood;
