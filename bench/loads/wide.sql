-- Rows of 60 columns and about 2 KB in transactions of 100 changes: 50 inserts, 30 updates, 20 deletes.
drop table if exists bench_wide;
create table bench_wide (id int primary key,
  c1 int, c2 bigint, c3 numeric(12,4), c4 text, c5 varchar(80), c6 timestamptz, c7 timestamp, c8 date, c9 boolean, c10 double precision, c11 text,
  c12 jsonb, c13 int, c14 bigint, c15 numeric(12,4), c16 text, c17 varchar(80), c18 timestamptz, c19 timestamp, c20 date, c21 boolean,
  c22 double precision, c23 text, c24 jsonb, c25 int, c26 bigint, c27 numeric(12,4), c28 text, c29 varchar(80), c30 timestamptz, c31 timestamp, c32 date,
  c33 boolean, c34 double precision, c35 text, c36 jsonb, c37 int, c38 bigint, c39 numeric(12,4), c40 text, c41 varchar(80), c42 timestamptz,
  c43 timestamp, c44 date, c45 boolean, c46 double precision, c47 text, c48 jsonb, c49 int, c50 bigint, c51 numeric(12,4), c52 text, c53 varchar(80),
  c54 timestamptz, c55 timestamp, c56 date, c57 boolean, c58 double precision, c59 text);
create or replace procedure bench_wide_load(first int, transactions int) language plpgsql as $$
declare base int;
begin
  for t in first..first + transactions - 1 loop
    base := t * 100;
    insert into bench_wide select base + g, g, g * 1000003, g * 1.2345, repeat('t', 60), repeat('v', 50), now(), localtimestamp, current_date, g % 2 = 0, g / 7.0, repeat('n', 90),
      '{"a": 1, "b": "some text"}', g, g * 1000003, g * 1.2345, repeat('t', 60), repeat('v', 50), now(), localtimestamp, current_date, g % 2 = 0, g / 7.0,
      repeat('n', 90), '{"a": 1, "b": "some text"}', g, g * 1000003, g * 1.2345, repeat('t', 60), repeat('v', 50), now(), localtimestamp, current_date,
      g % 2 = 0, g / 7.0, repeat('n', 90), '{"a": 1, "b": "some text"}', g, g * 1000003, g * 1.2345, repeat('t', 60), repeat('v', 50), now(), localtimestamp,
      current_date, g % 2 = 0, g / 7.0, repeat('n', 90), '{"a": 1, "b": "some text"}', g, g * 1000003, g * 1.2345, repeat('t', 60), repeat('v', 50), now(),
      localtimestamp, current_date, g % 2 = 0, g / 7.0, repeat('n', 90) from generate_series(1, 50) g;
    update bench_wide set c1 = c1 + 1 where id > base and id <= base + 30;
    delete from bench_wide where id > base + 30 and id <= base + 50;
    commit;
  end loop;
end $$;
