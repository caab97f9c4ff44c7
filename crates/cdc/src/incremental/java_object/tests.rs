//! Against keys that the original stored, and streams that are cut or changed.

use super::KeyValue::{Boolean, Bytes, Date, Decimal, Double, Float, Integer, Long, Null, Object, Short, Uuid};
use super::*;

/// What the original stored of tables with these keys.
const RECORDED: &str = include_str!("recorded.txt");

fn recorded(name: &str) -> &'static str {
    let find = |line: &'static str| line.strip_prefix(name)?.strip_prefix(' ');
    RECORDED.lines().find_map(find).unwrap_or_else(|| panic!("{name} is not recorded"))
}

fn text(text: &str) -> KeyValue {
    KeyValue::String(text.to_owned())
}

fn decimal(text: &str) -> KeyValue {
    Decimal(text.to_owned())
}

fn object(kind: &str, value: &str) -> KeyValue {
    Object { kind: kind.to_owned(), value: Some(value.to_owned()) }
}

#[test]
fn keys_are_read_and_written_as_the_original_writes_them() {
    let keys = [
        ("k_int", vec![Integer(4)]),
        ("k_big", vec![Long(4)]),
        ("k_small", vec![Integer(4)]),
        ("k_num", vec![decimal("1000.00")]),
        ("k_num0", vec![decimal("40000000000000000000000")]),
        ("k_uuid", vec![Uuid(4)]),
        ("k_text", vec![text("ü")]),
        ("k_chr", vec![text("d    ")]),
        ("k_bytea", vec![Bytes(vec![4, 0xff])]),
        ("k_bool", vec![Boolean(true)]),
        ("k_real", vec![Float(4.5)]),
        ("k_dbl", vec![Double(4.5)]),
        ("k_ts", vec![text("2020-01-04 10:00:00.123456")]),
        ("k_tstz", vec![text("2020-01-04 08:00:00.123456+00")]),
        ("k_date", vec![Date(18_265)]),
        ("k_timetz", vec![text("10:00:04.123456+02")]),
        ("k_inet", vec![object("inet", "10.0.0.4")]),
        ("k_money", vec![decimal("4.00")]),
        ("comp", vec![text("x5"), Integer(5), text("2020-01-01 00:00:00")]),
        ("uq", vec![Null]),
    ];
    for (name, key) in keys {
        assert_eq!(from_hex(recorded(name)).as_ref(), Ok(&key), "{name}");
        assert_eq!(to_hex(&key), recorded(name), "{name}");
    }
}

#[test]
fn an_interval_is_read_as_text() {
    let read = from_hex(recorded("k_intv")).unwrap();
    assert_eq!(read, [object("interval", "0 years 0 months 4 days 0 hours 0 minutes 0 seconds 0 microseconds")]);
}

#[test]
fn whatever_is_written_is_read_back() {
    let values = [
        Null,
        Boolean(false),
        Boolean(false),
        Short(-3),
        Integer(1),
        Integer(1),
        Integer(1000),
        Integer(1000),
        Long(i64::MIN),
        Float(-0.5),
        Double(f64::MAX),
        text("a\u{0}\u{1F600}\u{7FF}\u{800}"),
        text(&"long ".repeat(20_000)),
        decimal("-0.05"),
        decimal("0"),
        decimal("0.00"),
        decimal("-123456789012345678901234567890.123"),
        Bytes(vec![]),
        Bytes(vec![0, 255]),
        Uuid(u128::MAX - 5),
        Date(-1),
        object("inet", "::1"),
        object("cidr", "10.0.0.0/8"),
        Object { kind: "jsonb".to_owned(), value: None },
    ];
    assert_eq!(read(&write(&values)).unwrap(), values);
    for value in values {
        assert_eq!(read(&write(std::slice::from_ref(&value))).unwrap(), [value]);
    }
}

#[test]
fn streams_that_are_cut_or_changed_are_refused_or_read_and_never_panic() {
    let key = [Integer(5), text("x"), decimal("1.5"), Uuid(9), Date(3), Bytes(vec![1]), object("inet", "::1"), Integer(5)];
    let whole = write(&key);
    for end in 0..whole.len() {
        assert!(read(&whole[..end]).is_err(), "cut at {end}");
    }
    for at in 0..whole.len() {
        for byte in [0, 1, 0x70, 0x71, 0x73, 0x75, 0x7f, 0xff] {
            let mut changed = whole.clone();
            changed[at] = byte;
            let _ = read(&changed);
        }
    }
    assert!(from_hex("aced0005zz").is_err());
    assert!(from_hex("aced000").is_err());
}

#[test]
fn keys_are_shown_as_java_shows_them() {
    let shown = |value: KeyValue| value.to_string();
    assert_eq!(shown(Null), "<null>");
    assert_eq!(shown(Date(18_265)), "2020-01-04");
    assert_eq!(shown(Date(-719_163)), "0001-12-31 BC");
    assert_eq!(shown(Uuid(4)), "00000000-0000-0000-0000-000000000004");
    assert_eq!(shown(Double(4.5)), "4.5");
}
