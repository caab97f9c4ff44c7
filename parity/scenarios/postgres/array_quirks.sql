-- Arrays that the original cuts or loses: times of microseconds, labels with a null among them, bits.
-- database: postgres
-- config: {"table.include.list": "public.arrq_.*"}
-- phase: setup
create extension if not exists ltree;
drop table if exists public.arrq_a;
create table public.arrq_a (id int primary key, tm time[], lt ltree[]);
insert into public.arrq_a values (1, '{13:14:15.123456,null}', '{a.b,null}');
-- phase: stream
insert into public.arrq_a values (2, '{13:14:15.123456,null}', '{a.b,null}');
-- phase: cleanup
drop table if exists public.arrq_a;
