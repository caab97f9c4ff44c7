//! Avro: Apicurio's Java converter and fastavro; and what `Reader` says of ids and bytes that are none.

use bytes::Bytes;
use rowtide_api::Props;
use rowtide_schema_registry::Reader;
use rowtide_testkit::rest::Rest;
use rowtide_testkit::{need, unique};
use serde_json::{Value as Json, json};

use rowtide_system_tests::converting::{ask, hex, script, unhex};

use super::{confluent_options, encoded, everything, hold_against_java, read, with_schema_of};

/// What Apicurio's converter, in both languages, takes: the id in a header, or before the value.
fn apicurio_options() -> [Props; 2] {
    let url = format!("{}/apis/registry/v2", need("ROWTIDE_TEST_REGISTRY"));
    let both = [("apicurio.registry.url", url.as_str()), ("apicurio.registry.auto-register", "true")];
    let confluent = [
        ("apicurio.registry.headers.enabled", "false"),
        ("apicurio.registry.as-confluent", "true"),
        ("apicurio.registry.use-id", "contentId"),
    ];
    [Props::from_iter(both), Props::from_iter(both.into_iter().chain(confluent))]
}

const APICURIO: &str = "io.apicurio.registry.utils.converter.AvroConverter";
const CONFLUENT: &str = "io.confluent.connect.avro.AvroConverter";

#[test]
fn apicurios_java_converter_and_rowtide_read_each_other() {
    for options in apicurio_options() {
        let reader = Reader::apicurio(&options, false).expect("good options");
        hold_against_java(APICURIO, &options, &reader, &unique("both_ways"));
    }
}

#[test]
fn fastavro_reads_what_rowtide_writes_and_rowtide_what_fastavro_writes() {
    let (datum, topic, options) = (everything(), unique("fastavro"), confluent_options());
    let (_, bytes) = encoded(CONFLUENT, &options, &topic, &datum);
    let registry = Rest::new(options.get("schema.registry.url").expect("a URL"));
    let found = registry.ok("GET", &format!("/subjects/{topic}-value/versions/latest"), None);
    let said =
        ask(script("fast.py").args([found["schema"].as_str().expect("a schema"), &hex(&bytes[5..])]), b"").expect("fastavro");
    let (value, written) = said.trim().split_once('\n').expect("two lines");
    let value: Json = serde_json::from_str(value).expect("JSON");
    let expected = [
        ("int64", json!(i64::MIN)),
        ("string", json!("Ærø 🌊\n")),
        ("bytes", json!("00ff")),
        ("decimal", json!("-2.56")),
        ("date", json!("1969-12-31")),
        ("time", json!("23:59:59.999000")),
        ("timestamp", json!("2023-11-14 22:13:20.123000+00:00")),
        ("array", json!([1, null])),
        ("map", json!({ "k": null })),
        ("pairs", json!([{ "key": -3, "value": false }])),
        ("point", json!({ "x": 0.5, "y": null })),
    ];
    for (name, expected) in expected {
        assert_eq!(value[name], expected, "{name}");
    }
    assert_eq!(written, hex(&bytes[5..]));
    let reader = Reader::confluent(&options, false).expect("good options");
    let read = read(&reader, &Vec::new(), &[&bytes[..5], &unhex(written)].concat()).expect("Rowtide reads it");
    assert_eq!(read.value, with_schema_of(&datum.value, &read));
}

#[test]
fn a_reader_says_which_id_the_registry_does_not_know() {
    let confluent = Reader::confluent(&confluent_options(), false).expect("good options");
    let apicurio = apicurio_options().map(|options| Reader::apicurio(&options, false).expect("good options"));
    let number = 2_000_000_009_u32;
    let before_value = [&[0][..], &number.to_be_bytes(), &[2]].concat();
    let in_header = vec![("apicurio.value.globalId".into(), Bytes::copy_from_slice(&u64::from(number).to_be_bytes()))];
    for (reader, headers, bytes) in
        [(&confluent, Vec::new(), &before_value), (&apicurio[1], Vec::new(), &before_value), (&apicurio[0], in_header, &vec![2])]
    {
        let error = read(reader, &headers, bytes).expect_err("nobody has that id").to_string();
        assert!(error.contains("2000000009") && error.contains("404"), "{error}");
    }
    let error = read(&confluent, &Vec::new(), b"{\"a\":1}").expect_err("no Avro").to_string();
    assert!(error.contains("Unknown magic byte!"), "{error}");
    let error = read(&apicurio[0], &Vec::new(), &[2]).expect_err("no header").to_string();
    assert!(error.contains("apicurio.value.globalId"), "{error}");
}
