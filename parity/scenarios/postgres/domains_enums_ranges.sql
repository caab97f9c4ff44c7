-- Domains over many types (nested ones too), enums, ranges, bits, network types. No domain over an enum: one anywhere in
-- the database keeps Debezium 3.6.1 from starting (NullPointerException while it reads the types).
-- database: postgres
-- config: {"table.include.list": "public.dom_.*"}
-- phase: setup
create extension if not exists citext;
drop table if exists public.dom_all;
drop domain if exists dom_arr, dom_inner2, dom_inner, dom_txt, dom_num, dom_ts, dom_bit;
drop type if exists dom_color;
create type dom_color as enum ('rouge', 'vert', 'Bleu ciel');
create domain dom_inner as int check (value > 0);
create domain dom_inner2 as dom_inner check (value < 100);
create domain dom_txt as varchar(12) default 'dd';
create domain dom_num as numeric(9,3);
create domain dom_ts as timestamp(3);
create domain dom_bit as bit(5);
create domain dom_arr as int[];
create table public.dom_all (id int primary key, a dom_inner, b dom_inner2 not null default 5, c dom_txt, d dom_num, e dom_ts, f dom_color, g dom_bit, h dom_color not null default 'vert', i dom_arr not null default '{}',
  b1 bit, b8 bit(8), b64 bit(64), vb varbit, vb5 varbit(5), i4r int4range, i8r int8range, nr numrange, dr daterange, tr tsrange, tzr tstzrange,
  ip inet, net cidr, mac macaddr, mac8 macaddr8, qc "char", bp bpchar, c1 char, x xml, tv tsvector, pt point);
insert into public.dom_all values (1, 1, 2, 'short', 1.5, '2024-02-29 01:02:03.456', 'Bleu ciel', b'10101', 'rouge', '{1,2}', b'1', b'10000001', b'1000000000000000000000000000000000000000000000000000000000000001', b'1010101010101', b'101',
  '[1,5]', '(,)', 'empty', '[2024-01-01,2024-02-01)', '[2024-01-01 00:00,2024-01-02 12:30:00.5]', '(2024-01-01 00:00+05,)', '::ffff:1.2.3.4/96', '2001:db8::/32', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', 'x', 'padded  ', 'y', '<a b="1">x &amp; y</a>', 'fat:1A cat:2', '(1.5,-2.5)');
insert into public.dom_all (id) values (2);
-- phase: stream
insert into public.dom_all select 10 + id, a, b, c, d, e, f, g, h, i, b1, b8, b64, vb, vb5, i4r, i8r, nr, dr, tr, tzr, ip, net, mac, mac8, qc, bp, c1, x, tv, pt from public.dom_all;
update public.dom_all set b8 = b'00000000', vb = b'', vb5 = b'00000', f = 'vert', pt = '(1e300,-0)' where id = 1;
delete from public.dom_all where id = 2;
-- phase: cleanup
drop table if exists public.dom_all;
drop domain if exists dom_arr, dom_inner2, dom_inner, dom_txt, dom_num, dom_ts, dom_bit;
drop type if exists dom_color;
