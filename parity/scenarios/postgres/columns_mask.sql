-- Masked, cut and hashed columns, null and empty values too, hash versions 1 and 2.
-- database: postgres
-- config: {"table.include.list": "public.colmask.*", "column.mask.with.6.chars": "public.colmask.secret,public.colmask.nul", "column.mask.with.0.chars": "public.colmask_b.note", "column.truncate.to.3.chars": "public.colmask.name,public.colmask.bin", "column.mask.hash.SHA-256.with.salt.CzQMA0cB5K": "public.colmask.email,public.colmask.short", "column.mask.hash.v2.SHA-256.with.salt.CzQMA0cB5K": "public.colmask.phone,public.colmask_b.email"}
-- phase: setup
drop table if exists public.colmask, public.colmask_b;
create table public.colmask (id int primary key, name text, email varchar(100), short varchar(5), phone char(12), secret text, n int, bin bytea, nul text);
create table public.colmask_b (id int primary key, email text, note text);
insert into public.colmask values (1, 'Ann Ünïcode 😀', 'ann@example.org', 'abcde', '555', 's3cret', 5, '\x00112233445566', null);
insert into public.colmask_b values (1, 'bob@example.org', 'a note');
-- phase: stream
insert into public.colmask values (2, '', '', '', '', '', 0, '\x', null), (3, '😀x😀😀', 'é@é', 'ééé', '1', 'x', 1, '\xff', 'n');
insert into public.colmask (id) values (4);
update public.colmask set secret = 'other' where id = 1;
update public.colmask_b set email = 'new@example.org';
delete from public.colmask where id = 2;
-- phase: cleanup
drop table if exists public.colmask, public.colmask_b;
