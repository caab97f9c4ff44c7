"""What converters write by a registry, for the comparison: a record's key and value as text that tells the registered schema, the value
and, of Avro, the bytes apart.

Avro has a decoder of its own, because it has to say which bytes belong to which field: those that differ by nature are blanked, all
others must be equal. Format: https://avro.apache.org/docs/1.12.0/specification/#binary-encoding
"""
import json, re, struct, urllib.request

CONVERTERS = {"avro": "io.apicurio.registry.utils.converter.AvroConverter", "json": "io.apicurio.registry.utils.converter.ExtJsonConverter"}
ID_IN_JSON = re.compile(rb'^\{"schemaId":([0-9]+),"payload":')


def config(format, registry):
    """Properties that make both workers write this format by the registry."""
    found = {}
    for side in ("key", "value"):
        found |= {f"{side}.converter": CONVERTERS[format], f"{side}.converter.apicurio.registry.url": f"{registry}/apis/registry/v2",
                  f"{side}.converter.apicurio.registry.auto-register": "true"}
    return found


class Decoder:
    def __init__(self, schema):
        self.names = {}
        self.schema = schema
        self.collect(schema, "")

    def collect(self, schema, space):
        """A type may be used where its definition is in a branch that no value takes."""
        if isinstance(schema, list):
            for branch in schema:
                self.collect(branch, space)
        elif isinstance(schema, dict):
            if schema["type"] in ("record", "enum", "fixed"):
                space = self.space(schema, space)
                name = schema["name"]
                self.names[name if "." in name or not space else f"{space}.{name}"] = (schema, space)
            for inner in (schema.get("items"), schema.get("values"), *(field["type"] for field in schema.get("fields", ()))):
                self.collect(inner, space)
            if not isinstance(schema["type"], str):
                self.collect(schema["type"], space)

    @staticmethod
    def space(schema, around):
        name = schema["name"]
        return schema.get("namespace", name.rpartition(".")[0] if "." in name else around)

    def read(self, data):
        """-> (value as JSON knows it, {path: (start, end)} of the fields)"""
        self.data, self.at, self.spans = data, 0, {}
        value = self.value(self.schema, (), "")
        assert self.at == len(data), f"{len(data) - self.at} bytes are left over"
        return value, self.spans

    def long(self):
        shift = number = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)

    def take(self, count):
        self.at += count
        assert self.at <= len(self.data), "the bytes end too early"
        return self.data[self.at - count:self.at]

    def value(self, schema, path, space):
        start = self.at
        value = self.any(schema, path, space)
        self.spans[path] = (start, self.at)
        return value

    def blocks(self):
        while count := self.long():
            if count < 0:
                count = -count
                self.long()
            yield from range(count)

    def any(self, schema, path, space):
        if isinstance(schema, list):
            return self.any(schema[self.long()], path, space)
        if isinstance(schema, str):
            known = self.names.get(schema if "." in schema or not space else f"{space}.{schema}") or self.names.get(schema)
            if known:
                return self.any(known[0], path, known[1])
            schema = {"type": schema}
        kind = schema["type"]
        if kind in ("record", "enum", "fixed"):
            space = self.space(schema, space)
        match kind:
            case "null": return None
            case "boolean": return bool(self.take(1)[0])
            case "int" | "long": return self.long()
            case "float": return str(struct.unpack("<f", self.take(4))[0])
            case "double": return str(struct.unpack("<d", self.take(8))[0])
            case "bytes": return self.take(self.long()).hex()
            case "string": return self.take(self.long()).decode()
            case "fixed": return self.take(schema["size"]).hex()
            case "enum": return schema["symbols"][self.long()]
            case "array": return [self.value(schema["items"], (*path, index), space) for index in self.blocks()]
            case "map":
                return {key: self.value(schema["values"], (*path, key), space) for key in (self.take(self.long()).decode() for _ in self.blocks())}
            case "record": return {f["name"]: self.value(f["type"], (*path, f["name"]), space) for f in schema["fields"]}
            case _: return self.any(kind, path, space)


class Registry:
    def __init__(self, format, url):
        self.format, self.url, self.texts = format, url, {}

    def text(self, global_id):
        if global_id not in self.texts:
            with urllib.request.urlopen(f"{self.url}/apis/registry/v2/ids/globalIds/{global_id}", timeout=30) as answer:
                self.texts[global_id] = answer.read().decode()
        return self.texts[global_id]

    def tell(self, record, swap, blank):
        """The record with the JSON text of schema, value and bytes in the place of key and value, and no ids in its headers.
        `blank(tree, schema)` names the paths that differ by nature."""
        partition, key, value, headers = record
        if self.format == "json":
            return partition, self.beside(key), self.beside(value), headers
        told = {"key": key, "value": value}
        left = []
        for name, content in headers:
            side = name.split(".")[1] if name.startswith("apicurio.") and name.endswith(".globalId") else None
            if side:
                told[side] = self.one(told[side], int.from_bytes(content), swap, blank)
                content = b"an id of " + side.encode()
            left.append((name, content))
        return partition, told["key"], told["value"], left

    def beside(self, data):
        """As Kafka's JSON has it, with the schema in the place of its id."""
        return data and ID_IN_JSON.sub(lambda found: b'{"schema":' + self.text(int(found[1])).encode() + b',"payload":', data)

    def one(self, data, global_id, swap, blank):
        text, data = swap(self.text(global_id).encode()).decode(), swap(data)
        tree, spans = Decoder(json.loads(text)).read(data)
        digits = data.hex(" ").split()
        for path in blank(tree, text):
            if path in spans:
                start, end = spans[path]
                digits[start:end] = [".."] + [""] * (end - start - 1)
        return json.dumps({"schema": text, "payload": tree, "bytes": " ".join(filter(None, digits))}, ensure_ascii=False, separators=(",", ":")).encode()
