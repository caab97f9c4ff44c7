-- Types without a mapping as opaque bytes.
-- database: postgres
-- config: {"table.include.list": "public.unk_in", "include.unknown.datatypes": "true"}
-- phase: setup
drop table if exists public.unk_in;
drop type if exists unk_in_pair;
create type unk_in_pair as (a int, b text);
create table public.unk_in (id int primary key, li line, ls lseg, bo box, ci circle, po polygon, pa path, q tsquery, l pg_lsn, mr int4multirange, c unk_in_pair, sn txid_snapshot, ma money[], na name[], ia interval[], vba varbit[], xa xml[], pta point[], v text);
insert into public.unk_in values (1, '{1,2,3}', '[(0,0),(1,1)]', '((0,0),(1,1))', '<(0,0),5>', '((0,0),(1,1),(1,0))', '[(0,0),(1,1)]', 'fat & rat', '16/B374D848', '{[1,3),[5,7)}', '(1,two)', '10:20:10,14,15', '{1.5}', '{a}', '{1 day}', '{101}', '{<a/>}', '{"(1,2)"}', 'v');
insert into public.unk_in (id, v) values (2, 'nulls');
-- phase: stream
insert into public.unk_in select 10 + id, li, ls, bo, ci, po, pa, q, l, mr, c, sn, ma, na, ia, vba, xa, pta, v from public.unk_in order by id;
update public.unk_in set v = 'w' where id = 1;
delete from public.unk_in where id = 2;
-- phase: cleanup
drop table if exists public.unk_in;
drop type if exists unk_in_pair;
