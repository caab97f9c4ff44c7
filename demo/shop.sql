-- A small shop: what the demo captures.
create table customers (id serial primary key, name text not null, email text not null unique, joined timestamptz not null default now());
create table products (id serial primary key, name text not null, price numeric(10,2) not null, stock int not null default 1000);
create table orders (id serial primary key, customer_id int not null references customers, status text not null default 'new', placed timestamptz not null default now());
create table order_items (order_id int not null references orders on delete cascade, line int not null, product_id int not null references products, quantity int not null, price numeric(10,2) not null, primary key (order_id, line));
insert into customers (name, email) select 'Customer ' || g, 'customer' || g || '@example.org' from generate_series(1, 50) g;
insert into products (name, price) select (array['Anvil', 'Rope', 'Wax', 'Lamp', 'Kettle', 'Chair', 'Clock', 'Compass'])[1 + g % 8] || ' ' || g, round((5 + g * 3.35)::numeric, 2) from generate_series(1, 24) g;
insert into orders (customer_id) select 1 + g % 50 from generate_series(1, 20) g;
insert into order_items select o.id, 1, 1 + o.id % 24, 1, p.price from orders o join products p on p.id = 1 + o.id % 24;
