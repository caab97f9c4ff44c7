-- Every type in the default modes: values, nulls and defaults, edge values; in the snapshot and in the stream.
-- database: postgres
-- config: {"table.include.list": "public.wide_default_.*"}
-- phase: setup
create extension if not exists hstore;
create extension if not exists citext;
create extension if not exists ltree;
drop table if exists public.wide_default_all;
drop domain if exists wide_default_posint, wide_default_shorttext;
drop type if exists wide_default_mood, wide_default_pair;
create type wide_default_mood as enum ('sad', 'ok', 'happy');
create type wide_default_pair as (a int, b text);
create domain wide_default_posint as int check (value > 0);
create domain wide_default_shorttext as varchar(12);
create table public.wide_default_all (
  id int primary key, c_int2 int2, c_int4 int4, c_int8 int8, c_numeric numeric, c_numeric_10_2 numeric(10,2), c_numeric_5_0 numeric(5),
  c_numeric_3_neg2 numeric(3,-2), c_float4 float4, c_float8 float8, c_bool bool, c_text text, c_varchar varchar(20), c_char char(8),
  c_bpchar bpchar, c_qchar "char", c_bytea bytea, c_json json, c_jsonb jsonb, c_uuid uuid, c_date date, c_time time, c_time0 time(0),
  c_time3 time(3), c_timetz timetz, c_timestamp timestamp, c_timestamp0 timestamp(0), c_timestamp3 timestamp(3), c_timestamp6 timestamp(6),
  c_timestamptz timestamptz, c_timestamptz3 timestamptz(3), c_timestamptz0 timestamptz(0), c_interval interval, c_int_array int[],
  c_int2_array int2[], c_int8_array int8[], c_text_array text[], c_varchar_array varchar(10)[], c_numeric_array numeric(10,2)[],
  c_float8_array float8[], c_bool_array bool[], c_uuid_array uuid[], c_date_array date[], c_timestamp_array timestamp[],
  c_timestamptz_array timestamptz[], c_jsonb_array jsonb[], c_inet_array inet[], c_bytea_array bytea[], c_inet inet, c_cidr cidr,
  c_macaddr macaddr, c_macaddr8 macaddr8, c_hstore hstore, c_enum wide_default_mood, c_enum_array wide_default_mood[], c_xml xml, c_money money,
  c_bit1 bit(1), c_bit8 bit(8), c_bit12 bit(12), c_varbit varbit(10), c_int4range int4range, c_int8range int8range, c_numrange numrange,
  c_daterange daterange, c_tsrange tsrange, c_tstzrange tstzrange, c_int4multirange int4multirange, c_point point, c_line line, c_lseg lseg,
  c_box box, c_circle circle, c_polygon polygon, c_path path, c_citext citext, c_ltree ltree, c_ltree_array ltree[], c_oid oid,
  c_tsvector tsvector, c_tsquery tsquery, c_domain wide_default_posint, c_domain_text wide_default_shorttext, c_composite wide_default_pair,
  c_pg_lsn pg_lsn, d_int int not null default 42, d_text text not null default 'dflt', d_num numeric(8,3) default 1.125,
  d_bool bool not null default true, d_ts timestamp not null default '2020-01-01 00:00:00', d_tstz timestamptz, d_date date default '2021-06-30',
  d_uuid uuid default '00000000-0000-0000-0000-00000000000a', d_json jsonb default '{}', d_expr int default (1 + 1),
  d_enum wide_default_mood default 'sad', g_sum int generated always as (d_int * 2) stored);
comment on table public.wide_default_all is 'every type';
comment on column public.wide_default_all.id is 'the key';
insert into public.wide_default_all (
  id, c_int2, c_int4, c_int8, c_numeric, c_numeric_10_2, c_numeric_5_0, c_numeric_3_neg2, c_float4, c_float8, c_bool, c_text, c_varchar, c_char,
  c_bpchar, c_qchar, c_bytea, c_json, c_jsonb, c_uuid, c_date, c_time, c_time0, c_time3, c_timetz, c_timestamp, c_timestamp0, c_timestamp3,
  c_timestamp6, c_timestamptz, c_timestamptz3, c_timestamptz0, c_interval, c_int_array, c_int2_array, c_int8_array, c_text_array,
  c_varchar_array, c_numeric_array, c_float8_array, c_bool_array, c_uuid_array, c_date_array, c_timestamp_array, c_timestamptz_array,
  c_jsonb_array, c_inet_array, c_bytea_array, c_inet, c_cidr, c_macaddr, c_macaddr8, c_hstore, c_enum, c_enum_array, c_xml, c_money, c_bit1,
  c_bit8, c_bit12, c_varbit, c_int4range, c_int8range, c_numrange, c_daterange, c_tsrange, c_tstzrange, c_int4multirange, c_point, c_line,
  c_lseg, c_box, c_circle, c_polygon, c_path, c_citext, c_ltree, c_ltree_array, c_oid, c_tsvector, c_tsquery, c_domain, c_domain_text,
  c_composite, c_pg_lsn)
  values (
  1, -7, 70000, 9007199254740993, 12345.6789, 1234.56, 42, 12300, 1.5, 2.718281828459045, true, 'Grüße 😀 "q"', 'var', 'pad', 'bp ', 'x',
  '\xdeadbeef00', '{"a": 1,  "b":[true,null]}', '{"b": [1.50, "x"], "a": 1}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-02-29',
  '13:14:15.123456', '13:14:15', '13:14:15.123', '13:14:15.123456+02', '2024-02-29 13:14:15.123456', '2024-02-29 13:14:15',
  '2024-02-29 13:14:15.123', '2024-02-29 13:14:15.123456', '2024-02-29 13:14:15.123456+02', '2024-02-29 13:14:15.1+00', '2024-02-29 13:14:15+00',
  '1 year 2 months 3 days 04:05:06.789', '{1,2,NULL,3}', '{1,2}', '{1,2}', '{a,"b,c",NULL,"d\"e"}', '{a,b}', '{1.50,2.25}', '{1.5,2.5}', '{t,f}',
  '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '{2024-02-29}', '{2024-02-29 13:14:15.123456}', '{2024-02-29 13:14:15.123456+02}',
  array['{"a":1}'::jsonb], '{10.0.0.1}', array['\x01'::bytea], '192.168.1.5/24', '192.168.0.0/16', '08:00:2b:01:02:03',
  '08:00:2b:01:02:03:04:05', 'a=>1, b=>NULL, "k 2"=>"v\"2"', 'ok', '{sad,ok}', '<a b="1">x</a>', 1234.56, B'1', B'10100101', B'101001010001',
  B'101', '[1,10)', '(1,10]', '[1.5,2.5]', '[2024-01-01,2024-02-01)', '[2024-01-01 00:00,2024-01-02 12:30)',
  '[2024-01-01 00:00+00,2024-01-02 12:30+02)', '{[1,3),[5,7)}', '(1.5,-2.5)', '{1,2,3}', '[(0,0),(1,1)]', '((0,0),(1,1))', '<(0,0),5>',
  '((0,0),(1,1),(1,0))', '[(0,0),(1,1)]', 'CiText', 'Top.Science.Astronomy', '{a.b,c}', 4294967295, 'fat:1 cat:2', 'fat & rat', 5, 'dom',
  '(1,two)', '16/B374D848');
insert into public.wide_default_all (id) values (2);
insert into public.wide_default_all (
  id, c_int2, c_int4, c_int8, c_numeric, c_numeric_10_2, c_numeric_5_0, c_numeric_3_neg2, c_float4, c_float8, c_bool, c_text, c_varchar, c_char,
  c_bpchar, c_qchar, c_bytea, c_json, c_jsonb, c_uuid, c_date, c_time, c_time0, c_time3, c_timetz, c_timestamp, c_timestamp0, c_timestamp3,
  c_timestamp6, c_timestamptz, c_timestamptz3, c_timestamptz0, c_interval, c_int_array, c_int2_array, c_int8_array, c_text_array,
  c_varchar_array, c_numeric_array, c_float8_array, c_bool_array, c_uuid_array, c_date_array, c_timestamp_array, c_timestamptz_array,
  c_jsonb_array, c_inet_array, c_bytea_array, c_inet, c_cidr, c_macaddr, c_macaddr8, c_hstore, c_enum, c_enum_array, c_xml, c_money, c_bit1,
  c_bit8, c_bit12, c_varbit, c_int4range, c_int8range, c_numrange, c_daterange, c_tsrange, c_tstzrange, c_int4multirange, c_point, c_line,
  c_lseg, c_box, c_circle, c_polygon, c_path, c_citext, c_ltree, c_ltree_array, c_oid, c_tsvector, c_tsquery, c_domain, c_domain_text,
  c_composite, c_pg_lsn)
  values (
  3, -32768, -2147483648, -9223372036854775808, -0.000000000000000000000000000001, -99999999.99, -99999, -99900, '-Infinity', 'NaN', false, '',
  '', '', '', '', '\x', 'null', 'null', '00000000-0000-0000-0000-000000000000', '0001-01-01', '24:00:00', '00:00:00', '23:59:59.999',
  '24:00:00-15:59', 'infinity', '-infinity', 'infinity', '1900-01-01 00:00:00.000001', 'infinity', '-infinity', '1969-12-31 23:59:59+00',
  '-1 year -2 months +3 days -04:05:06.000001', '{}', '{}', '{}', '{""}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
  '::1', '2001:db8::/32', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00', '', 'happy', '{}', '<a/>', -92233720368547758.08, B'0', B'00000000',
  B'000000000001', B'', 'empty', '(,)', 'empty', 'empty', 'empty', '[2024-01-01 00:00+00,)', '{}', '(0,0)', '{1,0,0}', '[(0,0),(0,0)]',
  '((0,0),(0,0))', '<(0,0),0>', '((0,0))', '((0,0))', '', '', '{}', 0, '', '', 1, '', '(,)', '0/0');
-- phase: stream
insert into public.wide_default_all (
  id, c_int2, c_int4, c_int8, c_numeric, c_numeric_10_2, c_numeric_5_0, c_numeric_3_neg2, c_float4, c_float8, c_bool, c_text, c_varchar, c_char,
  c_bpchar, c_qchar, c_bytea, c_json, c_jsonb, c_uuid, c_date, c_time, c_time0, c_time3, c_timetz, c_timestamp, c_timestamp0, c_timestamp3,
  c_timestamp6, c_timestamptz, c_timestamptz3, c_timestamptz0, c_interval, c_int_array, c_int2_array, c_int8_array, c_text_array,
  c_varchar_array, c_numeric_array, c_float8_array, c_bool_array, c_uuid_array, c_date_array, c_timestamp_array, c_timestamptz_array,
  c_jsonb_array, c_inet_array, c_bytea_array, c_inet, c_cidr, c_macaddr, c_macaddr8, c_hstore, c_enum, c_enum_array, c_xml, c_money, c_bit1,
  c_bit8, c_bit12, c_varbit, c_int4range, c_int8range, c_numrange, c_daterange, c_tsrange, c_tstzrange, c_int4multirange, c_point, c_line,
  c_lseg, c_box, c_circle, c_polygon, c_path, c_citext, c_ltree, c_ltree_array, c_oid, c_tsvector, c_tsquery, c_domain, c_domain_text,
  c_composite, c_pg_lsn)
  values (
  11, -7, 70000, 9007199254740993, 12345.6789, 1234.56, 42, 12300, 1.5, 2.718281828459045, true, 'Grüße 😀 "q"', 'var', 'pad', 'bp ', 'x',
  '\xdeadbeef00', '{"a": 1,  "b":[true,null]}', '{"b": [1.50, "x"], "a": 1}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2024-02-29',
  '13:14:15.123456', '13:14:15', '13:14:15.123', '13:14:15.123456+02', '2024-02-29 13:14:15.123456', '2024-02-29 13:14:15',
  '2024-02-29 13:14:15.123', '2024-02-29 13:14:15.123456', '2024-02-29 13:14:15.123456+02', '2024-02-29 13:14:15.1+00', '2024-02-29 13:14:15+00',
  '1 year 2 months 3 days 04:05:06.789', '{1,2,NULL,3}', '{1,2}', '{1,2}', '{a,"b,c",NULL,"d\"e"}', '{a,b}', '{1.50,2.25}', '{1.5,2.5}', '{t,f}',
  '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '{2024-02-29}', '{2024-02-29 13:14:15.123456}', '{2024-02-29 13:14:15.123456+02}',
  array['{"a":1}'::jsonb], '{10.0.0.1}', array['\x01'::bytea], '192.168.1.5/24', '192.168.0.0/16', '08:00:2b:01:02:03',
  '08:00:2b:01:02:03:04:05', 'a=>1, b=>NULL, "k 2"=>"v\"2"', 'ok', '{sad,ok}', '<a b="1">x</a>', 1234.56, B'1', B'10100101', B'101001010001',
  B'101', '[1,10)', '(1,10]', '[1.5,2.5]', '[2024-01-01,2024-02-01)', '[2024-01-01 00:00,2024-01-02 12:30)',
  '[2024-01-01 00:00+00,2024-01-02 12:30+02)', '{[1,3),[5,7)}', '(1.5,-2.5)', '{1,2,3}', '[(0,0),(1,1)]', '((0,0),(1,1))', '<(0,0),5>',
  '((0,0),(1,1),(1,0))', '[(0,0),(1,1)]', 'CiText', 'Top.Science.Astronomy', '{a.b,c}', 4294967295, 'fat:1 cat:2', 'fat & rat', 5, 'dom',
  '(1,two)', '16/B374D848');
insert into public.wide_default_all (id) values (12);
insert into public.wide_default_all (
  id, c_int2, c_int4, c_int8, c_numeric, c_numeric_10_2, c_numeric_5_0, c_numeric_3_neg2, c_float4, c_float8, c_bool, c_text, c_varchar, c_char,
  c_bpchar, c_qchar, c_bytea, c_json, c_jsonb, c_uuid, c_date, c_time, c_time0, c_time3, c_timetz, c_timestamp, c_timestamp0, c_timestamp3,
  c_timestamp6, c_timestamptz, c_timestamptz3, c_timestamptz0, c_interval, c_int_array, c_int2_array, c_int8_array, c_text_array,
  c_varchar_array, c_numeric_array, c_float8_array, c_bool_array, c_uuid_array, c_date_array, c_timestamp_array, c_timestamptz_array,
  c_jsonb_array, c_inet_array, c_bytea_array, c_inet, c_cidr, c_macaddr, c_macaddr8, c_hstore, c_enum, c_enum_array, c_xml, c_money, c_bit1,
  c_bit8, c_bit12, c_varbit, c_int4range, c_int8range, c_numrange, c_daterange, c_tsrange, c_tstzrange, c_int4multirange, c_point, c_line,
  c_lseg, c_box, c_circle, c_polygon, c_path, c_citext, c_ltree, c_ltree_array, c_oid, c_tsvector, c_tsquery, c_domain, c_domain_text,
  c_composite, c_pg_lsn)
  values (
  13, -32768, -2147483648, -9223372036854775808, -0.000000000000000000000000000001, -99999999.99, -99999, -99900, '-Infinity', 'NaN', false, '',
  '', '', '', '', '\x', 'null', 'null', '00000000-0000-0000-0000-000000000000', '0001-01-01', '24:00:00', '00:00:00', '23:59:59.999',
  '24:00:00-15:59', 'infinity', '-infinity', 'infinity', '1900-01-01 00:00:00.000001', 'infinity', '-infinity', '1969-12-31 23:59:59+00',
  '-1 year -2 months +3 days -04:05:06.000001', '{}', '{}', '{}', '{""}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}',
  '::1', '2001:db8::/32', '00:00:00:00:00:00', '00:00:00:00:00:00:00:00', '', 'happy', '{}', '<a/>', -92233720368547758.08, B'0', B'00000000',
  B'000000000001', B'', 'empty', '(,)', 'empty', 'empty', 'empty', '[2024-01-01 00:00+00,)', '{}', '(0,0)', '{1,0,0}', '[(0,0),(0,0)]',
  '((0,0),(0,0))', '<(0,0),0>', '((0,0))', '((0,0))', '', '', '{}', 0, '', '', 1, '', '(,)', '0/0');
update public.wide_default_all set c_int2 = null where id = 11;
update public.wide_default_all set id = 21 where id = 11;
delete from public.wide_default_all where id = 21;
-- phase: cleanup
drop table if exists public.wide_default_all;
drop domain if exists wide_default_posint, wide_default_shorttext;
drop type if exists wide_default_mood, wide_default_pair;
