-- Arrays of arrays.
-- database: postgres
-- config: {"table.include.list": "public.nesta_.*"}
-- phase: setup
drop table if exists public.nesta_a;
create table public.nesta_a (id int primary key, i int[][], t text[][]);
insert into public.nesta_a values (1, '{{1,2},{3,4}}', '{{a,b},{c,d}}');
-- phase: stream
insert into public.nesta_a values (2, '{{1,2},{3,4}}', '{{a,b},{c,d}}');
insert into public.nesta_a values (3, '{1,2}', '{a}');
-- phase: cleanup
drop table if exists public.nesta_a;
