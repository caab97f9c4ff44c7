-- Domains over every kind of type but enums (the original does not start then), domains over domains, enums that grow while streaming, arrays of both.
-- database: postgres
-- config: {"table.include.list": "public.domen_.*"}
-- phase: setup
drop table if exists public.domen_a;
drop domain if exists domen_int, domen_pos, domen_text, domen_v5, domen_num, domen_ts, domen_arr, domen_tarr, domen_uuid, domen_json, domen_bytea, domen_bit, domen_bool, domen_deep cascade;
drop type if exists domen_mood;
create type domen_mood as enum ('sad', 'ok', 'it''s, fine');
create domain domen_int as int;
create domain domen_pos as domen_int check (value > 0);
create domain domen_deep as domen_pos not null;
create domain domen_text as text;
create domain domen_v5 as varchar(5) default 'dv';
create domain domen_num as numeric(10,3);
create domain domen_ts as timestamp(3);
create domain domen_arr as int[];
create domain domen_tarr as text[];
create domain domen_uuid as uuid;
create domain domen_json as jsonb;
create domain domen_bytea as bytea;
create domain domen_bit as bit(3);
create domain domen_bool as bool;
create table public.domen_a (id domen_pos primary key, i domen_int, p domen_pos, d domen_deep default 3, t domen_text, v domen_v5, n domen_num, ts domen_ts, e domen_mood,
  a domen_arr, ta domen_tarr, u domen_uuid, j domen_json, b domen_bytea, bt domen_bit, bo domen_bool, m domen_mood, md domen_mood default 'ok', ma domen_mood[]);
insert into public.domen_a values (1, 1, 2, 3, 'text', 'v5', 1.5, '2024-02-29 13:14:15.123', 'sad', '{1,null,2}', '{a,null}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1}', '\x01', B'101', true, 'it''s, fine', 'sad', '{sad,"it''s, fine"}');
insert into public.domen_a (id) values (2);
-- phase: stream
insert into public.domen_a values (11, 1, 2, 3, 'text', 'v5', 1.5, '2024-02-29 13:14:15.123', 'sad', '{1,null,2}', '{a,null}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": 1}', '\x01', B'101', true, 'it''s, fine', 'sad', '{sad,"it''s, fine"}');
insert into public.domen_a (id) values (12);
delete from public.domen_a where id = 11;
-- phase: stream
alter type domen_mood add value 'new' before 'ok';
insert into public.domen_a (id, m, md) values (13, 'new', 'new');
-- phase: stream
alter table public.domen_a add column extra domen_mood;
insert into public.domen_a (id, m, ma, extra) values (14, 'new', '{new,ok}', 'new');
-- phase: cleanup
drop table if exists public.domen_a;
drop domain if exists domen_int, domen_pos, domen_text, domen_v5, domen_num, domen_ts, domen_arr, domen_tarr, domen_uuid, domen_json, domen_bytea, domen_bit, domen_bool, domen_deep cascade;
drop type if exists domen_mood;
