-- Arrays of bits, which the original shows as bits that are always null.
-- database: postgres
-- config: {"table.include.list": "public.arrb_.*"}
-- phase: setup
drop table if exists public.arrb_a;
create table public.arrb_a (id int primary key, bt bit(3)[]);
insert into public.arrb_a values (1, '{101,011}');
-- phase: stream
insert into public.arrb_a values (2, '{101}');
-- phase: cleanup
drop table if exists public.arrb_a;
