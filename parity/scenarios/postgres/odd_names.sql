-- Upper case, spaces, dots, quotes, reserved words in names; lists that match them.
-- database: postgres
-- config: {"table.include.list": "public\\.Odd.*,public\\.odd.*,public\\.select", "column.exclude.list": "public\\.Odd Case\\.No"}
-- phase: setup
drop table if exists public."Odd Case", public."odd.dots", public."odd""quote", public."select", public."odd'apos", public."oddé漢字";
create table public."Odd Case" ("Id" int primary key, "select" text, "No" int);
create table public."odd.dots" ("a.b" int primary key, v text);
create table public."odd""quote" ("q""q" int primary key, v text);
create table public."select" ("from" int primary key, "where" text default 'its');
create table public."odd'apos" (id int primary key, "v'v" text);
create table public."oddé漢字" (id int primary key, "列" text);
insert into public."Odd Case" values (1, 'a', 1);
insert into public."odd.dots" values (1, 'a');
insert into public."odd""quote" values (1, 'a');
insert into public."select" values (1, 'a');
insert into public."odd'apos" values (1, 'a');
insert into public."oddé漢字" values (1, 'a');
-- phase: stream
insert into public."Odd Case" values (2, 'b', 2);
update public."odd.dots" set v = 'b';
update public."odd""quote" set "q""q" = 2;
insert into public."select" ("from") values (2);
delete from public."odd'apos";
insert into public."oddé漢字" values (2, 'b');
-- phase: cleanup
drop table if exists public."Odd Case", public."odd.dots", public."odd""quote", public."select", public."odd'apos", public."oddé漢字";
