"""What confluent-kafka's own serializers make of data, and its deserializers of bytes: confluent.py avro|json|protobuf write|read REGISTRY TOPIC.
The registry is Confluent's API. Standard input of json write: {"schema": ..., "values": [...]}; of protobuf write: {"files": {NAME: TEXT},
"message": FULL NAME, "values": [...]} as Protobuf's mapping to JSON has them, the message in the last file; with "unknown", in hexadecimal,
behind each. Prints one value a line, in hexadecimal. Of avro and json read: values in hexadecimal, one a line; prints them as JSON, bytes in
hexadecimal. Those of json are held against their schema."""
import importlib.resources, json, os, sys, tempfile
import warnings

warnings.filterwarnings("ignore")
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

format, way, registry, topic = sys.argv[1:]
client, context = SchemaRegistryClient({"url": registry}), SerializationContext(topic, MessageField.VALUE)


def messages(files, name, values, unknown):
    """Messages of classes that protoc compiled from these files."""
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
    from grpc_tools import protoc

    home, out = tempfile.mkdtemp(), tempfile.mktemp()
    for path, text in files.items():
        os.makedirs(os.path.dirname(os.path.join(home, path)), exist_ok=True)
        with open(os.path.join(home, path), "w") as file:
            file.write(text)
    brought = str(importlib.resources.files("grpc_tools") / "_proto")
    if protoc.main(["", f"-I{home}", f"-I{brought}", "--include_imports", f"--descriptor_set_out={out}", list(files)[-1]]):
        sys.exit("protoc refuses the files")
    pool = descriptor_pool.DescriptorPool()
    with open(out, "rb") as file:
        for each in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
            pool.Add(each)
    made = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    for value in values:
        message = json_format.ParseDict(value, made(), descriptor_pool=pool)
        message.MergeFromString(bytes.fromhex(unknown))
        yield message


if way == "read":
    read = AvroDeserializer(client) if format == "avro" else JSONDeserializer(None, schema_registry_client=client, conf={"validate": True})
    for line in sys.stdin:
        print(json.dumps(read(bytes.fromhex(line.strip()), context), default=bytes.hex), flush=True)
else:
    asked = json.load(sys.stdin)
    if format == "json":
        write, values = JSONSerializer(json.dumps(asked["schema"]), client), asked["values"]
    else:
        from confluent_kafka.schema_registry.protobuf import ProtobufSerializer

        values = list(messages(asked["files"], asked["message"], asked["values"], asked.get("unknown", "")))
        write = ProtobufSerializer(type(values[0]), client, {"use.deprecated.format": False})
    for value in values:
        print(write(value, context).hex(), flush=True)
