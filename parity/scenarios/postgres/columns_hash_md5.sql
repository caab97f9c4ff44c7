-- Other digests, with propagated types beside them.
-- database: postgres
-- config: {"table.include.list": "public.colmd5.*", "column.mask.hash.MD5.with.salt.s a l t": "public.colmd5.email", "column.mask.hash.v2.SHA-512.with.salt.x": "public.colmd5.name,public.colmd5.secret", "column.mask.hash.SHA-1.with.salt.é": "public.colmd5_b.*", "column.propagate.source.type": ".*"}
-- phase: setup
drop table if exists public.colmd5, public.colmd5_b;
create table public.colmd5 (id int primary key, name text, email varchar(100), short varchar(5), phone char(12), secret text, n int, bin bytea, nul text);
create table public.colmd5_b (id int primary key, email text, note text);
insert into public.colmd5 values (1, 'Ann Ünïcode 😀', 'ann@example.org', 'abcde', '555', 's3cret', 5, '\x00112233445566', null);
insert into public.colmd5_b values (1, 'bob@example.org', 'a note');
-- phase: stream
insert into public.colmd5 values (2, '', '', '', '', '', 0, '\x', null), (3, '😀😀😀😀', 'é@é', 'ééé', '1', 'x', 1, '\xff', 'n');
insert into public.colmd5 (id) values (4);
update public.colmd5 set secret = 'other' where id = 1;
update public.colmd5_b set email = 'new@example.org';
delete from public.colmd5 where id = 2;
-- phase: cleanup
drop table if exists public.colmd5, public.colmd5_b;
