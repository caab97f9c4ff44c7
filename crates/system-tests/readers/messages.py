"""Classes of messages that protoc compiles from the text of a registered schema, as any consumer has them, and messages as plain data.
Confluent's converter uses the option confluent.field_meta without importing it, which its registry allows and protoc does not: the import is
added here."""
import decimal, importlib.resources, os, sys, tempfile

import google.type.date_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

META = """syntax = "proto3"; package confluent; import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }"""
DECIMAL = """syntax = "proto3"; package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }"""

home = tempfile.mkdtemp()
for name, text in {"confluent/meta.proto": META, "confluent/type/decimal.proto": DECIMAL}.items():
    path = os.path.join(home, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
brought = [home, str(importlib.resources.files("grpc_tools") / "_proto"), os.path.dirname(os.path.dirname(os.path.dirname(google.type.date_pb2.__file__)))]
known = {}


def message(text, index):
    """The class of a message, compiled once for each schema."""
    if (text, index) in known:
        return known[text, index]
    name = f"schema{len(known)}.proto"
    with open(os.path.join(home, name), "w") as file:
        file.write(text.replace("\n\n", '\nimport "confluent/meta.proto";\n\n', 1))
    out = os.path.join(home, name + ".bin")
    if protoc.main(["", *(f"--proto_path={path}" for path in brought), "--include_imports", f"--descriptor_set_out={out}", name]):
        sys.exit(f"protoc refuses the schema:\n{text}")
    with open(out, "rb") as file:
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read())
    pool = descriptor_pool.DescriptorPool()
    for each in files.file:
        pool.Add(each)
    found = pool.FindFileByName(name)
    full = files.file[-1].message_type[index].name
    full = f"{found.package}.{full}" if found.package else full
    return known.setdefault((text, index), message_factory.GetMessageClass(pool.FindMessageTypeByName(full)))


def plain(value):
    """A message as JSON has it; decimals as text, what is not there as null."""
    if value.DESCRIPTOR.full_name == "confluent.type.Decimal":
        return str(decimal.Decimal(int.from_bytes(value.value, "big", signed=True)).scaleb(-value.scale))
    if value.DESCRIPTOR.full_name.startswith("google."):
        return json_format.MessageToDict(value)
    row = {}
    for field in value.DESCRIPTOR.fields:
        content = getattr(value, field.name)
        if field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED:
            row[field.name] = [plain(item) if field.message_type else item for item in content]
        elif field.has_presence and not value.HasField(field.name):
            row[field.name] = None
        else:
            row[field.name] = plain(content) if field.message_type else content
    return row
