//! The decoder of pgoutput: against streams recorded from real servers (`golden/*.hex`, made by the example
//! `capture_pgoutput`), and against any bytes at all.
//!
//! `golden/*.txt` is what they hold in readable form. After a new recording: ROWTIDE_WRITE_GOLDEN=1, and read the diff.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use bytes::{BufMut, Bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use rowtide_source_postgres::decode::{
    BinaryCopy, DecodeError, Decoder, Message, OldTuple, Part, Prepared, Streamed, Tuple, TupleValue, copy_text_row, pgoutput,
    stream_message, streamed_kind,
};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A recording: for each stream its heading and messages.
fn recording(name: &str) -> Vec<(String, Vec<Bytes>)> {
    let text = std::fs::read_to_string(golden(name)).unwrap();
    let mut streams = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("# ") {
            Some(heading) => streams.push((heading.to_owned(), Vec::new())),
            None => streams.last_mut().unwrap().1.push(unhex(line)),
        }
    }
    streams
}

fn unhex(line: &str) -> Bytes {
    line.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn value(value: &TupleValue<'_>) -> String {
    match value {
        TupleValue::Null => "null".into(),
        TupleValue::Unchanged => "unchanged".into(),
        TupleValue::Text(text) if text.len() > 60 => format!("text of {} bytes", text.len()),
        TupleValue::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        TupleValue::Binary(bytes) if bytes.len() > 60 => format!("{} bytes", bytes.len()),
        TupleValue::Binary(bytes) => format!("0x{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

fn tuple(tuple: &Tuple) -> String {
    let values: Vec<_> = tuple.values().map(|v| value(&v)).collect();
    assert_eq!(values.len(), tuple.len());
    format!("({})", values.join(", "))
}

fn old(old: &OldTuple) -> String {
    format!("{} {}", if old.full { "full" } else { "key" }, tuple(&old.tuple))
}

fn prepared(p: &Prepared) -> String {
    format!("{:?} xid {} lsn {:x} end {:x} at {}", p.gid, p.xid, p.lsn, p.end_lsn, p.timestamp_micros)
}

/// One line.
fn describe(message: &Message) -> String {
    let within = |xid: Option<u32>| xid.map(|xid| format!("[xid {xid}] ")).unwrap_or_default();
    let text = match message {
        Message::Begin(m) => format!("xid {} final {:x} at {}", m.xid, m.final_lsn, m.timestamp_micros),
        Message::Commit(m) => format!("{:x} end {:x} at {}", m.commit_lsn, m.end_lsn, m.timestamp_micros),
        Message::Origin(m) => format!("{:?} lsn {:x}", m.name, m.lsn),
        Message::Relation(m) => {
            let columns = m
                .columns
                .iter()
                .map(|c| format!("{}{} {}({})", if c.is_key { "*" } else { "" }, c.name, c.type_oid, c.type_modifier));
            let columns: Vec<_> = columns.collect();
            format!("{}{}.{} {} ({})", within(m.xid), m.namespace, m.name, m.identity as char, columns.join(", "))
        }
        Message::Type(m) => format!("{}{}.{}", within(m.xid), m.namespace, m.name),
        Message::Insert(m) => format!("{}{}", within(m.xid), tuple(&m.new)),
        Message::Update(m) => {
            format!("{}{} -> {}", within(m.xid), m.old.as_ref().map(old).unwrap_or_default(), tuple(&m.new))
        }
        Message::Delete(m) => format!("{}{}", within(m.xid), old(&m.old)),
        Message::Truncate(m) => {
            format!("{}{} relations cascade {} restart {}", within(m.xid), m.relations.len(), m.cascade, m.restart_identity)
        }
        Message::Logical(m) => {
            format!("{}{:?} {:?} transactional {}", within(m.xid), m.prefix, String::from_utf8_lossy(&m.content), m.transactional)
        }
        Message::StreamStop => String::new(),
        Message::BeginPrepare(p) | Message::Prepare(p) | Message::CommitPrepared(p) | Message::StreamPrepare(p) => prepared(p),
        Message::RollbackPrepared(p) => {
            format!("{:?} xid {} prepared until {:x} end {:x}", p.gid, p.xid, p.prepare_end_lsn, p.end_lsn)
        }
        Message::StreamStart(m) => format!("xid {} first {}", m.xid, m.first_segment),
        Message::StreamCommit(m) => format!("xid {} {:x} end {:x}", m.xid, m.commit_lsn, m.end_lsn),
        Message::StreamAbort(m) => format!("xid {} of {} lsn {:x?} at {:?}", m.subtransaction, m.xid, m.lsn, m.timestamp_micros),
    };
    format!("{} {text}", message.name()).trim_end().to_owned()
}

/// Decodes a recording whole, and compares it with what it is known to hold.
fn check(version: &str) -> BTreeSet<&'static str> {
    let (mut text, mut names) = (String::new(), BTreeSet::new());
    for (heading, messages) in recording(&format!("{version}.hex")) {
        writeln!(text, "# {heading}").unwrap();
        let mut decoder = Decoder::new();
        for bytes in messages {
            let streamed = decoder.in_stream();
            let message = decoder.decode(&bytes).unwrap_or_else(|error| panic!("{heading}: {bytes:?}: {error}"));
            if streamed {
                check_kind(&bytes, &message);
            }
            names.insert(message.name());
            writeln!(text, "{}", describe(&message)).unwrap();
        }
        assert!(!decoder.in_stream());
    }
    let known = golden(&format!("{version}.txt"));
    if std::env::var_os("ROWTIDE_WRITE_GOLDEN").is_some() {
        std::fs::write(&known, &text).unwrap();
    }
    for (number, (got, want)) in text.lines().zip(std::fs::read_to_string(&known).unwrap().lines()).enumerate() {
        assert_eq!(got, want, "line {} of {}", number + 1, known.display());
    }
    assert_eq!(text, std::fs::read_to_string(&known).unwrap());
    names
}

#[test]
fn recorded_streams_read_as_what_was_done() {
    for version in ["pg15", "pg18"] {
        let names = check(version);
        assert_eq!(names.len(), 19, "every kind of message is in the recording of {version}: {names:?}");
    }
}

#[test]
fn transactions_in_progress_read_as_what_was_done() {
    for version in ["pg15-in-progress", "pg18-in-progress"] {
        let names = check(version);
        assert!(names.contains("Stream Commit") && names.contains("Stream Abort"), "{version}: {names:?}");
    }
}

/// What is known of a streamed message before its transaction ends is what all of it says.
fn check_kind(bytes: &Bytes, message: &Message) {
    let xid = match message {
        Message::Insert(m) => m.xid,
        Message::Update(m) => m.xid,
        Message::Delete(m) => m.xid,
        Message::Truncate(m) => m.xid,
        Message::Logical(m) => m.xid,
        Message::Type(m) => m.xid,
        Message::Relation(m) => {
            let known = Streamed::Relation { xid: m.xid.unwrap(), relation: m.id };
            assert_eq!(streamed_kind(bytes), Ok(known));
            m.xid
        }
        Message::Origin(origin) => {
            assert_eq!(streamed_kind(bytes), Ok(Streamed::Origin(origin.clone())));
            None
        }
        Message::StreamStop => None,
        _ => return assert!(streamed_kind(bytes).is_err()),
    };
    assert_eq!(streamed_kind(bytes).unwrap().xid(), xid);
}

#[test]
fn a_message_cut_short_or_prolonged_is_refused() {
    for (heading, messages) in recording("pg18.hex") {
        let mut decoder = Decoder::new();
        let mut seen = BTreeSet::new();
        for bytes in messages {
            let before = decoder.clone();
            let message = decoder.decode(&bytes).unwrap();
            if !seen.insert(message.name()) {
                continue;
            }
            for length in 0..bytes.len() {
                let cut = before.clone().decode(&bytes.slice(..length));
                // the parts that only streaming=parallel adds may be missing
                let allowed = matches!(message, Message::StreamAbort(_)) && length == 9;
                assert!(
                    allowed || cut.is_err_and(|error| error.offset <= length),
                    "{heading}: {} cut to {length}",
                    message.name()
                );
            }
            let longer: Bytes = bytes.iter().copied().chain([0]).collect();
            assert!(before.clone().decode(&longer).is_err(), "{heading}: {} with a byte more", message.name());
        }
    }
}

#[test]
fn errors_say_where_and_what() {
    let error = pgoutput(&Bytes::from_static(b"I\0\0\0\x01N\0\x02tx")).unwrap_err();
    assert_eq!(error.to_string(), "byte 9 of a pgoutput Insert: expected a length");
    let error = pgoutput(&Bytes::from_static(b"?")).unwrap_err();
    assert_eq!(error.to_string(), "byte 0 of a pgoutput message: expected a type of message of protocol versions 1 to 4");
}

/// A value's kind, and its bytes if it has any.
type Written = (u8, Vec<u8>);

fn any_value() -> impl Strategy<Value = Written> {
    let kinds = prop_oneof![Just(b'n'), Just(b'u'), Just(b't'), Just(b'b')];
    (kinds, vec(any::<u8>(), 0..40)).prop_map(|(kind, bytes)| (kind, if b"tb".contains(&kind) { bytes } else { Vec::new() }))
}

fn put_tuple(out: &mut Vec<u8>, values: &[Written]) {
    out.put_u16(values.len() as u16);
    for (kind, bytes) in values {
        out.put_u8(*kind);
        if b"tb".contains(kind) {
            out.put_u32(bytes.len() as u32);
            out.put_slice(bytes);
        }
    }
}

fn read(tuple: &Tuple) -> Vec<Written> {
    let written = |value| match value {
        TupleValue::Null => (b'n', Vec::new()),
        TupleValue::Unchanged => (b'u', Vec::new()),
        TupleValue::Text(text) => (b't', text.to_vec()),
        TupleValue::Binary(bytes) => (b'b', bytes.to_vec()),
    };
    tuple.values().map(written).collect()
}

/// The fields of a row of COPY.
fn copied(row: &Bytes) -> Result<Vec<Option<Bytes>>, DecodeError> {
    let mut fields = Vec::new();
    copy_text_row(row.into(), |number, field| {
        assert_eq!(number, fields.len());
        fields.push(field.map(Part::keep));
        Ok::<_, DecodeError>(())
    })?;
    Ok(fields)
}

/// As the server writes text fields: manual, COPY, "Text Format".
fn copy_escaped(field: Option<&[u8]>) -> Vec<u8> {
    let Some(field) = field else { return br"\N".to_vec() };
    let mut out = Vec::new();
    for &byte in field {
        match byte {
            8 => out.extend(br"\b"),
            9 => out.extend(br"\t"),
            10 => out.extend(br"\n"),
            11 => out.extend(br"\v"),
            12 => out.extend(br"\f"),
            13 => out.extend(br"\r"),
            b'\\' => out.extend(br"\\"),
            other => out.push(other),
        }
    }
    out
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..200), tag in any::<proptest::sample::Index>(), in_stream in any::<bool>()) {
        let tags = b"BCORYIUDTMSEcAbPKrpwk";
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = tags[tag.index(tags.len())];
        }
        let bytes = Bytes::from(bytes);
        let mut decoder = Decoder::new();
        if in_stream {
            decoder.decode(&Bytes::from_static(b"S\0\0\0\x01\x01")).unwrap();
        }
        let _ = streamed_kind(&bytes);
        if let Ok(message) = decoder.decode(&bytes) {
            describe(&message);
            if in_stream {
                check_kind(&bytes, &message);
            }
        }
        let _ = stream_message(&bytes);
        let _ = copied(&bytes);
        let mut binary = BinaryCopy::default();
        let header: Vec<u8> = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".iter().copied().chain(bytes.iter().copied()).collect();
        let _ = binary.row(&header).map(|row| row.map(|fields| fields.count()));
        let _ = binary.row(&bytes).map(|row| row.map(|fields| fields.count()));
    }

    #[test]
    fn rows_read_back_as_written(
        relation in any::<u32>(),
        xid in any::<u32>(),
        new in vec(any_value(), 0..20),
        before in proptest::option::of((any::<bool>(), vec(any_value(), 0..20))),
    ) {
        let mut bytes = vec![b'U'];
        bytes.put_u32(xid);
        bytes.put_u32(relation);
        if let Some((full, values)) = &before {
            bytes.put_u8(if *full { b'O' } else { b'K' });
            put_tuple(&mut bytes, values);
        }
        bytes.put_u8(b'N');
        put_tuple(&mut bytes, &new);
        let mut decoder = Decoder::new();
        decoder.decode(&Bytes::from_static(b"S\0\0\0\x01\x01")).unwrap();
        let Message::Update(update) = decoder.decode(&bytes.into()).unwrap() else { panic!("no update") };
        prop_assert_eq!((update.xid, update.relation), (Some(xid), relation));
        prop_assert_eq!(read(&update.new), new);
        prop_assert_eq!(update.old.map(|old| (old.full, read(&old.tuple))), before);
    }

    #[test]
    fn copied_rows_read_back_as_written(fields in vec(proptest::option::of(vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(b'\t'), Just(b'N')], 0..12)), 1..8)) {
        let written: Vec<_> = fields.iter().map(|field| copy_escaped(field.as_deref())).collect();
        let mut row = written.join(&b'\t');
        row.push(b'\n');
        let expected: Vec<_> = fields.iter().cloned().map(|field| field.map(Bytes::from)).collect();
        prop_assert_eq!(copied(&row.into()).unwrap(), expected);

        let mut row = Vec::new();
        row.put_u16(fields.len() as u16);
        for field in &fields {
            row.put_i32(field.as_ref().map_or(-1, |field| field.len() as i32));
            row.extend(field.iter().flatten());
        }
        let mut binary = BinaryCopy::default();
        let header: Vec<u8> = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".iter().copied().chain(row).collect();
        let read: Vec<_> = binary.row(&header).unwrap().unwrap().map(|field| field.map(<[u8]>::to_vec)).collect();
        prop_assert_eq!(read, fields);
        prop_assert!(binary.row(b"\xff\xff").unwrap().is_none());
    }
}

#[test]
fn numeric_escapes_read_as_bytes() {
    let fields = copied(&Bytes::from_static(br"\x41\101\x9zz\7")).unwrap();
    assert_eq!(fields, [Some(Bytes::from_static(b"AA\tzz\x07"))]);
    let error = copied(&Bytes::from_static(b"a\tb\\\n")).unwrap_err();
    assert_eq!(error.offset, 4);
}
