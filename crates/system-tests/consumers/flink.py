"""A Flink SQL job over the changes of the table orders: flink.py JARS BROKER REGISTRY FORMAT TOPIC. Reads the topic to its end and prints the
rows that are left, as JSON lines. FORMAT: json, json-with-schemas, avro. JARS is a folder; REGISTRY has Confluent's API."""
import json, pathlib, sys

from pyflink.common import Configuration, RowKind
from pyflink.table import EnvironmentSettings, TableEnvironment

jars, broker, registry, form, topic = sys.argv[1:]
settings = Configuration()
settings.set_string("pipeline.jars", ";".join(jar.as_uri() for jar in sorted(pathlib.Path(jars).glob("*.jar"))))
settings.set_string("parallelism.default", "1")
settings.set_string("taskmanager.numberOfTaskSlots", "1")
settings.set_string("taskmanager.memory.managed.size", "64m")
settings.set_string("taskmanager.memory.network.min", "16m")
settings.set_string("taskmanager.memory.network.max", "16m")
settings.set_string("classloader.check-leaked-classloader", "false")  # Kafka's client logs once more when all is over
# Rowtide sends changes again after a crash, unless it writes exactly once: the primary key tells them apart
settings.set_string("table.exec.source.cdc-events-duplicate", "true")
tables = TableEnvironment.create(EnvironmentSettings.new_instance().in_streaming_mode().with_configuration(settings).build())

FORMATS = {
    "json": "'format' = 'debezium-json'",
    "json-with-schemas": "'format' = 'debezium-json', 'debezium-json.schema-include' = 'true'",
    "avro": f"'format' = 'debezium-avro-confluent', 'debezium-avro-confluent.url' = '{registry}'",
}
# microseconds and days as Debezium writes them; decimal.handling.mode=string or, in Avro, precise
tables.execute_sql(f"""
    CREATE TABLE orders (
        id BIGINT, customer STRING, total DECIMAL(10, 2), paid BOOLEAN, weight DOUBLE, made BIGINT, due INT,
        PRIMARY KEY (id) NOT ENFORCED
    ) WITH (
        'connector' = 'kafka', 'topic' = '{topic}', 'properties.bootstrap.servers' = '{broker}',
        'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', {FORMATS[form]}
    )""")

rows = {}
with tables.execute_sql("SELECT id, customer, total, paid, weight, made, due FROM orders").collect() as changes:
    for change in changes:
        if change.get_row_kind() in (RowKind.INSERT, RowKind.UPDATE_AFTER):
            rows[change[0]] = list(change)
        else:
            rows.pop(change[0], None)
for key in sorted(rows):
    print(json.dumps(rows[key], default=str), flush=True)
