"""A plain consumer of the changes of the table orders: plain.py BROKER REGISTRY FORMAT TOPIC. Reads the topic to its end and prints the rows that are
left, as JSON lines. FORMAT: json, json-with-schemas, avro. REGISTRY has Confluent's API."""
import json, sys

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

broker, registry, form, topic = sys.argv[1:]
avro = AvroDeserializer(SchemaRegistryClient({"url": registry}))


def read(content, field):
    """Key or value as a dict."""
    if form == "avro":
        return avro(content, SerializationContext(topic, field))
    return json.loads(content)["payload"] if form == "json-with-schemas" else json.loads(content)


consumer = Consumer({"bootstrap.servers": broker, "group.id": f"{topic}.plain", "enable.auto.commit": False})
place = TopicPartition(topic, 0, 0)
_, end = consumer.get_watermark_offsets(place, timeout=60)
consumer.assign([place])
rows, reached = {}, 0
while reached < end:
    message = consumer.poll(60)
    if message is None or message.error():
        sys.exit(f"{topic}: no record after {reached} of {end}: {message and message.error()}")
    reached = message.offset() + 1
    key = read(message.key(), MessageField.KEY)["id"]
    event = message.value() and read(message.value(), MessageField.VALUE)
    if event is None or event["op"] == "d":
        rows.pop(key, None)
    else:
        rows[key] = event["after"]
for key in sorted(rows):
    print(json.dumps([rows[key][name] for name in ("id", "customer", "total", "paid", "weight", "made", "due")], default=str))
