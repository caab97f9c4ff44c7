import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.PrintStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.*;

/**
 * Records what Apache Kafka's converters make of cases.json (see make_cases.py):
 *   python3 make_cases.py && javac -cp "$KAFKA/libs/*" ConverterGolden.java && TZ=UTC java -cp ".:$KAFKA/libs/*" ConverterGolden
 * Writes expected.tsv: case number, converter, and base64 of the bytes, 'null' or 'error'.
 */
public class ConverterGolden {
    public static void main(String[] args) throws Exception {
        JsonNode cases = new ObjectMapper().readTree(new File("cases.json"));
        try (PrintStream out = new PrintStream("expected.tsv", StandardCharsets.UTF_8)) {
            for (int i = 0; i < cases.size(); i++) {
                JsonNode c = cases.get(i);
                Schema schema = c.get("schema").isNull() ? null : schema(c.get("schema"));
                Object value = schema == null ? untyped(c.get("value")) : value(schema, c.get("value"));
                for (boolean schemas : new boolean[] {true, false}) {
                    Map<String, Object> options = new HashMap<>();
                    c.get("options").fields().forEachRemaining(e -> options.put(e.getKey(), e.getValue().asText()));
                    options.put("schemas.enable", schemas);
                    JsonConverter json = new JsonConverter();
                    json.configure(options, false);
                    print(out, i, schemas ? "json+schema" : "json", () -> json.fromConnectData("t", schema, value));
                }
                print(out, i, "simple", () -> new SimpleHeaderConverter().fromConnectHeader("t", "h", schema, value));
                StringConverter string = new StringConverter();
                string.configure(new HashMap<>(), false);
                print(out, i, "string", () -> string.fromConnectData("t", schema, value));
            }
        }
    }

    interface Bytes { byte[] get(); }

    static void print(PrintStream out, int i, String converter, Bytes bytes) {
        String text;
        try {
            byte[] b = bytes.get();
            text = b == null ? "null" : Base64.getEncoder().encodeToString(b);
        } catch (RuntimeException e) {
            text = "error";
        }
        out.print(i + "\t" + converter + "\t" + text + "\n");
    }

    static Schema schema(JsonNode n) {
        SchemaBuilder b;
        switch (n.get("type").asText()) {
            case "array": b = SchemaBuilder.array(schema(n.get("items"))); break;
            case "map": b = SchemaBuilder.map(schema(n.get("keys")), schema(n.get("values"))); break;
            case "struct":
                b = SchemaBuilder.struct();
                for (JsonNode f : n.get("fields")) b.field(f.get(0).asText(), schema(f.get(1)));
                break;
            case "float": b = SchemaBuilder.float32(); break;
            case "double": b = SchemaBuilder.float64(); break;
            case "boolean": b = SchemaBuilder.bool(); break;
            default: b = new SchemaBuilder(Schema.Type.valueOf(n.get("type").asText().toUpperCase()));
        }
        if (n.get("optional").asBoolean()) b.optional();
        if (n.has("name")) b.name(n.get("name").asText());
        if (n.has("version")) b.version(n.get("version").asInt());
        if (n.has("doc")) b.doc(n.get("doc").asText());
        if (n.has("parameters")) for (JsonNode p : n.get("parameters")) b.parameter(p.get(0).asText(), p.get(1).asText());
        if (n.has("default")) b.defaultValue(value(b.build(), n.get("default")));
        return b.build();
    }

    static Object value(Schema s, JsonNode v) {
        if (v == null || v.isNull()) return null;
        if (s.name() != null) {
            switch (s.name()) {
                case Decimal.LOGICAL_NAME: return new BigDecimal(new BigInteger(hex(v)), Integer.parseInt(s.parameters().get("scale")));
                case Date.LOGICAL_NAME: return new java.util.Date(v.asLong() * 86400000L);
                case Time.LOGICAL_NAME:
                case Timestamp.LOGICAL_NAME: return new java.util.Date(v.asLong());
            }
        }
        switch (s.type()) {
            case ARRAY: { List<Object> l = new ArrayList<>(); for (JsonNode e : v) l.add(value(s.valueSchema(), e)); return l; }
            case MAP: { Map<Object, Object> m = new LinkedHashMap<>(); for (JsonNode e : v) m.put(value(s.keySchema(), e.get(0)), value(s.valueSchema(), e.get(1))); return m; }
            case STRUCT: { Struct t = new Struct(s); for (Field f : s.fields()) { Object o = value(f.schema(), v.get(f.index())); if (o != null) t.put(f, o); } return t; }
            default: return simple(s.type(), v);
        }
    }

    static Object simple(Schema.Type type, JsonNode v) {
        switch (type) {
            case INT8: return (byte) v.asInt();
            case INT16: return (short) v.asInt();
            case INT32: return v.asInt();
            case INT64: return v.asLong();
            case FLOAT32: return Float.parseFloat(v.asText());
            case FLOAT64: return Double.parseDouble(v.asText());
            case BOOLEAN: return v.asBoolean();
            case STRING: return v.asText();
            default: return hex(v);
        }
    }

    static Object untyped(JsonNode n) {
        if (n == null || n.isNull()) return null;
        JsonNode v = n.get("v");
        switch (n.get("t").asText()) {
            case "array": { List<Object> l = new ArrayList<>(); for (JsonNode e : v) l.add(untyped(e)); return l; }
            case "map": { Map<Object, Object> m = new LinkedHashMap<>(); for (JsonNode e : v) m.put(untyped(e.get(0)), untyped(e.get(1))); return m; }
            case "float": return simple(Schema.Type.FLOAT32, v);
            case "double": return simple(Schema.Type.FLOAT64, v);
            default: return simple(Schema.Type.valueOf(n.get("t").asText().toUpperCase()), v);
        }
    }

    static byte[] hex(JsonNode v) {
        String t = v.asText();
        byte[] b = new byte[t.length() / 2];
        for (int i = 0; i < b.length; i++) b[i] = (byte) Integer.parseInt(t.substring(2 * i, 2 * i + 2), 16);
        return b;
    }
}
