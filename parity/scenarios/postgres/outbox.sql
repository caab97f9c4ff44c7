-- An outbox table routed to a topic for each aggregate.
-- database: postgres
-- config: {"table.include.list": "public.outbox_t"}
-- config: {"tombstones.on.delete": "false", "transforms": "outbox", "transforms.outbox.type": "io.debezium.transforms.outbox.EventRouter", "transforms.outbox.route.topic.replacement": "{side}.events.${routedByValue}", "transforms.outbox.table.fields.additional.placement": "type:header:eventType,tenant:envelope", "transforms.outbox.table.expand.json.payload": "true"}
-- phase: setup
drop table if exists public.outbox_t;
create table public.outbox_t (id uuid primary key, aggregatetype varchar(255) not null, aggregateid varchar(255) not null, type varchar(255) not null, tenant text, payload jsonb);
-- phase: stream
insert into public.outbox_t values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'order', '1', 'OrderCreated', 't1', '{"id": 1, "lines": [{"sku": "a", "n": 2}], "note": "é"}');
insert into public.outbox_t values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', 'customer', '7', 'CustomerMoved', null, '{"id": 7}');
delete from public.outbox_t;
-- phase: cleanup
drop table if exists public.outbox_t;
