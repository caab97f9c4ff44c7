//! Tables that change under every compatibility level of a registry, in every format: what goes on and what stops, what an unmodified consumer
//! reads that was built before, what the operator is told, and that it goes on without gap or repeat.
//!
//! The tables of outcomes in the manual (`docs/manual/schema-changes.md`) are held against what comes out here, live and by
//! `rowtide schema check`. The ways out are for `evolution_ways_out`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use rowtide_system_tests::changing::{AVRO, connector_by, foresee, hold_to, restart, topic, wait_count, wait_stopped};
use rowtide_system_tests::registry::{ccompat, count};
use rowtide_system_tests::topics::Cleanup;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rowtide::{Home, Rowtide};
use rowtide_testkit::{kafka, need};
use serde_json::{Map, Value};

const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/manual/schema-changes.md");
const LEVELS: [&str; 7] = ["NONE", "BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"];

/// What keys and values are written as.
struct Format {
    /// as the reader calls it
    name: &'static str,
    /// the heading of its table in the manual
    title: &'static str,
    /// the class of the converter
    class: &'static str,
    /// cases whose new rows are read wrongly by the old schema, or may be, and nothing fails
    misread: &'static [&'static str],
    /// cases that the registry cannot be asked about beforehand, but under NONE
    untold: &'static [&'static str],
}

/// A change of a table.
struct Case {
    /// the table's name
    name: &'static str,
    /// as the manual calls it
    title: &'static str,
    /// all columns but `id`
    columns: &'static str,
    /// the first row but its id
    row: &'static str,
    /// done before, and recorded with a row of its own: statement and row
    earlier: Option<(&'static str, &'static str)>,
    /// what follows `ALTER TABLE name`; `{t}` stands for the name
    change: &'static str,
    /// the row after it but its id
    then: &'static str,
}

const fn case(name: &'static str, title: &'static str, [columns, row, change, then]: [&'static str; 4]) -> Case {
    Case { name, title, columns, row, earlier: None, change, then }
}

/// Every change that the manual's table has, in its order.
const CASES: &[Case] = &[
    case("add_null", "add a column that may be null", ["a text", "'x'", "ADD b int", "'y', 7"]),
    case("add_default", "add a column with a default, NOT NULL", ["a text", "'x'", "ADD b int NOT NULL DEFAULT 5", "'y', 7"]),
    case(
        "add_required",
        "add a column without a default, NOT NULL",
        ["a text", "'x'", "ADD b int NOT NULL DEFAULT 5; ALTER TABLE {t} ALTER b DROP DEFAULT", "'y', 7"],
    ),
    case("drop_null", "drop a column that may be null", ["a text, b int", "'x', 7", "DROP b", "'y'"]),
    case(
        "drop_default",
        "drop a NOT NULL column with a default",
        ["a text, b int NOT NULL DEFAULT 5", "'x', 7", "DROP b", "'y'"],
    ),
    case("drop_required", "drop a NOT NULL column without a default", ["a text, b int NOT NULL", "'x', 7", "DROP b", "'y'"]),
    case("drop_before", "drop a column that stands before another", ["a text, b text", "'x', 'v'", "DROP a", "'w'"]),
    case("rename_null", "rename a column that may be null", ["a text", "'x'", "RENAME a TO b", "'y'"]),
    case("rename_required", "rename a NOT NULL column", ["a text NOT NULL", "'x'", "RENAME a TO b", "'y'"]),
    case("widen_int", "int to bigint", ["a int NOT NULL", "1", "ALTER a TYPE bigint", "3000000000"]),
    case("widen_small", "smallint to int", ["a smallint NOT NULL", "1", "ALTER a TYPE int", "70000"]),
    case("narrow_int", "bigint to int", ["a bigint NOT NULL", "1", "ALTER a TYPE int", "2"]),
    case("widen_text", "varchar(10) to varchar(200), or text", ["a varchar(10)", "'x'", "ALTER a TYPE varchar(200)", "'y'"]),
    case("precision", "numeric(6,2) to numeric(12,2)", ["a numeric(6,2)", "1.50", "ALTER a TYPE numeric(12,2)", "1.50"]),
    case("scale", "numeric(6,2) to numeric(8,4)", ["a numeric(6,2)", "1.50", "ALTER a TYPE numeric(8,4)", "1.50"]),
    case(
        "unit",
        "timestamp(3) to timestamp(6)",
        ["a timestamp(3)", "'1970-01-01 00:00:01'", "ALTER a TYPE timestamp(6)", "'1970-01-01 00:00:01'"],
    ),
    case("change_type", "int to text", ["a int", "1", "ALTER a TYPE text", "'y'"]),
    case("allow_null", "NOT NULL taken away", ["a int NOT NULL", "1", "ALTER a DROP NOT NULL", "NULL"]),
    case("forbid_null", "NOT NULL set", ["a int", "1", "ALTER a SET NOT NULL", "2"]),
    case("set_default", "another default", ["a int DEFAULT 1", "1", "ALTER a SET DEFAULT 2", "3"]),
    case("reorder", "drop a column and add it again, in one go", ["a int, b text", "1, 'x'", "DROP a, ADD a int", "'y', 2"]),
    Case {
        earlier: Some(("DROP a", "'y'")),
        ..case(
            "add_again",
            "add a column that was dropped before, with another type",
            ["a int, b text", "1, 'x'", "ADD a text", "'z', 'w'"],
        )
    },
    case("key", "the key from int to bigint", ["a text", "'x'", "ALTER id TYPE bigint", "'y'"]),
];

/// The rows of a format's table in the manual: title, outcome by level, what an old consumer reads.
fn manual(format: &Format) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(MANUAL).expect("the manual");
    let heading = format!("\n### {}\n", format.title);
    let section = text.split_once(&heading).map_or("", |(_, rest)| rest.split("\n#").next().unwrap_or_default());
    let rows = section.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == LEVELS.len() + 4);
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    rows.map(cells).map(|mut cells| (cells.remove(0), cells)).collect()
}

/// The changes of the cases, or of some of them, on a schema's tables.
fn changes(schema: &str, wanted: impl Fn(&Case) -> bool) -> String {
    let mut script = String::new();
    for Case { name, change, .. } in CASES.iter().filter(|case| wanted(case)) {
        let table = format!("{schema}.{name}");
        let _ = writeln!(script, "ALTER TABLE {table} {};", change.replace("{t}", &table));
    }
    script
}

/// The rows after a change.
fn rows_after(schema: &str, wanted: impl Fn(&Case) -> bool) -> String {
    let mut script = String::new();
    for Case { name, then, .. } in CASES.iter().filter(|case| wanted(case)) {
        let _ = writeln!(script, "INSERT INTO {schema}.{name} VALUES (9, {then});");
    }
    script
}

/// How many records a case has before its change.
fn before(case: &Case) -> usize {
    1 + usize::from(case.earlier.is_some())
}

/// The connector of a level.
fn connector(format: &Format, database: &Database, level: &str) -> Map<String, Value> {
    connector_by(format.class, database, &schema_of(level))
}

/// The schema of a level's tables.
fn schema_of(level: &str) -> String {
    format!("at_{}", level.to_lowercase())
}

/// Makes the tables of a level and a connector on them, and waits until what comes before the changes is written.
fn begin(format: &Format, rowtide: &Rowtide, database: &Database, level: &str) {
    let schema = schema_of(level);
    let mut script = format!("CREATE SCHEMA {schema};");
    for Case { name, columns, row, earlier, .. } in CASES {
        let _ = writeln!(
            script,
            "CREATE TABLE {schema}.{name} (id int PRIMARY KEY, {columns}); INSERT INTO {schema}.{name} VALUES (1, {row});"
        );
        // what was done before is not what is tried
        hold_to(&topic(database, &schema, name), if earlier.is_some() { "NONE" } else { level });
    }
    database.sql(&script);
    rowtide.rest.create(&schema, &connector(format, database, level), None);
    // topics are counted at the end; what comes last here is there once the snapshot is over
    wait_count(rowtide, &schema, &topic(database, &schema, "widen_text"), 1);
    for (case, (change, row)) in CASES.iter().filter_map(|case| Some((case, case.earlier?))) {
        let name = case.name;
        database.sql(&format!("ALTER TABLE {schema}.{name} {change}; INSERT INTO {schema}.{name} VALUES (2, {row})"));
        wait_count(rowtide, &schema, &topic(database, &schema, name), 2);
        hold_to(&topic(database, &schema, name), level);
    }
}

/// `goes on` or `stops` for each case, none where that cannot be known; and whether a consumer with the schema from before would break.
type Forecast = Vec<(Option<&'static str>, bool)>;

/// What `rowtide schema check` foresees of each case.
fn foreseen(format: &Format, home: &Home, database: &Database, level: &str) -> Forecast {
    let schema = schema_of(level);
    let told = foresee(home, &connector(format, database, level), &changes(&schema, |_| true));
    let tables = told["tables"].as_array().expect("tables");
    let outcome = |case: &Case| {
        let name = format!("{schema}.{}", case.name);
        let table = tables.iter().find(|table| table["table"] == *name).unwrap_or_else(|| panic!("{name} is not in {told:#}"));
        let sides = table["sides"].as_array().expect("sides");
        let stops = sides.iter().any(|side| side["stops"] == true);
        let mut told = sides.iter().flat_map(|side| side["since_version"].as_array().expect("changes"));
        let breaks = told.any(|told| told["breaks"] == true);
        let unknown = sides.iter().any(|side| side["verdict"] == "unknown");
        assert_eq!(unknown, level != "NONE" && format.untold.contains(&case.name), "{level}, {}: {table:#}", case.name);
        let outcome = if stops { "stops" } else { "goes on" };
        ((!unknown).then_some(outcome), breaks)
    };
    CASES.iter().map(outcome).collect()
}

/// Changes the tables of a level: first all that are to go on, then one after the other those that are to stop.
fn live(rowtide: &Rowtide, database: &Database, level: &str, outcomes: &[&str]) {
    let schema = schema_of(level);
    let stops = |case: &Case| CASES.iter().zip(outcomes).any(|(other, outcome)| other.name == case.name && *outcome == "stops");
    database.sql(&format!("{}{}", changes(&schema, |case| !stops(case)), rows_after(&schema, |case| !stops(case))));
    if let Some(last) = CASES.iter().rfind(|case| !stops(case)) {
        wait_count(rowtide, &schema, &topic(database, &schema, last.name), before(last) + 1);
    }
    for case in CASES.iter().filter(|case| stops(case)) {
        let (topic, only) = (topic(database, &schema, case.name), |other: &Case| other.name == case.name);
        database.sql(&format!("{}{}", changes(&schema, only), rows_after(&schema, only)));
        let column = if case.name == "key" { "column 'id'" } else { "column '" };
        let table = format!("table {schema}.{}", case.name);
        let words = [
            table.as_str(),
            &topic,
            level,
            column,
            "Changed since version",
            "nothing of the new schema was written",
            "PUT /config/",
        ];
        wait_stopped(rowtide, &schema, &words);
        assert_eq!(count(&topic), before(case), "something was written to {topic}");
        hold_to(&topic, "NONE");
        restart(rowtide, &schema);
        wait_count(rowtide, &schema, &topic, before(case) + 1);
    }
    // neither a gap nor a repeat
    for case in CASES {
        wait_count(rowtide, &schema, &topic(database, &schema, case.name), before(case) + 1);
    }
}

/// What consumers read in these topics' last records that were built for their first schemas: by topic, in words.
fn read_by_old_schema(format: &Format, topics: &[String]) -> BTreeMap<String, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/readers/evolution.py");
    let mut command = Command::new(need("ROWTIDE_TEST_PYTHON"));
    command.args([script, format.name, &kafka(), &ccompat()]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("Python");
    child.stdin.take().expect("a pipe").write_all(topics.join("\n").as_bytes()).expect("Python listens");
    let output = child.wait_with_output().expect("Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut read = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let told: Value = serde_json::from_str(line).expect("JSON");
        let confluent = in_words(&told["confluent"]);
        // a second library, where there is one
        assert!(told["fastavro"].is_null() == (format.name != "avro"), "{line}");
        if !told["fastavro"].is_null() {
            assert_eq!(confluent, in_words(&told["fastavro"]), "{line}");
        }
        read.insert(told["topic"].as_str().expect("a topic").to_owned(), confluent);
    }
    read
}

/// `a=1, b=null`, without the id; or that it fails.
fn in_words(row: &Value) -> String {
    let row = row.as_object().expect("a row");
    if row.contains_key("error") {
        return "fails".to_owned();
    }
    let fields = row.iter().filter(|(name, _)| *name != "id");
    let fields =
        fields.map(|(name, value)| format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    fields.collect::<Vec<_>>().join(", ")
}

/// Holds the manual's table of a format against what comes out, and gives the log of what was told meanwhile.
fn hold_manual_against(format: &Format) -> String {
    let database = Database::new(&format!("evolution_{}", format.name));
    let _topics = Cleanup(database.name.clone());
    let home = Home::default();
    let rowtide = home.standalone("", &[]);
    std::thread::scope(|scope| {
        for level in LEVELS {
            let (rowtide, database) = (&rowtide, &database);
            scope.spawn(move || begin(format, rowtide, database, level));
        }
    });
    let forecasts: Vec<Forecast> = LEVELS.iter().map(|level| foreseen(format, &home, &database, level)).collect();
    let manual = manual(format);
    // what is not foretold is as the manual says: live, another outcome is found
    let expected = |level: usize, case: usize| {
        let said = manual.get(CASES[case].title).and_then(|cells| cells.get(level)).map_or("goes on", String::as_str);
        forecasts[level][case].0.unwrap_or(said)
    };
    let of_level = |level| (0..CASES.len()).map(|case| expected(level, case)).collect();
    let outcomes: Vec<Vec<&str>> = (0..LEVELS.len()).map(of_level).collect();
    std::thread::scope(|scope| {
        for (level, outcomes) in LEVELS.iter().zip(&outcomes) {
            let (rowtide, database) = (&rowtide, &database);
            scope.spawn(move || live(rowtide, database, level, outcomes));
        }
    });
    let topics: Vec<String> = CASES.iter().map(|case| topic(&database, &schema_of("NONE"), case.name)).collect();
    let read = read_by_old_schema(format, &topics);
    let (mut table, mut unforetold) = (String::new(), String::new());
    let mut same = true;
    for (number, (case, topic)) in CASES.iter().zip(&topics).enumerate() {
        let mut cells: Vec<String> = outcomes.iter().map(|of_level| of_level[number].to_owned()).collect();
        cells.extend([format!("`{}`", case.then.replace('\'', "")), format!("`{}`", read[topic])]);
        let _ = writeln!(table, "| {} | {} |", case.title, cells.join(" | "));
        same &= manual.get(case.title) == Some(&cells);
        // what fails for a consumer was foretold; what was not foretold does not fail. (After two changes it has an older schema still.)
        let (_, breaks) = forecasts[0][number];
        let misread = format.misread.contains(&case.name);
        if case.earlier.is_none() && breaks != (read[topic] == "fails" || misread) {
            let _ = writeln!(unforetold, "{}: {breaks}, {}", case.title, read[topic]);
        }
    }
    rowtide.wait_log("at_none.unit-value' with the schema from before reads wrong values, and is not told");
    assert!(same, "docs/manual/schema-changes.md says something else of {} than:\n{table}", format.title);
    assert!(unforetold.is_empty(), "foretold otherwise than it came:\n{unforetold}");
    let log = rowtide.log();
    rowtide.stop();
    log
}

#[test]
fn every_change_of_avro_under_every_level_is_as_the_manual_says() {
    hold_manual_against(&Format { name: "avro", title: "Avro", class: AVRO, misread: &["scale", "unit"], untold: &[] });
}

#[test]
fn every_change_of_json_schema_under_every_level_is_as_the_manual_says() {
    let class = "io.confluent.connect.json.JsonSchemaConverter";
    hold_manual_against(&Format { name: "json", title: "JSON Schema", class, misread: &["scale", "unit"], untold: &[] });
}

#[test]
fn every_change_of_protobuf_under_every_level_is_as_the_manual_says() {
    let class = "io.confluent.connect.protobuf.ProtobufConverter";
    // nothing fails in Protobuf; of a wider key only large numbers are read wrongly
    let misread =
        &["drop_default", "drop_required", "drop_before", "widen_int", "unit", "change_type", "allow_null", "reorder", "key"];
    let untold = &["precision", "scale"];
    let log = hold_manual_against(&Format { name: "protobuf", title: "Protobuf", class, misread, untold });
    // what moves up is read in the place of what was dropped
    assert!(log.contains("'b' has its number now: column 'a': its number in the message was 2, is 3"), "no warning of numbers");
}
