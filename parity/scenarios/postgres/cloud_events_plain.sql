-- Changes as CloudEvents in JSON without schemas, keys too (which are none and so null), without extension attributes; truncations are written.
-- json only: the events are CloudEvents
-- database: postgres
-- config: {"table.include.list": "public.cep_a", "skipped.operations": "none", "key.converter": "io.debezium.converters.CloudEventsConverter", "value.converter": "io.debezium.converters.CloudEventsConverter"}
-- config: {"value.converter.json.schemas.enable": "false", "value.converter.json.decimal.format": "NUMERIC", "value.converter.extension.attributes.enable": "false"}
-- phase: setup
CREATE TABLE cep_a (id int PRIMARY KEY, n numeric(10, 2), t text DEFAULT 'x');
INSERT INTO cep_a VALUES (1, 1.25, 'a');
-- phase: stream
INSERT INTO cep_a VALUES (2, 0, NULL);
UPDATE cep_a SET n = 5.5 WHERE id = 1;
DELETE FROM cep_a WHERE id = 2;
TRUNCATE cep_a;
-- phase: cleanup
DROP TABLE cep_a;
