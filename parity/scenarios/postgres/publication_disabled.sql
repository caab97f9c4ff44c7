-- A publication made by hand, with a row filter, a column list and only some operations.
-- The setup runs once for each side, since it names a side: it must do no harm twice.
-- database: postgres
-- config: {"table.include.list": "public.pubd_.*", "publication.autocreate.mode": "disabled"}
-- phase: setup
create table if not exists public.pubd_a (id int primary key, v text, n int);
create table if not exists public.pubd_b (id int primary key, v text, hidden text);
create table if not exists public.pubd_c (id int primary key, v text);
insert into public.pubd_a values (1, 'a', 1), (50, 'a', 50) on conflict do nothing;
insert into public.pubd_b values (1, 'b', 'h') on conflict do nothing;
insert into public.pubd_c values (1, 'c') on conflict do nothing;
create publication {side} for table public.pubd_a where (id < 10), public.pubd_b (id, v) with (publish = 'insert, update');
-- phase: stream
insert into public.pubd_a values (2, 'in', 2), (60, 'out', 60);
update public.pubd_a set v = 'b' where id in (1, 50);
delete from public.pubd_a where id = 1;
insert into public.pubd_b values (2, 'b', 'h');
insert into public.pubd_c values (2, 'not published');
-- phase: cleanup
drop table if exists public.pubd_a, public.pubd_b, public.pubd_c;
