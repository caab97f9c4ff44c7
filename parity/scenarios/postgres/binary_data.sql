-- Debezium's converters of bytes: what is no bytes goes by the converter that they name.
-- json only: the converters are named here
-- database: postgres
-- config: {"table.include.list": "public.bin_a", "key.converter": "io.debezium.converters.ByteArrayConverter", "key.converter.delegate.converter.type": "org.apache.kafka.connect.json.JsonConverter"}
-- config: {"value.converter": "io.debezium.converters.BinaryDataConverter", "value.converter.delegate.converter.type": "org.apache.kafka.connect.json.JsonConverter", "value.converter.delegate.converter.type.schemas.enable": "false"}
-- phase: setup
CREATE TABLE bin_a (id int PRIMARY KEY, b bytea);
INSERT INTO bin_a VALUES (1, '\x00ff');
-- phase: stream
INSERT INTO bin_a VALUES (2, NULL);
UPDATE bin_a SET b = '\x01' WHERE id = 2;
DELETE FROM bin_a WHERE id = 1;
-- phase: cleanup
DROP TABLE bin_a;
