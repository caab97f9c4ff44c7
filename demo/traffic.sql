-- One visit to the shop, run by pgbench over and over.
\set customer random(1, 50)
\set product random(1, 24)
\set other random(1, 24)
\set quantity random(1, 4)
\set chance random(1, 100)
begin;
insert into orders (customer_id) values (:customer) returning id as order \gset
insert into order_items select :order, 1, id, :quantity, price from products where id = :product;
insert into order_items select :order, 2, id, 1, price from products where id = :other;
update products set stock = stock - :quantity where id = :product;
commit;
update orders set status = 'paid' where id = :order;
\if :chance < 20
delete from orders where id = :order - 20;
\endif
\if :chance > 97
update customers set name = name || '*' where id = :customer;
\endif
