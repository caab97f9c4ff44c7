-- Source types propagated into the schemas of rows, of which some columns are keys of struct schemas; masks of key columns.
-- database: postgres
-- config: {"table.include.list": "public.propk_.*", "column.propagate.source.type": ".*\\.(n|p)", "column.mask.with.3.chars": ".*\\.t"}
-- phase: setup
drop table if exists public.propk_a, public.propk_b;
create table public.propk_a (n numeric primary key, v text);
create table public.propk_b (p point, n numeric, t text, d numeric(6,2), primary key (t, n));
insert into public.propk_a values (1.50, 'a'), (-100, 'b');
insert into public.propk_b values ('(1,2)', 1, 'text', 1.5);
-- phase: stream
update public.propk_a set n = 2.25 where n = 1.5;
update public.propk_b set p = '(3,4)';
update public.propk_b set t = 'other';
delete from public.propk_a;
delete from public.propk_b;
-- phase: cleanup
drop table if exists public.propk_a, public.propk_b;
