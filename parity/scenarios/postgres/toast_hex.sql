-- The placeholder in hex bytes and in a prefix of hex.
-- database: postgres
-- config: {"table.include.list": "public.toast_hex_.*"}
-- config: {"unavailable.value.placeholder": "hex:00ff", "binary.handling.mode": "hex", "time.precision.mode": "connect"}
-- phase: setup
create extension if not exists hstore;
create extension if not exists citext;
drop table if exists public.toast_hex_a, public.toast_hex_full;
create table public.toast_hex_a (id int primary key, n int, t text, v varchar, by bytea, j json, jb jsonb, x xml, ta text[], va varchar[], i4 int[], i8 bigint[], ua uuid[], da date[], bya bytea[], ja json[], jba jsonb[], hs hstore, ci citext, nn text not null);
alter table public.toast_hex_a alter t set storage external, alter v set storage external, alter by set storage external, alter j set storage external, alter jb set storage external, alter x set storage external,
  alter ta set storage external, alter va set storage external, alter i4 set storage external, alter i8 set storage external, alter ua set storage external, alter da set storage external, alter bya set storage external,
  alter ja set storage external, alter jba set storage external, alter hs set storage external, alter ci set storage external, alter nn set storage external;
create table public.toast_hex_full (like public.toast_hex_a including all);
alter table public.toast_hex_full replica identity full;
insert into public.toast_hex_a select 1, 1, r, r, r::bytea, to_json(r), to_jsonb(r), ('<a>' || r || '</a>')::xml, array[r], array[r], i, i, (select array_agg(('a0eebc99-9c0b-4ef8-bb6d-6bb9bd38' || lpad(g::text, 4, '0'))::uuid) from generate_series(1, 300) g), (select array_agg(date '2024-01-01' + g) from generate_series(1, 1000) g), array[r::bytea], array[to_json(r)], array[to_jsonb(r)], hstore('k', r), r, r
  from (select repeat('0123456789', 300) r, (select array_agg(g) from generate_series(1, 1000) g) i) s;
insert into public.toast_hex_full select * from public.toast_hex_a;
-- phase: stream
update public.toast_hex_a set n = 2;
update public.toast_hex_full set n = 2;
update public.toast_hex_a set n = 3, t = 'short', nn = 'short', i4 = '{1}';
update public.toast_hex_a set n = 4;
update public.toast_hex_a set id = 5;
delete from public.toast_hex_a;
delete from public.toast_hex_full;
-- phase: cleanup
drop table if exists public.toast_hex_a, public.toast_hex_full;
