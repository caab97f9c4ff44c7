-- Rules for columns that overlap: hashes of key and array columns, masks of numbers, truncation of everything, the first rule that matches.
-- database: postgres
-- config: {"table.include.list": "public.colr_.*", "column.mask.hash.SHA-256.with.salt.s1": "public.colr_a.email,public.colr_k.code", "column.mask.hash.v2.SHA-256.with.salt.s1": "public.colr_a.mail2,public.colr_k.v", "column.mask.with.10.chars": "public.colr_a.(email|num|j|u)", "column.truncate.to.4.chars": "public.colr_.*"}
-- phase: setup
drop table if exists public.colr_a, public.colr_k;
create table public.colr_a (id int primary key, email varchar(50), mail2 varchar(50), num numeric(8,2), j jsonb, u uuid, t text, c char(6), b bytea, ts timestamp, ta text[], e text not null default 'default text');
create table public.colr_k (code varchar(20) primary key, v text);
insert into public.colr_a values (1, 'ann@example.org', 'ann@example.org', 12.5, '{"a": 1}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'long text', 'abc', '\x0011223344', '2024-01-01', '{longer,text}', 'also long');
insert into public.colr_k values ('secret key', 'value');
-- phase: stream
insert into public.colr_a (id) values (2);
insert into public.colr_a values (3, '', '', 0, 'null', null, 'é漢字x😀', 'é', '\x', 'infinity', '{}', '');
update public.colr_k set code = 'other key';
update public.colr_k set v = null;
delete from public.colr_k;
update public.colr_a set email = 'new@example.org' where id = 1;
-- phase: cleanup
drop table if exists public.colr_a, public.colr_k;
