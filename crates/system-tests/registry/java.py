"""A Java converter of values: java.py JARS CLASS OPTIONS TOPIC write|read. JARS are folders with colons between, OPTIONS are JSON. For each line that it is
given it prints one. write: Connect's JSON with its schema, and beside them "headers": [[NAME, TEXT]], becomes {"headers": {NAME: HEX}, "value": HEX}; read: the
other way."""
import glob, json, sys

import jpype

jars, name, options, topic, way = sys.argv[1:]
jpype.startJVM("-Xmx512m", classpath=[jar for folder in jars.split(":") for jar in glob.glob(f"{folder}/*.jar")], convertStrings=True)
HashMap, Headers = jpype.JClass("java.util.HashMap"), jpype.JClass("org.apache.kafka.common.header.internals.RecordHeaders")


def converter(name, options):
    """A converter of values."""
    made = jpype.JClass(name)()
    made.configure(HashMap(options), False)
    return made


registered = converter(name, json.loads(options))
plain = converter("org.apache.kafka.connect.json.JsonConverter", {"schemas.enable": "true"})
for line in sys.stdin:
    headers = Headers()
    if way == "write":
        record = json.loads(line)
        for name, value in record.pop("headers"):
            headers.add(name, jpype.JArray(jpype.JByte)(value.encode()))
        data = plain.toConnectData(topic, jpype.JArray(jpype.JByte)(json.dumps(record).encode()))
        value = registered.fromConnectData(topic, headers, data.schema(), data.value())
        named = {header.key(): bytes(header.value()).hex() for header in headers.toArray()}
        print(json.dumps({"headers": named, "value": bytes(value).hex()}), flush=True)
    else:
        record = json.loads(line)
        for name, value in record["headers"].items():
            headers.add(name, jpype.JArray(jpype.JByte)(bytes.fromhex(value)))
        data = registered.toConnectData(topic, headers, jpype.JArray(jpype.JByte)(bytes.fromhex(record["value"])))
        print(bytes(plain.fromConnectData(topic, data.schema(), data.value())).decode(), flush=True)
