//! What becomes of a task beside the table of `evolution`: each way out of a refusal, tables that come and go, and Apicurio's own API.

use rowtide_system_tests::changing::{LONG, Scene, connector, foresee, hold_to, restart, topic, wait_count, wait_stopped};
use rowtide_system_tests::registry::count;
use rowtide_system_tests::topics::Cleanup;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::{need, wait_until};
use serde_json::{Value, json};

#[test]
fn each_way_out_leads_on_without_gap_or_repeat() {
    let scene = Scene::new(
        "ways_out",
        &[
            ("mended", "a text", "BACKWARD"),
            ("taken_back", "a text NOT NULL", "FORWARD"),
            ("undone", "a text", "BACKWARD"),
            ("level", "a text", "FULL"),
            ("elsewhere", "a text", "FULL_TRANSITIVE"),
        ],
    );
    // a default given afterwards holds for rows that are written already
    scene.sql("ALTER TABLE s.mended ADD b int NOT NULL DEFAULT 0; ALTER TABLE s.mended ALTER b DROP DEFAULT; INSERT INTO s.mended VALUES (2, 'x', 3)");
    scene.stopped("s.mended", &["column 'b': added (int32, not null, no default)", "(1) give column 'b' a default"]);
    scene.sql("ALTER TABLE s.mended ALTER b SET DEFAULT 0");
    scene.restart();
    scene.wait("mended", 2);
    // so does what may be null
    scene.sql("ALTER TABLE s.taken_back ALTER a DROP NOT NULL; INSERT INTO s.taken_back VALUES (2, 'x')");
    scene.stopped("s.taken_back", &["column 'a': may be null now", "(1) take back"]);
    scene.sql("ALTER TABLE s.taken_back ALTER a SET NOT NULL");
    scene.restart();
    scene.wait("taken_back", 2);
    // what is undone before there is a row is not seen at all; rows in the log keep their columns
    scene.sql("ALTER TABLE s.undone ALTER a TYPE int USING 1; ALTER TABLE s.undone ALTER a TYPE text; INSERT INTO s.undone VALUES (2, 'x')");
    scene.wait("undone", 2);
    scene.sql("ALTER TABLE s.undone ALTER a TYPE int USING 1; INSERT INTO s.undone VALUES (3, 3); ALTER TABLE s.undone ALTER a TYPE text");
    scene.stopped("s.undone", &["column 'a': was string, is int32"]);
    let failures = || scene.rowtide.log().matches("the task has failed").count();
    let before = failures();
    scene.restart();
    wait_until("it stops again", LONG, || (failures() > before).then_some(()));
    scene.stopped(
        "s.undone",
        &["column 'a': was string, is int32", "undo the change of the table, if no row has been written since"],
    );
    hold_to(&scene.topic("undone"), "NONE");
    scene.restart();
    scene.wait("undone", 3);
    scene.sql("INSERT INTO s.undone VALUES (4, 'back')");
    scene.wait("undone", 4);
    // the level for this once; held to it again, the table goes on
    scene.sql("ALTER TABLE s.level ALTER a TYPE int USING 1; INSERT INTO s.level VALUES (2, 3)");
    scene.stopped("s.level", &["column 'a': was string, is int32", "FULL", "{\"compatibility\": \"NONE\"}"]);
    hold_to(&scene.topic("level"), "NONE");
    scene.restart();
    scene.wait("level", 2);
    hold_to(&scene.topic("level"), "FULL");
    scene.sql("INSERT INTO s.level VALUES (3, 4)");
    scene.wait("level", 3);
    // another topic has subjects of its own
    scene.sql("ALTER TABLE s.elsewhere ALTER a TYPE int USING 1; INSERT INTO s.elsewhere VALUES (2, 2)");
    scene.stopped("s.elsewhere", &["column 'a': was string, is int32", "write on into another topic"]);
    let mut config = connector(&scene.database, "s");
    for (name, value) in [
        ("transforms", "route"),
        ("transforms.route.type", "org.apache.kafka.connect.transforms.RegexRouter"),
        ("transforms.route.regex", "(.*elsewhere)"),
        ("transforms.route.replacement", "$1.v2"),
    ] {
        config.insert(name.to_owned(), value.into());
    }
    scene.rowtide.rest.ok("PUT", "/connectors/s/config", Some(&Value::Object(config)));
    scene.wait("elsewhere.v2", 1);
    assert_eq!(count(&scene.topic("elsewhere")), 1);
    for (table, records) in [("mended", 2), ("taken_back", 2), ("undone", 4), ("level", 3)] {
        assert_eq!(count(&scene.topic(table)), records, "{table}");
    }
    scene.rowtide.stop();
}

#[test]
fn tables_come_and_go_and_are_renamed() {
    let scene = Scene::new("tables", &[("first", "a text", "FULL"), ("gone", "a text", "FULL")]);
    let script = "CREATE TABLE s.new (id int PRIMARY KEY, a text); ALTER TABLE s.first RENAME TO renamed; DROP TABLE s.gone; DROP TABLE IF EXISTS s.nothing";
    let told = foresee(&scene.home, &connector(&scene.database, "s"), script);
    let outcomes: Vec<(String, Value)> = told["tables"]
        .as_array()
        .expect("tables")
        .iter()
        .map(|table| (table["table"].to_string(), table["renamed"].clone()))
        .collect();
    assert_eq!(
        outcomes,
        [
            ("\"s.first\"".to_owned(), json!("s.renamed")),
            ("\"s.gone\"".to_owned(), Value::Null),
            ("\"s.new\"".to_owned(), Value::Null)
        ]
    );
    assert_eq!(told["tables"][0]["sides"][1]["verdict"], "first");
    assert!(told["tables"][1]["notes"].to_string().contains("its topic and subjects stay"), "{told:#}");
    assert!(told["notes"].to_string().contains("there is no s.nothing"), "{told:#}");
    scene.sql(script);
    let publication = format!("{}_s", scene.database.name);
    scene.sql(&format!("ALTER PUBLICATION {publication} ADD TABLE s.new; INSERT INTO s.new VALUES (1, 'x'); INSERT INTO s.renamed VALUES (2, 'x')"));
    scene.wait("new", 1);
    scene.wait("renamed", 1);
    assert_eq!((count(&scene.topic("first")), count(&scene.topic("gone"))), (1, 1));
    scene.rowtide.stop();
}

#[test]
fn apicurios_own_api_refuses_with_the_same_words() {
    for api in ["v2", "v3"] {
        let database = Database::new("evolution_apicurio");
        let _topics = Cleanup(database.name.clone());
        database.sql("CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, a text); INSERT INTO s.t VALUES (1, 'x')");
        let mut config = connector(&database, "s");
        for side in ["key", "value"] {
            config.remove(&format!("{side}.converter.schema.registry.url"));
            config.insert(format!("{side}.converter"), "io.apicurio.registry.utils.converter.AvroConverter".into());
            let url = format!("{}/apis/registry/{api}", need("ROWTIDE_TEST_REGISTRY"));
            config.insert(format!("{side}.converter.apicurio.registry.url"), url.into());
            config.insert(format!("{side}.converter.apicurio.registry.auto-register"), "true".into());
        }
        let home = Home::default();
        let rowtide = home.standalone("", &[]);
        rowtide.rest.create("s", &config, None);
        let topic = topic(&database, "s", "t");
        wait_count(&rowtide, "s", &topic, 1);
        let rules = format!("/groups/default/artifacts/{topic}-value/rules");
        let own = Rest::new(&format!("{}/apis/registry/v2", need("ROWTIDE_TEST_REGISTRY")));
        own.ok("POST", &rules, Some(&json!({ "type": "COMPATIBILITY", "config": "BACKWARD" })));
        let change = "ALTER TABLE s.t ALTER a TYPE int USING 1";
        let told = foresee(&home, &config, change);
        let value = &told["tables"][0]["sides"][1];
        assert_eq!(
            (&value["verdict"], &value["level"], &value["version"]),
            (&json!("refused"), &json!("BACKWARD"), &json!("1")),
            "{told:#}"
        );
        assert!(value["reasons"].to_string().contains("Incompatible artifact"), "{told:#}");
        assert_eq!(told["tables"][0]["sides"][0]["verdict"], "known");
        database.sql(&format!("{change}; INSERT INTO s.t VALUES (2, 2)"));
        let words = [
            "table s.t",
            "BACKWARD",
            "column 'a': was string, is int32",
            "nothing of the new schema was written",
            "rules/COMPATIBILITY",
        ];
        wait_stopped(&rowtide, "s", &words);
        assert_eq!(count(&topic), 1);
        own.ok("PUT", &format!("{rules}/COMPATIBILITY"), Some(&json!({ "type": "COMPATIBILITY", "config": "NONE" })));
        restart(&rowtide, "s");
        wait_count(&rowtide, "s", &topic, 2);
        rowtide.stop();
    }
}
