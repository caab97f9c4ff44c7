-- How single and double floats are written in JSON. Without those that Java before 19 writes with a digit too many
-- (JDK-4511638): Rowtide writes them as newer Java does.
-- database: postgres
-- config: {"table.include.list": "public.flo_.*", "decimal.handling.mode": "double"}
-- phase: setup
drop table if exists public.flo_a;
create table public.flo_a (id int primary key, f4 real, f8 float8, n numeric, m money);
insert into public.flo_a select g, (10::float8 ^ (g % 20 - 10))::real, 10::float8 ^ (g * 12 - 250), 1.1 * g, g * 1.1 from generate_series(1, 40) g;
-- phase: stream
insert into public.flo_a select 100 + g, (1 / (g * 1.0))::real, 1 / (g * 1.0)::float8, 1 / (g * 1.0), 0 from generate_series(1, 60) g;
insert into public.flo_a select 200 + g, (g * 1234567.891)::real, g * 123456789012.345::float8, g, 0 from generate_series(1, 40) g;
insert into public.flo_a values (301, 3.4028235e38, 1e307, 0, 0), (302, 8388608.5, 4503599627370497.5, 0, 0), (303, 16777216, 1e22, 0, 0), (304, 1.0e7, 1.0e7, 0, 0), (305, 9999999.0, 9.999999e6, 0, 0), (306, 0.001, 1.0e-3, 0, 0);
-- phase: cleanup
drop table if exists public.flo_a;
