"""Prints the records of a topic as JSON lines, read by confluent-kafka's own Protobuf deserializer with messages that protoc compiled from
the schema that the registry holds for each id, as any consumer would: protobuf.py protobuf BROKER REGISTRY TOPIC COUNT. The registry is Confluent's API."""
import json, struct, sys, urllib.request

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from messages import message, plain

_, broker, registry, topic, count = sys.argv[1:]  # as registered.py, whose first is the format
texts = {}


def text(schema_id):
    """The schema of an id."""
    if schema_id not in texts:
        with urllib.request.urlopen(f"{registry}/schemas/ids/{schema_id}") as answer:
            texts[schema_id] = json.load(answer)["schema"]
    return texts[schema_id]


def read(payload, side):
    if payload is None:
        return None
    magic, schema_id = struct.unpack(">bI", payload[:5])
    assert magic == 0 and payload[5] == 0, payload[:8]
    deserialize = ProtobufDeserializer(message(text(schema_id), 0), {"use.deprecated.format": False})
    return plain(deserialize(payload, SerializationContext(topic, side)))


consumer = Consumer({"bootstrap.servers": broker, "group.id": "reader", "enable.auto.commit": False, "auto.offset.reset": "earliest"})
consumer.assign([TopicPartition(topic, 0, 0)])
for _ in range(int(count)):
    record = None
    for _ in range(60):
        record = consumer.poll(1.0)
        if record is not None and not record.error():
            break
    if record is None or record.error():
        sys.exit(f"{topic}: no further record: {record and record.error()}")
    both = {"key": read(record.key(), MessageField.KEY), "value": read(record.value(), MessageField.VALUE)}
    print(json.dumps(both, default=str), flush=True)
