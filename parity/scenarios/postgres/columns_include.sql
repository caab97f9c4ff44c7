-- Only listed columns; the key is kept.
-- database: postgres
-- config: {"table.include.list": "public.colinc.*", "column.include.list": "public\\.colinc\\.(id|name|email),.*_b\\.note,public.colinc_b.id"}
-- phase: setup
drop table if exists public.colinc, public.colinc_b;
create table public.colinc (id int primary key, name text, email varchar(100), short varchar(5), phone char(12), secret text, n int, bin bytea, nul text);
create table public.colinc_b (id int primary key, email text, note text);
insert into public.colinc values (1, 'Ann Ünïcode 😀', 'ann@example.org', 'abcde', '555', 's3cret', 5, '\x00112233445566', null);
insert into public.colinc_b values (1, 'bob@example.org', 'a note');
-- phase: stream
insert into public.colinc values (2, '', '', '', '', '', 0, '\x', null), (3, '😀😀😀😀', 'é@é', 'ééé', '1', 'x', 1, '\xff', 'n');
insert into public.colinc (id) values (4);
update public.colinc set secret = 'other' where id = 1;
update public.colinc_b set email = 'new@example.org';
delete from public.colinc where id = 2;
-- phase: cleanup
drop table if exists public.colinc, public.colinc_b;
