//! Consumers that others run read the topics of a table and end with the table: a Flink SQL job, a Spark Structured Streaming job, and a
//! consumer of a few lines; each as JSON, as JSON with schemas and as Avro from a registry.
//!
//! Needs what `lab/install.sh readers` installs, which is large: part of `make test-full`, not of `make test`. The programs stand under `consumers/`;
//! the page `docs/manual/consumers.md` has the recipes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rowtide_system_tests::topics::{self, Cleanup};
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::{kafka, need, wait_until};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(120);
const JSON: &str = "org.apache.kafka.connect.json.JsonConverter";
const AVRO: &str = "io.confluent.connect.avro.AvroConverter";

/// With the whole row before a change: Flink's formats ask for it.
const BEFORE: &str = "CREATE TABLE orders (id bigint PRIMARY KEY, customer text, total numeric(10, 2), paid boolean NOT NULL DEFAULT false,
        weight double precision, made timestamp NOT NULL, due date);
    ALTER TABLE orders REPLICA IDENTITY FULL;
    INSERT INTO orders SELECT i, 'customer ' || i % 7, i * 1.25 - 100, i % 2 = 0, i / 3.0, '2024-02-29 23:59:59.000001'::timestamp + i * interval '1 hour',
        date '1969-12-01' + i FROM generate_series(1, 300) i";
/// Every kind of change: nulls, a key that changes, a row that comes back, several changes of a row in one transaction, one that is rolled back.
const CHANGES: &str = "UPDATE orders SET total = -total, paid = NOT paid WHERE id % 3 = 0;
    UPDATE orders SET customer = NULL, total = NULL, weight = NULL, due = NULL WHERE id % 10 = 0;
    DELETE FROM orders WHERE id % 4 = 0;
    UPDATE orders SET id = id + 1000 WHERE id % 5 = 1;
    INSERT INTO orders SELECT i, 'Ærø \"日本\"' || chr(10) || '🌊', 99999999.99, true, 1e300, '9999-12-31 23:59:59.999999', '0001-01-01'
        FROM generate_series(4, 40, 4) i;
    BEGIN; UPDATE orders SET customer = 'once' WHERE id = 4; DELETE FROM orders WHERE id = 4; INSERT INTO orders VALUES (4, 'twice', 0.01, true, -0.5, now(), NULL); COMMIT;
    BEGIN; DELETE FROM orders; ROLLBACK";
const LAST: &str = "the last row of all";
/// The table as the programs print it: microseconds and days are Debezium's.
const ROWS: &str = "SELECT json_build_array(id, customer, total::text, paid, weight, (extract(epoch FROM made) * 1000000)::bigint, due - date '1970-01-01')
    FROM orders ORDER BY id";

/// The registry's API that is Confluent's.
fn registry() -> String {
    format!("{}/apis/ccompat/v7", need("ROWTIDE_TEST_REGISTRY"))
}

/// Rowtide captures a table, and each format has a connector of its own; `read` is given a format and a topic that holds all of it.
fn each_format(name: &str, read: impl Fn(&str, &str) -> Command) {
    let database = Database::new(name);
    let _topics = Cleanup(database.name.clone());
    database.sql(BEFORE);
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    let registry = registry();
    // converter, an option of it, decimal.handling.mode
    let formats = [
        ("json", JSON, ("schemas.enable", "false"), "string"),
        ("json-with-schemas", JSON, ("schemas.enable", "true"), "string"),
        ("avro", AVRO, ("schema.registry.url", registry.as_str()), "precise"),
    ];
    let topic = |format: &str| format!("{}_{format}.public.orders", database.name);
    for (format, class, (option, value), decimals) in formats {
        let slot = format!("{}_{}", database.name, format.replace('-', "_"));
        let prefix = format!("{}_{format}", database.name);
        let (key, value_of) = (format!("key.converter.{option}"), format!("value.converter.{option}"));
        let options = [
            ("topic.prefix", prefix.as_str()),
            ("slot.name", &slot),
            ("publication.name", &slot),
            ("decimal.handling.mode", decimals),
            ("schema.name.adjustment.mode", "avro"),
            ("key.converter", class),
            ("value.converter", class),
            (&key, value),
            (&value_of, value),
        ];
        rowtide.rest.create(format, &database.connector(&options), None);
    }
    // of the snapshot, of the stream, or the snapshot still being read: the table is the same in the end
    for (format, ..) in formats {
        wait_until("the snapshot begins", LONG, || (count(&topic(format), "customer") > 0).then_some(()));
    }
    database.sql(CHANGES);
    database.sql(&format!("INSERT INTO orders VALUES (5000, '{LAST}', 1, true, 1, now(), current_date)"));
    let expected = rows(&database.sql(ROWS));
    assert!(expected.len() > 200, "{}", expected.len());
    for (format, ..) in formats {
        let topic = topic(format);
        wait_until("the last change arrives", LONG, || (count(&topic, LAST) > 0).then_some(()));
        let found = output(&mut read(format, &topic));
        for (row, expected) in found.iter().zip(&expected) {
            assert_eq!(row, expected, "{format}");
        }
        assert_eq!(found.len(), expected.len(), "{format}");
    }
    rowtide.stop();
}

/// How many values of a topic hold a text.
fn count(topic: &str, text: &str) -> usize {
    let mut count = 0;
    let holds = |value: &[u8]| value.windows(text.len()).any(|part| part == text.as_bytes());
    topics::each(topic, |_, value| count += usize::from(value.is_some_and(holds)));
    count
}

/// The rows that a program prints.
fn output(command: &mut Command) -> Vec<Value> {
    let output = command.output().expect("Python");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    rows(&String::from_utf8_lossy(&output.stdout))
}

/// Rows, a line each, between what Java logs. JSON writes 1.0 as 1, too.
fn rows(lines: &str) -> Vec<Value> {
    let row = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        row[4] = row[4].as_f64().into();
        row
    };
    lines.lines().filter(|line| line.starts_with('[')).map(row).collect()
}

fn script(python: &Path, name: &str) -> Command {
    let mut command = Command::new(python);
    command.arg(format!("{}/consumers/{name}", env!("CARGO_MANIFEST_DIR")));
    command
}

/// A program of the folder that `lab/install.sh readers` fills, with its jars.
fn installed(name: &str, format: &str, topic: &str) -> Command {
    let home = need("ROWTIDE_TEST_READERS");
    let jars = Path::new(&home).join(name);
    assert!(jars.is_dir(), "{} is missing: lab/install.sh readers", jars.display());
    let mut command = script(&Path::new(&home).join("venv/bin/python"), &format!("{name}.py"));
    command.arg(jars).args([&kafka(), &registry(), format, topic]);
    command
}

#[test]
fn a_flink_sql_job_ends_with_the_table() {
    each_format("flink", |format, topic| installed("flink", format, topic));
}

#[test]
fn a_spark_structured_streaming_job_ends_with_the_table() {
    each_format("spark", |format, topic| installed("spark", format, topic));
}

#[test]
fn a_plain_consumer_ends_with_the_table() {
    each_format("plain", |format, topic| {
        let mut command = script(Path::new(&need("ROWTIDE_TEST_PYTHON")), "plain.py");
        command.args([&kafka(), &registry(), format, topic]);
        command
    });
}
