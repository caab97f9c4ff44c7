-- The schema changes between transactions, inside one and while the connectors are down.
-- database: postgres
-- config: {"table.include.list": "public.ddl_t"}
-- phase: setup
drop table if exists public.ddl_t;
create table public.ddl_t (id int primary key, a text, b int);
insert into public.ddl_t values (1, 'a', 1);
-- phase: stream
begin; insert into public.ddl_t values (2, 'b', 2); alter table public.ddl_t add column c numeric(5,1) default 1.5; insert into public.ddl_t values (3, 'c', 3, 9.5); commit;
-- phase: stream
alter table public.ddl_t alter column b type bigint; update public.ddl_t set b = 9000000000 where id = 2;
-- phase: stream
alter table public.ddl_t drop column a; insert into public.ddl_t values (4, 4, 4);
-- phase: stream
alter table public.ddl_t add column a date; insert into public.ddl_t values (5, 5, 5, '2024-01-01');
-- phase: stream
alter table public.ddl_t alter column b set not null; update public.ddl_t set b = 6 where id = 5;
-- phase: restart
alter table public.ddl_t rename column b to bee;
insert into public.ddl_t values (6, 6, 6, '2024-01-02');
-- phase: stream
delete from public.ddl_t where id = 1;
-- phase: stream
alter table public.ddl_t drop constraint ddl_t_pkey, add primary key (id, bee);
insert into public.ddl_t values (7, 7, 7, null);
delete from public.ddl_t where id = 7;
-- phase: cleanup
drop table if exists public.ddl_t;
