-- Options seldom set: headers of the context off, no schema refresh for unchanged TOASTed values, fraction digits of money, small fetches.
-- database: postgres
-- config: {"table.include.list": "public.odds_.*", "extended.headers.enabled": "false", "schema.refresh.mode": "columns_diff_exclude_unchanged_toast", "money.fraction.digits": "3", "snapshot.fetch.size": "1", "event.processing.failure.handling.mode": "warn", "snapshot.delay.ms": "500", "snapshot.isolation.mode": "repeatable_read"}
-- phase: setup
drop table if exists public.odds_a;
create table public.odds_a (id int primary key, m money, t text);
alter table public.odds_a alter t set storage external;
insert into public.odds_a values (1, 1.25, repeat('x', 3000)), (2, -1, 'y');
-- phase: stream
insert into public.odds_a values (3, 1000000.01, 'z');
update public.odds_a set m = 5 where id = 1;
update public.odds_a set id = 9 where id = 2;
delete from public.odds_a where id = 3;
-- phase: cleanup
drop table if exists public.odds_a;
