-- Changes as CloudEvents in JSON: the data with its schema, keys as JSON; transaction metadata and a table without a key.
-- json only: the events are CloudEvents
-- database: postgres
-- config: {"table.include.list": "public.ce_.*", "provide.transaction.metadata": "true", "value.converter": "io.debezium.converters.CloudEventsConverter"}
-- phase: setup
CREATE TABLE ce_a (id int PRIMARY KEY, n numeric(10, 2), t text DEFAULT 'x', at timestamptz, b bytea);
CREATE TABLE ce_b (note text);
INSERT INTO ce_a VALUES (1, 1.25, 'a "quoted" text', '2024-02-29 12:00:00.123456+02', '\x00ff');
-- phase: stream
INSERT INTO ce_a VALUES (2, 0, NULL, NULL, NULL);
BEGIN;
UPDATE ce_a SET n = 5.5 WHERE id = 1;
INSERT INTO ce_b VALUES ('no key');
UPDATE ce_a SET id = 3 WHERE id = 2;
COMMIT;
DELETE FROM ce_a WHERE id = 3;
TRUNCATE ce_b;
SELECT pg_logical_emit_message(true, 'p', 'a message');
-- phase: restart
-- phase: stream
INSERT INTO ce_a VALUES (4);
-- phase: cleanup
DROP TABLE ce_a, ce_b;
