-- JSON without schemas, decimals as numbers, nulls for defaults replaced or not.
-- database: postgres
-- config: {"table.include.list": "public.jspl_.*", "key.converter": "org.apache.kafka.connect.json.JsonConverter", "key.converter.schemas.enable": "false"}
-- config: {"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false", "value.converter.decimal.format": "NUMERIC", "value.converter.replace.null.with.default": "false"}
-- phase: setup
create extension if not exists hstore;
drop table if exists public.jspl_a;
create table public.jspl_a (id int primary key, n numeric(20,5), vn numeric, na numeric(6,2)[], f4 real, f8 float8, j json, bin bytea, hs hstore, d int default 5, t text);
insert into public.jspl_a values (1, 123456789012345.12345, 1.50, '{1.10,NULL}', 1e10, 1e21, '{"a": 1.0}', '\x00ff', 'a=>1', null, E'tab\t nl\n quote" back\\ slash/ nul? \u0001 \u2028 é 😀 <&>');
-- phase: stream
insert into public.jspl_a values (2, 0, 0.000, '{}', 0.1, 0.1, 'null', '', '', 1, ''), (3, -0.00001, -1e-10, null, 1e-5, 1e-5, null, null, null, null, null), (4, 1, 12345678901234567890, '{100}', 16777216, 9007199254740993, '[]', 'x', 'k=>v', 2, 'x'),
  (5, 1, 1, null, 2E-38, 1.7976931348623157E308, null, null, null, null, null), (6, 1, 1, null, 123456.789, 1234567.0, null, null, null, null, null), (7, 1, 1, null, 9999999, 12345678, null, null, null, null, null), (8, 1, 1, null, 0.001, 0.0009999, null, null, null, null, null);
delete from public.jspl_a where id = 1;
-- phase: cleanup
drop table if exists public.jspl_a;
