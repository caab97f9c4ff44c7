#!/usr/bin/env python3
"""Writes cases.json: schemas and values that ConverterGolden.java (Apache Kafka's converters) and src/json/tests.rs (ours)
both read. Values: numbers as they are, floating-point numbers as text, bytes as hex, decimals as hex of the unscaled
value (as short as BigInteger.toByteArray makes it), maps as pairs, structs as lists of field values. Without a schema a value is {"t": type, "v": value}."""
import json

cases = []


def case(name, schema, value, **options):
    cases.append({"name": name, "schema": schema, "value": value, "options": options})


def s(kind, optional=False, **more):
    return {"type": kind, "optional": optional, **more}


def struct(name, fields, optional=False, **more):
    return s("struct", optional, name=name, fields=[[f, sch] for f, sch in fields], **more)


DEC = "org.apache.kafka.connect.data.Decimal"
dec = lambda scale, **m: s("bytes", m.pop("optional", False), name=DEC, version=1, parameters=[["scale", str(scale)]], **m)

for n in ["0.0", "-0.0", "1.0", "10.0", "0.1", "1.0E10", "1.0E-5", "0.001", "9.99E-4", "1.0E7", "9999999.0", "12345678.9", "1.7976931348623157E308",
          "4.9E-324", "2.2250738585072014E-308", "9.9E-324", "2.0E23", "1.0E23", "NaN", "Infinity", "-Infinity", "123456.789", "-1.5E-7", "3.0E-3",
          "100.0", "1234567.0", "0.00123", "0.010", "3.141592653589793", "1.0E22", "9.007199254740993E15", "2.0", "1.0E21", "123456789012345.6"]:
    case("double " + n, s("double"), n)
for n in ["0.0", "-0.0", "1.0", "3.4028235E38", "1.4E-45", "1.17549435E-38", "0.1", "1.0E10", "1.0E-5", "0.001", "9999999.0", "1.0E7", "NaN", "-Infinity",
          "3.3", "16777216", "0.3", "1.1", "2.71828", "1.5E-10", "33554432"]:
    case("float " + n, s("float"), n)
for kind, values in [("int8", [-128, 0, 127]), ("int16", [-32768, 32767]), ("int32", [-2147483648, 2147483647]),
                     ("int64", [-9223372036854775808, 9223372036854775807, 0, 7])]:
    for v in values:
        case(f"{kind} {v}", s(kind), v)
for v in [True, False]:
    case(f"boolean {v}", s("boolean"), v)

texts = ["", "a", "ä€", "\U0001F600", "x\U0010FFFFy\U00010000", "".join(chr(i) for i in range(0x80)), "\u007f\u0080\u009f", "\u2028\u2029\ufeff\uffff",
         "'<>&/+\"\\", "a" * 7 + "\"", "a" * 8 + "\\", "a" * 15 + "\n" + "b" * 20, "ä" * 5000, "\U0001F600" * 3000, "x" * 3999 + "\U0001F600" + "y" * 4000,
         "q\"" * 5000, "\u00f0\u00ff\u0fff"]
for i, t in enumerate(texts):
    case(f"string {i}", s("string"), t)
    case(f"string {i} as name", struct(t or "empty", [(t or "empty", s("string", doc=t, name=t or "n"))]), [t])
for h in ["", "00", "0001", "000102", "fffefdfcfb", "ff" * 100]:
    case("bytes " + h, s("bytes"), h)

for fmt in ["BASE64", "NUMERIC"]:
    for scale in [0, 2, 6, 7, 10, -3, 40]:
        for h in ["00", "01", "ff", "7b", "499602d2", "ff7f", "00ffffffffffffffff", "0a" * 30, "80" + "00" * 20, "00ff"]:
            case(f"decimal {fmt} {scale} {h}", dec(scale), h, **{"decimal.format": fmt})
    case(f"decimal default {fmt}", struct("d", [("a", dec(2, default="04d2", optional=True)), ("b", dec(2, optional=True))]), [None, None], **{"decimal.format": fmt})
for name, kind, values in [("Date", "int32", [0, 1, -1, 19000]), ("Time", "int32", [0, 86399999, 43200001]),
                           ("Timestamp", "int64", [0, 1700000000123, -1, 86400000, 86399999, 1700006400000])]:
    for v in values:
        case(f"{name} {v}", s(kind, name="org.apache.kafka.connect.data." + name, version=1), v)

ints = s("int32")
case("array", s("array", items=s("int32", True)), [1, None, 3])
case("array empty", s("array", items=ints), [])
case("array of structs", s("array", True, items=struct("i", [("x", ints)])), [[1], [2]])
case("map of strings", s("map", keys=s("string"), values=s("string", True)), [["a", "1"], ["b\"", None]])
case("map empty", s("map", keys=s("string"), values=ints), [])
case("map of ints", s("map", keys=s("int32"), values=s("string")), [[1, "x"], [2, "y"]])
case("map of ints empty", s("map", True, keys=s("int32"), values=s("string")), [])
case("map null", s("map", True, keys=s("int32"), values=s("string")), None)
case("struct empty", struct("e", []), [])

for opt in [{}, {"replace.null.with.default": "false"}]:
    case("defaults", struct("with.defaults.Value", [
        ("b", s("boolean", True, default=True)), ("i8", s("int8", True, default=-1)), ("i16", s("int16", True, default=2)),
        ("i32", s("int32", True, default=3, doc="a doc")), ("i64", s("int64", True, default=4)), ("f", s("float", True, default="1.5")),
        ("d", s("double", True, default="1.0E10")), ("s", s("string", True, default="a \"default\" \U0001F600")), ("y", s("bytes", True, default="0102")),
        ("arr", s("array", True, items=s("string"), default=["x", "y"])), ("m", s("map", True, keys=s("string"), values=ints, default=[["k", 1]])),
        ("date", s("int32", True, name="org.apache.kafka.connect.data.Date", version=1, default=5)),
        ("e", s("string", True, name="io.debezium.data.Enum", version=1, parameters=[["allowed", "a,b"], ["z", "\"q\""], ["a", ""]], default="a")),
        ("given", s("string", True, default="a")),
        ("sub", struct("sub", [("x", s("int32", True, default=9))], optional=True)),
        ("sub2", struct("sub", [("x", s("int32", True, default=9))], optional=True)),
    ], version=2, doc="doc"), [None] * 13 + ["given", None, [None]], **opt)
case("required default", struct("r", [("a", s("int32", default=5))]), [None])
case("required default kept null", struct("r", [("a", s("int32", default=5))]), [None], **{"replace.null.with.default": "false"})
case("required null", struct("r", [("a", s("int32"))]), [None])
case("root null optional", s("string", True), None)
case("root null struct optional", struct("z", [("a", ints)], optional=True), None)
case("root null default", s("string", True, default="d"), None)
case("root null required", s("string"), None)

case("schemaless null", None, None)
t = lambda kind, v: {"t": kind, "v": v}
for kind, v in [("int8", 1), ("int16", 2), ("int32", 3), ("int64", 4), ("float", "1.5"), ("double", "2.5"), ("boolean", True), ("string", "x\"y"), ("bytes", "00ff")]:
    case("schemaless " + kind, None, t(kind, v))
case("schemaless array", None, t("array", [t("int32", 1), None, t("string", "x")]))
case("schemaless map", None, t("map", [[t("string", "a"), t("int32", 1)], [t("string", "b"), None]]))
case("schemaless map mixed", None, t("map", [[t("int32", 1), t("string", "x")]]))
case("schemaless map empty", None, t("map", []))

source = struct("io.debezium.connector.postgresql.Source", [("version", s("string")), ("ts_ms", s("int64")),
                ("snapshot", s("string", True, name="io.debezium.data.Enum", version=1, parameters=[["allowed", "true,first,last"]], default="false")),
                ("lsn", s("int64", True))])
row = struct("p.public.t.Value", [("id", s("int32", default=0)), ("name", s("string", True)), ("price", dec(2, optional=True)),
                                   ("at", s("int64", True, name="io.debezium.time.MicroTimestamp", version=1)), ("raw", s("bytes", True))], optional=True)
case("envelope", struct("p.public.t.Envelope", [("before", row), ("after", row), ("source", source), ("op", s("string")), ("ts_ms", s("int64", True))], version=2),
     [None, [1, "näme", "04d2", 1700000000123456, "00"], ["3.6.1.Final", 5, None, None], "c", 77])

json.dump(cases, open("cases.json", "w"), ensure_ascii=True, indent=0)
