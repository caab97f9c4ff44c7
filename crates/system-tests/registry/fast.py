"""What fastavro makes of a value: fast.py SCHEMA HEX. Prints the value that it reads as JSON, and as hexadecimal what it writes for it."""
import io, json, sys

import fastavro

schema, content = fastavro.parse_schema(json.loads(sys.argv[1])), io.BytesIO(bytes.fromhex(sys.argv[2]))
value = fastavro.schemaless_reader(content, schema)
assert not content.read(), "bytes are left over"
written = io.BytesIO()
fastavro.schemaless_writer(written, schema, value)
print(json.dumps(value, default=lambda value: value.hex() if isinstance(value, bytes) else str(value)))
print(written.getvalue().hex())
