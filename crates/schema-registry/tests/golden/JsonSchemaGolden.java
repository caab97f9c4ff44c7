import com.fasterxml.jackson.databind.*;
import com.fasterxml.jackson.databind.node.*;
import io.confluent.connect.json.*;
import io.confluent.kafka.schemaregistry.json.JsonSchema;
import io.confluent.kafka.schemaregistry.json.jackson.Jackson;
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import org.apache.kafka.connect.data.Schema;

/**
 * Records what Confluent's JsonSchemaData makes of cases.json (see make_cases.py), with JDK 17 and everit-json-schema 1.14.6:
 *   python3 make_cases.py && javac -cp "$CONFLUENT:$KAFKA/libs/*" JsonSchemaGolden.java ../../../converters/tests/golden/ConverterGolden.java
 *   TZ=UTC java -cp ".:../../../converters/tests/golden:$CONFLUENT:$KAFKA/libs/*" JsonSchemaGolden
 * Writes json-schema.jsonl: each case with the text of its schema and of its value.
 *
 * $CONFLUENT are classes of the Schema Registry's public source (as of August 2026), because its jars were not to be had: JsonSchemaData,
 * JsonSchemaDataConfig, the classes of io.confluent.connect.schema and JsonOrgModule, over a JsonSchema that holds the printed schema as Jackson
 * reads it, a Jackson.newObjectMapper with that module and big decimals, and no Variant; beside them everit-json-schema, org.json and Guava.
 */
public class JsonSchemaGolden {
    public static void main(String[] args) throws Exception {
        ObjectMapper mapper = new ObjectMapper();
        try (PrintStream out = new PrintStream("json-schema.jsonl", StandardCharsets.UTF_8)) {
            for (JsonNode c : mapper.readTree(new File("cases.json"))) {
                Map<String, Object> options = new HashMap<>();
                c.get("options").fields().forEachRemaining(e -> options.put(e.getKey(), e.getValue().asText()));
                JsonSchemaData data = new JsonSchemaData(new JsonSchemaDataConfig(options));
                ObjectMapper writer = Jackson.newObjectMapper();
                writer.configure(SerializationFeature.INDENT_OUTPUT, "true".equals(options.get("json.indent.output")));
                Schema schema = ConverterGolden.schema(c.get("schema"));
                JsonNode json = data.fromConnectData(schema, ConverterGolden.value(schema, c.get("value")));
                ObjectNode told = (ObjectNode) c;
                told.put("text", data.fromConnectSchema(schema).canonicalString());
                told.put("json", json == null ? null : new String(writer.writeValueAsBytes(json), StandardCharsets.UTF_8));
                out.print(mapper.writeValueAsString(told) + "\n");
            }
        }
    }
}
