-- Column defaults of every kind, constant and computed, in snapshot and stream schemas.
-- database: postgres
-- config: {"table.include.list": "public.dflt_.*"}
-- phase: setup
drop table if exists public.dflt_all;
drop type if exists dflt_mood;
create type dflt_mood as enum ('sad', 'ok');
create table public.dflt_all (id serial primary key, i2 int2 default -3, i4 int not null default 42, i8 bigint default 9007199254740993, f4 real default 1.5, f8 float8 not null default 2.5, b bool default true, b2 bool not null default false,
  t text default 'it''s', t2 text not null default '', vc varchar(10) default 'v', bp char(5) default 'ab', n numeric default 1.50, n2 numeric(8,3) not null default 1.125, n3 numeric(8,3) default -0.5,
  d date default '2021-06-30', tm time default '10:20:30.5', tm3 time(3) default '10:20:30.500', ts timestamp not null default '2020-01-01 00:00:00', ts3 timestamp(3) default '2020-01-01 12:34:56.789', tstz timestamptz default '2020-01-01 00:00:00+00', iv interval default '1 day',
  u uuid default 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', j json default '{"a": 1}', jb jsonb default '{}', x xml default '<a/>', bt bit(3) default b'101', bt1 bit default b'1', vb varbit(5) default b'11', en dflt_mood not null default 'ok', bin bytea default '\x0102',
  e1 int default (1 + 1), e2 timestamptz not null default now(), e3 date default current_date, e4 text default current_user, e5 uuid default gen_random_uuid(), e6 text default upper('x'), e7 int not null default length('abc'), e8 timestamp default localtimestamp,
  nul text default null, arr int[] default '{1,2}', ip inet default '10.0.0.1', m money default 12.5, g int generated always as (i4 * 2) stored, idn int generated always as identity);
insert into public.dflt_all (e2, e3, e4, e5, e8) values ('2024-01-01 00:00+00', '2024-01-01', 'me', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '2024-01-01');
-- phase: stream
insert into public.dflt_all (e2, e3, e4, e5, e8) values ('2024-01-01 00:00+00', '2024-01-01', 'me', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '2024-01-01');
update public.dflt_all set i2 = null, t = null, d = null, j = null, en = 'sad' where id = 1;
alter table public.dflt_all alter column i4 set default 43, alter column t drop default, alter column vc set default 'later', add column added int not null default 5;
select pg_sleep(1);
insert into public.dflt_all (e2, e3, e4, e5, e8) values ('2024-01-01 00:00+00', '2024-01-01', 'me', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '2024-01-01');
delete from public.dflt_all where id = 1;
-- phase: cleanup
drop table if exists public.dflt_all;
drop type if exists dflt_mood;
