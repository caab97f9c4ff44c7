"""Reads topics as a consumer does that was built when their first schemas were the latest: evolution.py avro|json|protobuf BROKER REGISTRY, one
topic a line on standard input. Prints JSON lines {topic, confluent, fastavro}: the last record's row by confluent-kafka's own deserializer, with
the subject's first version as its reader schema (Avro), as the schema that values are held against (JSON), or as what protoc made a class of
(Protobuf); for Avro by fastavro as well. {"error": ...} where it cannot be read. The registry is Confluent's API."""
import base64, decimal, io, json, sys
import warnings

warnings.filterwarnings("ignore")
import fastavro
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

format, broker, registry = sys.argv[1:]
client = SchemaRegistryClient({"url": registry})


def last(topic):
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "reader", "enable.auto.commit": False})
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), 30)
    consumer.assign([TopicPartition(topic, 0, end - 1)])
    for _ in range(60):
        message = consumer.poll(1.0)
        if message is not None and not message.error():
            return message.value()
    sys.exit(f"{topic}: its last record does not come")


def row(read):
    try:
        return read()["after"]
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:300]}


def by_fastavro(value, reader):
    writer = client.get_schema(int.from_bytes(value[1:5], "big")).schema_str
    parsed = [fastavro.parse_schema(json.loads(text)) for text in (writer, reader)]
    return fastavro.schemaless_reader(io.BytesIO(value[5:]), *parsed)


def by_json(value, reader, context):
    """Held against the old schema, and decimals decoded by it, which the deserializer leaves to its caller."""
    event = JSONDeserializer(reader, conf={"validate": True})(value, context)
    row = next(kind for kind in json.loads(reader)["properties"]["after"]["oneOf"] if "properties" in kind)
    for name, column in row["properties"].items():
        column = next((kind for kind in column.get("oneOf", ()) if kind.get("type") != "null"), column)
        if column.get("title") == "org.apache.kafka.connect.data.Decimal" and event["after"].get(name) is not None:
            unscaled = int.from_bytes(base64.b64decode(event["after"][name]), "big", signed=True)
            event["after"][name] = str(decimal.Decimal(unscaled).scaleb(-int(column["connect.parameters"]["scale"])))
    return event


def by_protobuf(value, reader, context):
    from messages import message, plain

    return plain(ProtobufDeserializer(message(reader, 0), {"use.deprecated.format": False})(value, context))


def by_confluent(value, reader, context):
    if format == "avro":
        return AvroDeserializer(client, reader)(value, context)
    return (by_json if format == "json" else by_protobuf)(value, reader, context)


for topic in map(str.strip, sys.stdin):
    reader = client.get_version(f"{topic}-value", 1).schema.schema_str
    value, context = last(topic), SerializationContext(topic, MessageField.VALUE)
    told = {"topic": topic, "confluent": row(lambda: by_confluent(value, reader, context))}
    if format == "avro":
        told["fastavro"] = row(lambda: by_fastavro(value, reader))
    print(json.dumps(told, default=str), flush=True)
