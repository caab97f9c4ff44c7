"""Prints the records of a topic as JSON lines, read by confluent-kafka's own deserializer, as any consumer would:
registered.py avro|json BROKER REGISTRY TOPIC COUNT. The registry is Confluent's API; values are held against their JSON Schema."""
import json, sys

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

format, broker, registry, topic, count = sys.argv[1:]
registry = SchemaRegistryClient({"url": registry})
read = AvroDeserializer(registry) if format == "avro" else JSONDeserializer(None, schema_registry_client=registry, conf={"validate": True})
consumer = Consumer({"bootstrap.servers": broker, "group.id": "reader", "enable.auto.commit": False, "auto.offset.reset": "earliest"})
consumer.assign([TopicPartition(topic, 0, 0)])
for _ in range(int(count)):
    message = None
    for _ in range(60):
        message = consumer.poll(1.0)
        if message is not None and not message.error():
            break
    if message is None or message.error():
        sys.exit(f"{topic}: no further record: {message and message.error()}")
    key = read(message.key(), SerializationContext(topic, MessageField.KEY))
    value = read(message.value(), SerializationContext(topic, MessageField.VALUE))
    print(json.dumps({"key": key, "value": value}, default=str), flush=True)
