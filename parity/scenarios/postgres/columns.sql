-- Columns left out, masked, hashed in both versions and cut, source types and comments propagated by column and by type.
-- database: postgres
-- config: {"table.include.list": "public.cols_.*", "column.exclude.list": "public.cols_a.secret,public.cols_b..*x", "column.mask.with.6.chars": "public.cols_a.phone", "column.mask.with.0.chars": "public.cols_a.empty"}
-- config: {"column.truncate.to.3.chars": "public.cols_a.note,public.cols_b.note", "column.mask.hash.SHA-256.with.salt.CzQMA0cB5K": "public.cols_a.email", "column.mask.hash.v2.SHA-512.with.salt.NaCl": "public.cols_a.ssn"}
-- config: {"column.mask.hash.MD5.with.salt.x": "public.cols_a.md", "column.propagate.source.type": "public.cols_a.(note|amount)", "datatype.propagate.source.type": ".*\\.NUMERIC,.*\\.varchar", "include.schema.comments": "true"}
-- phase: setup
drop table if exists public.cols_a, public.cols_b;
create table public.cols_a (id int primary key, secret text, phone varchar(20), empty text not null, note text, email varchar(30), ssn char(11), md text, amount numeric(8,2), v varchar(7) default 'v');
create table public.cols_b (id int primary key, ax int, bx text, keep text, note varchar(10));
comment on table public.cols_a is 'a table';
comment on column public.cols_a.note is 'cut';
insert into public.cols_a values (1, 's', '555-1234', 'e', 'Grüße', 'a@example.com', '123', 'md', 1.5), (2, null, null, '', null, null, null, null, null);
insert into public.cols_b values (1, 1, 'b', 'k', 'long note');
-- phase: stream
insert into public.cols_a values (3, 's', '555-1234', 'e', '😀x😀😀', 'é@example.com', '123-45-6789', 'md', 2.5);
update public.cols_a set phone = '1', note = 'ab', email = '' where id = 1;
update public.cols_a set secret = 'only the hidden one' where id = 1;
insert into public.cols_b values (2, 2, 'b', null, 'abc');
delete from public.cols_a where id = 1;
-- phase: cleanup
drop table if exists public.cols_a, public.cols_b;
