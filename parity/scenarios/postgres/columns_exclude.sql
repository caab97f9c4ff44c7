-- Columns left out, by regex.
-- database: postgres
-- config: {"table.include.list": "public.colexc.*", "column.exclude.list": "public.colexc.sec.*,PUBLIC.COLEXC.(phone|bin),public.colexc_b.email"}
-- phase: setup
drop table if exists public.colexc, public.colexc_b;
create table public.colexc (id int primary key, name text, email varchar(100), short varchar(5), phone char(12), secret text, n int, bin bytea, nul text);
create table public.colexc_b (id int primary key, email text, note text);
insert into public.colexc values (1, 'Ann Ünïcode 😀', 'ann@example.org', 'abcde', '555', 's3cret', 5, '\x00112233445566', null);
insert into public.colexc_b values (1, 'bob@example.org', 'a note');
-- phase: stream
insert into public.colexc values (2, '', '', '', '', '', 0, '\x', null), (3, '😀😀😀😀', 'é@é', 'ééé', '1', 'x', 1, '\xff', 'n');
insert into public.colexc (id) values (4);
update public.colexc set secret = 'other' where id = 1;
update public.colexc_b set email = 'new@example.org';
delete from public.colexc where id = 2;
-- phase: cleanup
drop table if exists public.colexc, public.colexc_b;
