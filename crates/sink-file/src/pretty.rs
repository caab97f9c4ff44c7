//! A record as one short line for eyes: time, operation, topic, key, row.
//!
//! ```text
//! 10:15:02.345 c  prod.public.orders {"id":1} {"id":1,"status":"new"}
//! ```

use std::time::Duration;

use rowtide_api::EncodedRecord;
use serde::Deserialize;
use serde_json::value::RawValue;

/// How lines look.
pub(crate) struct Style {
    pub(crate) colour: bool,
    pub(crate) width: usize,
}

/// What is worth showing of a value: Debezium's envelope.
#[derive(Deserialize)]
struct Envelope<'a> {
    op: Option<&'a str>,
    #[serde(borrow)]
    before: Option<&'a RawValue>,
    #[serde(borrow)]
    after: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    source: Option<Source>,
}

#[derive(Deserialize)]
struct Source {
    ts_ms: Option<i64>,
}

/// Connect's envelope with schemas enabled.
#[derive(Deserialize)]
struct WithSchema<'a> {
    #[serde(borrow)]
    #[allow(dead_code)] // it must be there
    schema: &'a RawValue,
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// Appends the line and answers when the database made the change, if the record says so.
pub(crate) fn write(record: &EncodedRecord, now: &str, style: &Style, out: &mut Vec<u8>) -> Option<i64> {
    let key = record.key.as_deref().map(payload).unwrap_or_default();
    let (op, row, time) = match record.value.as_deref() {
        None => ("tombstone".to_owned(), String::new(), None),
        Some(value) => {
            let payload = payload(value);
            let (op, row, time) = envelope(&payload);
            let row = row.unwrap_or(&payload).to_owned();
            (op.unwrap_or("-").to_owned(), row, time)
        }
    };
    let plain = [now, &op, &record.topic, &key, &row];
    let colours = ["\x1b[2m", colour(&op), "\x1b[1m", "", ""];
    let mut left = style.width;
    for (index, (part, colour)) in plain.into_iter().zip(colours).filter(|(part, _)| !part.is_empty()).enumerate() {
        if index > 0 {
            if left < 2 {
                break;
            }
            out.push(b' ');
            left -= 1;
        }
        let shown = truncated(part, left);
        left -= shown.chars().count();
        if style.colour && !colour.is_empty() {
            out.extend_from_slice(format!("{colour}{shown}\x1b[0m").as_bytes());
        } else {
            out.extend_from_slice(shown.as_bytes());
        }
    }
    out.push(b'\n');
    time
}

/// Operation, row and time of Debezium's envelope, as far as this is one.
fn envelope(payload: &str) -> (Option<&str>, Option<&str>, Option<i64>) {
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(payload) else {
        return (None, None, None);
    };
    let row =
        [envelope.after, envelope.before, envelope.message].into_iter().flatten().map(RawValue::get).find(|text| *text != "null");
    (envelope.op, row, envelope.source.and_then(|source| source.ts_ms))
}

/// The text without the schema beside it; without control characters, which a terminal would obey.
fn payload(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let inner = serde_json::from_str::<WithSchema<'_>>(&text).map(|both| both.payload.get());
    inner.unwrap_or(&text).chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn truncated(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn colour(op: &str) -> &'static str {
    match op {
        "c" => "\x1b[32m",
        "u" => "\x1b[33m",
        "d" | "tombstone" | "t" => "\x1b[31m",
        "r" => "\x1b[36m",
        _ => "\x1b[35m",
    }
}

/// `1,234 events/s, lag 12 ms, 5,678 in all`
pub(crate) fn status(events: u64, elapsed: Duration, lag: Option<i64>, total: u64) -> String {
    let rate = (events as f64 / elapsed.as_secs_f64()).round() as u64;
    let lag = match lag.map(|lag| lag.max(0)) {
        None => String::new(),
        Some(millis @ 0..10_000) => format!(", lag {millis} ms"),
        Some(millis) => format!(", lag {} s", grouped(millis as u64 / 1000)),
    };
    format!("-- {} events/s{lag}, {} in all", grouped(rate), grouped(total))
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn shown(key: Option<&'static str>, value: Option<&'static str>, width: usize, colour: bool) -> (String, Option<i64>) {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        let (key, value) = (key.map(bytes), value.map(bytes));
        let record = EncodedRecord {
            sequence: 0,
            topic: "p.public.t".into(),
            partition: None,
            key,
            value,
            headers: std::sync::Arc::default(),
            timestamp: None,
        };
        let mut out = Vec::new();
        let time = write(&record, "10:15:02.345", &Style { colour, width }, &mut out);
        (String::from_utf8(out).unwrap(), time)
    }

    #[test]
    fn a_line_shows_operation_topic_key_and_row_with_and_without_schemas() {
        let change = r#"{"schema":{},"payload":{"before":null,"after":{"id":1},"source":{"ts_ms":77},"op":"c"}}"#;
        let line = shown(Some(r#"{"schema":{},"payload":{"id":1}}"#), Some(change), 100, false);
        assert_eq!(line, ("10:15:02.345 c p.public.t {\"id\":1} {\"id\":1}\n".to_owned(), Some(77)));
        let line = shown(Some(r#"{"id":1}"#), Some(r#"{"before":{"id":1},"after":null,"op":"d"}"#), 100, false);
        assert_eq!(line, ("10:15:02.345 d p.public.t {\"id\":1} {\"id\":1}\n".to_owned(), None));
        assert_eq!(shown(Some(r#"{"id":1}"#), None, 100, false).0, "10:15:02.345 tombstone p.public.t {\"id\":1}\n");
        assert_eq!(shown(None, Some("{\"ts_ms\":5}"), 100, false).0, "10:15:02.345 - p.public.t {\"ts_ms\":5}\n");
        assert_eq!(shown(None, Some("no \x1b[2J JSON\n"), 100, false).0, "10:15:02.345 - p.public.t no  [2J JSON \n");
    }

    #[test]
    fn a_line_is_as_wide_as_the_terminal_at_most_whatever_its_colours() {
        for width in 1..60 {
            for colour in [false, true] {
                let (line, _) =
                    shown(Some("{\"id\":\"ääää\"}"), Some("{\"after\":{\"x\":\"ööööööööööö\"},\"op\":\"u\"}"), width, colour);
                let mut visible = line.trim_end().to_owned();
                for code in ["\x1b[2m", "\x1b[33m", "\x1b[1m", "\x1b[0m"] {
                    visible = visible.replace(code, "");
                }
                assert!(visible.chars().count() <= width, "{width}: {visible}");
            }
        }
    }

    #[test]
    fn the_status_says_rate_lag_and_total() {
        assert_eq!(status(2468, Duration::from_secs(2), Some(12), 1_234_567), "-- 1,234 events/s, lag 12 ms, 1,234,567 in all");
        assert_eq!(status(1, Duration::from_secs(1), Some(61_000), 1), "-- 1 events/s, lag 61 s, 1 in all");
        assert_eq!(status(1, Duration::from_secs(1), None, 1), "-- 1 events/s, 1 in all");
    }
}
