-- Rows of about 200 bytes in transactions of 100 changes: 50 inserts, 30 updates, 20 deletes.
drop table if exists bench_rows;
create table bench_rows (id int primary key, kind int, amount numeric(10,2), note text, at timestamptz, tag uuid);
create or replace procedure bench_rows_load(first int, transactions int) language plpgsql as $$
declare base int;
begin
  for t in first..first + transactions - 1 loop
    base := t * 100;
    insert into bench_rows select base + g, g, g * 1.25, repeat('n', 120), now(), 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' from generate_series(1, 50) g;
    update bench_rows set amount = amount + 1 where id > base and id <= base + 30;
    delete from bench_rows where id > base + 30 and id <= base + 50;
    commit;
  end loop;
end $$;
