-- Values that an update leaves in the TOAST table: the placeholder of each type.
-- database: postgres
-- config: {"table.include.list": "public.toast_default"}
-- phase: setup
create extension if not exists hstore;
drop table if exists public.toast_default;
create table public.toast_default (id int primary key, t text, vc varchar, bp bpchar, j json, jb jsonb, x xml, bin bytea, ta text[], va varchar[], ja json[], jba jsonb[], ia int[], i8a bigint[], da date[], ua uuid[], ba bytea[], hs hstore, n int);
alter table public.toast_default alter column t set storage external;
alter table public.toast_default alter column vc set storage external;
alter table public.toast_default alter column bp set storage external;
alter table public.toast_default alter column j set storage external;
alter table public.toast_default alter column jb set storage external;
alter table public.toast_default alter column x set storage external;
alter table public.toast_default alter column bin set storage external;
alter table public.toast_default alter column ta set storage external;
alter table public.toast_default alter column va set storage external;
alter table public.toast_default alter column ja set storage external;
alter table public.toast_default alter column jba set storage external;
alter table public.toast_default alter column ia set storage external;
alter table public.toast_default alter column i8a set storage external;
alter table public.toast_default alter column da set storage external;
alter table public.toast_default alter column ua set storage external;
alter table public.toast_default alter column ba set storage external;
alter table public.toast_default alter column hs set storage external;
-- phase: stream
insert into public.toast_default values (1, repeat('0123456789', 400), repeat('0123456789', 400), repeat('0123456789', 400), ('{"a":"' || repeat('0123456789', 400) || '"}')::json, ('{"a":"' || repeat('0123456789', 400) || '"}')::jsonb, ('<a>' || repeat('0123456789', 400) || '</a>')::xml, convert_to(repeat('0123456789', 400), 'UTF8'), array[repeat('0123456789', 400), null], array[repeat('0123456789', 400)]::varchar[], array[('"' || repeat('0123456789', 400) || '"')::json], array[('"' || repeat('0123456789', 400) || '"')::jsonb], (select array_agg(g) from generate_series(1, 2000) g), (select array_agg(g::bigint) from generate_series(1, 2000) g), (select array_agg(date '2024-01-01' + g) from generate_series(1, 2000) g), (select array_agg(md5(g::text)::uuid) from generate_series(1, 500) g), array[convert_to(repeat('0123456789', 400), 'UTF8')], hstore('k', repeat('0123456789', 400)), 1);
update public.toast_default set n = 2 where id = 1;
update public.toast_default set t = 'short', ta = array['short'] where id = 1;
update public.toast_default set n = 3 where id = 1;
update public.toast_default set id = 2 where id = 1;
delete from public.toast_default where id = 2;
-- phase: cleanup
drop table if exists public.toast_default;
