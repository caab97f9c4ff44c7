//! Where we are in PostgreSQL's log, and how that is stored.
//!
//! The stored keys are Debezium's (`PostgresOffsetContext`: `lsn`, `lsn_proc`, `lsn_commit`, `txId`, `ts_usec`,
//! `xmin`, `messageType`, `snapshot`…), so that a Java worker goes on from them, plus a few `rowtide_*` keys that Java
//! drops. Ours count only while `rowtide_lsn` still equals `lsn`: once a Java worker has gone on, they are void.

use rowtide_api::{OffsetMap, ToOffset};

/// What kind of message the last event was, as Debezium names it in `messageType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum MessageType {
    Begin,
    Commit,
    Insert,
    Update,
    Delete,
    Truncate,
    Message,
}

impl MessageType {
    const ALL: [(MessageType, &'static str); 7] = [
        (MessageType::Begin, "BEGIN"),
        (MessageType::Commit, "COMMIT"),
        (MessageType::Insert, "INSERT"),
        (MessageType::Update, "UPDATE"),
        (MessageType::Delete, "DELETE"),
        (MessageType::Truncate, "TRUNCATE"),
        (MessageType::Message, "MESSAGE"),
    ];

    /// Debezium's word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, word)| word)
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, have)| *have == word).map(|(kind, _)| *kind)
    }
}

/// An exact place in the stream. The server sends transactions in the order of their commit records, and resends
/// the same events in the same order; so the commit record's LSN and the number of raw events after `BEGIN`, counted
/// before any filter, name a place that no changed configuration moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// LSN of the transaction's commit record (`final_lsn` of its `BEGIN`); of a non-transactional message its own
    pub transaction: u64,
    /// raw events of the transaction up to and including the last one; [`Mark::WHOLE`] once it is committed
    pub event: u64,
}

impl Mark {
    /// The transaction is over.
    pub const WHOLE: u64 = i64::MAX as u64;
}

/// The snapshot that a position is amid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Debezium's word for its kind
    kind: &'static str,
    /// whether this is its last record
    last: bool,
}

impl Snapshot {
    /// Before the stream, or what a crash left of that.
    pub const INITIAL: Self = Self { kind: "INITIAL", last: false };
    /// By a signal. What is left of it stands elsewhere in the offset (`rowtide_cdc::blocking`), so that it is not read back.
    pub const BLOCKING: Self = Self { kind: "BLOCKING", last: false };

    /// At its last record.
    pub fn ended(self) -> Self {
        Self { last: true, ..self }
    }
}

/// A position of the stream or of the snapshot.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Position {
    /// LSN of the last event
    pub lsn: u64,
    /// LSN of the last event that was wholly processed
    pub processed: Option<u64>,
    /// end LSN of the last commit before the event
    pub commit: Option<u64>,
    /// transaction
    pub xid: Option<i64>,
    /// commit time, microseconds since the epoch
    pub micros: Option<i64>,
    /// the slot's xmin, when it is fetched
    pub xmin: Option<i64>,
    /// kind of the last event
    pub message: Option<MessageType>,
    /// the snapshot that is taken
    pub snapshot: Option<Snapshot>,
    /// the exact place; none in snapshots and in offsets of Java workers
    pub mark: Option<Mark>,
    /// log that holds nothing for us up to here, although no event says so: the slot may be told. It stays until the next
    /// commit: what the slot was told may lie past the events of a transaction that was open then
    pub idle: Option<u64>,
    /// the server's system identifier
    pub system: Option<u64>,
    /// amid a transaction: what a Java worker is to take for the last event
    pub java: Option<JavaPlace>,
}

/// The last event with another LSN than ours, in our transaction.
///
/// Debezium skips every event of the LSN that it finds stored; rows of one `COPY` share one, so that it would lose those
/// after ours. From here it sends them all again. Our own mark is exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JavaPlace {
    lsn: u64,
    processed: Option<u64>,
    message: Option<MessageType>,
}

impl Position {
    /// Reads a stored offset, Debezium's or ours. `None`: it has no LSN.
    pub fn read(offset: &OffsetMap) -> Option<Self> {
        let number = |key: &str| offset.int(key).map(|value| value as u64);
        let lsn = number("lsn")?;
        // older versions stored `true`, newer ones the kind of the snapshot
        let snapshot = offset.boolean("snapshot").unwrap_or(false) || offset.string("snapshot") == Some(Snapshot::INITIAL.kind);
        let completed = offset.boolean("snapshot_completed").unwrap_or(false);
        let last = offset.boolean("last_snapshot_record").unwrap_or(false);
        let ours = number("rowtide_lsn") == Some(lsn);
        let own = |key: &str| if ours { number(key) } else { None };
        let mark = own("rowtide_tx").zip(own("rowtide_event")).map(|(transaction, event)| Mark { transaction, event });
        let idle = own("rowtide_idle");
        let processed = number("lsn_proc");
        let moved = idle.is_some() && processed == idle.map(idle_for_java);
        Some(Self {
            lsn,
            processed: if moved { Some(lsn) } else { processed },
            commit: number("lsn_commit").or(number("lsn_proc")),
            xid: offset.int("txId"),
            micros: offset.int("ts_usec"),
            xmin: offset.int("xmin"),
            message: offset.string("messageType").and_then(MessageType::parse),
            snapshot: (snapshot && !completed && !last).then_some(Snapshot::INITIAL),
            mark,
            idle,
            system: own("rowtide_system"),
            java: None,
        })
    }

    /// An event within the transaction is done.
    pub fn advance(&mut self, lsn: u64, mark: Mark, message: MessageType) {
        if lsn != self.lsn || self.message == Some(MessageType::Begin) {
            self.java = Some(self.here());
        }
        (self.lsn, self.processed, self.mark, self.message) = (lsn, Some(lsn), Some(mark), Some(message));
    }

    fn here(&self) -> JavaPlace {
        JavaPlace { lsn: self.lsn, processed: self.processed, message: self.message }
    }

    /// What the database may be told is durable once this position is stored: the end of the last commit, or log that
    /// held nothing since.
    pub fn confirmable(&self) -> Option<u64> {
        self.commit.or(self.processed).max(self.idle)
    }

    /// Where the server is asked to start: it sends every transaction whose commit record lies at or past this. Within
    /// a transaction an event's own LSN may lie before the commit of an earlier one, hence the greater of both.
    pub fn start(&self) -> u64 {
        self.lsn.max(self.commit.unwrap_or(0)).max(self.idle.unwrap_or(0))
    }
}

impl ToOffset for Position {
    /// The order is the one in which Java's hash map writes these keys, ours after them.
    fn to_offset(&self) -> OffsetMap {
        let mut map = OffsetMap::default();
        let java = self.java.unwrap_or_else(|| self.here());
        // before the first streamed event Debezium stores neither, and neither do we: `source.sequence` shows it
        let streamed = self.message.is_some();
        // between transactions what the slot was told may lie past the last event: Debezium refuses a slot that begins
        // after `lsn_proc` (`PostgresConnection.validateLogPosition`)
        let idle = self.idle.filter(|_| java.message == Some(MessageType::Commit)).map(idle_for_java);
        if let Some(processed) = java.processed.max(idle).filter(|_| streamed) {
            map.set("lsn_proc", processed as i64);
        }
        if let Some(kind) = java.message {
            map.set("messageType", kind.as_str());
        }
        if let Some(commit) = self.commit.filter(|_| streamed) {
            map.set("lsn_commit", commit as i64);
        }
        map.set("lsn", java.lsn as i64);
        if let Some(xid) = self.xid {
            map.set("txId", xid);
        }
        if let Some(micros) = self.micros {
            map.set("ts_usec", micros);
        }
        if let Some(xmin) = self.xmin {
            map.set("xmin", xmin);
        }
        if let Some(Snapshot { kind, last }) = self.snapshot {
            map.set("snapshot", kind);
            map.set("last_snapshot_record", last);
            map.set("snapshot_completed", false);
        }
        self.own_keys(java.lsn, &mut map);
        map
    }
}

impl Position {
    fn own_keys(&self, lsn: u64, map: &mut OffsetMap) {
        let own = [
            ("rowtide_tx", self.mark.map(|mark| mark.transaction)),
            ("rowtide_event", self.mark.map(|mark| mark.event)),
            ("rowtide_idle", self.idle),
            ("rowtide_system", self.system),
        ];
        if own.iter().all(|(_, value)| value.is_none()) {
            return;
        }
        map.set("rowtide_lsn", lsn as i64);
        for (key, value) in own {
            if let Some(value) = value {
                map.set(key, value as i64);
            }
        }
    }
}

/// Log without events as Debezium is to take it for processed. Its last byte and not its end, where the next event may
/// begin: Debezium skips the event whose LSN it finds stored.
fn idle_for_java(idle: u64) -> u64 {
    idle.saturating_sub(1)
}

/// PostgreSQL's way to write an LSN: two hexadecimal halves.
pub fn lsn_text(lsn: u64) -> String {
    format!("{:X}/{:X}", lsn >> 32, lsn & 0xFFFF_FFFF)
}

/// Reads an LSN as PostgreSQL writes it.
pub fn parse_lsn(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    let (high, low) = (u32::from_str_radix(high, 16).ok()?, u32::from_str_radix(low, 16).ok()?);
    Some(u64::from(high) << 32 | u64::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streamed() -> Position {
        Position {
            lsn: 120,
            processed: Some(120),
            commit: Some(100),
            xid: Some(7),
            micros: Some(1),
            message: Some(MessageType::Insert),
            mark: Some(Mark { transaction: 200, event: 3 }),
            system: Some(u64::MAX - 1),
            ..Position::default()
        }
    }

    #[test]
    fn what_is_stored_is_read_back() {
        let idle = Position { message: Some(MessageType::Commit), idle: Some(900), ..streamed() };
        let snapshot =
            Position { lsn: 5, xid: Some(3), micros: Some(2), snapshot: Some(Snapshot::INITIAL), ..Position::default() };
        for position in [streamed(), idle, snapshot] {
            assert_eq!(Position::read(&position.to_offset()), Some(position));
        }
    }

    #[test]
    fn between_transactions_java_is_told_of_log_without_events_and_amid_one_it_is_not() {
        let mut position = Position { message: Some(MessageType::Commit), idle: Some(900), ..streamed() };
        assert_eq!(position.to_offset().int("lsn_proc"), Some(899));
        assert_eq!(position.to_offset().int("lsn_commit"), Some(100));
        position.advance(130, Mark { transaction: 1000, event: 1 }, MessageType::Insert);
        position.advance(140, Mark { transaction: 1000, event: 2 }, MessageType::Insert);
        assert_eq!(position.to_offset().int("lsn_proc"), Some(130));
    }

    #[test]
    fn amid_a_transaction_java_is_sent_back_to_the_last_event_with_another_lsn() {
        let begin = MessageType::Begin;
        let mut position =
            Position { lsn: 120, message: Some(begin), processed: Some(90), commit: Some(100), ..Position::default() };
        let mut stored = |lsn, event| {
            position.advance(lsn, Mark { transaction: 200, event }, MessageType::Insert);
            let offset = position.to_offset();
            assert_eq!(Position::read(&offset).unwrap().mark, Some(Mark { transaction: 200, event }));
            (offset.int("lsn").unwrap(), offset.int("lsn_proc").unwrap(), offset.string("messageType").unwrap().to_owned())
        };
        // BEGIN and the first event have one LSN
        assert_eq!(stored(120, 1), (120, 90, "BEGIN".into()));
        assert_eq!(stored(120, 2), (120, 90, "BEGIN".into()));
        assert_eq!(stored(130, 3), (120, 120, "INSERT".into()));
        assert_eq!(stored(130, 4), (120, 120, "INSERT".into()));
    }

    #[test]
    fn amid_a_transaction_that_was_long_open_what_the_slot_was_told_is_not_forgotten() {
        let mut position =
            Position { lsn: 90, message: Some(MessageType::Commit), commit: Some(90), idle: Some(900), ..Position::default() };
        position.lsn = 120;
        position.advance(130, Mark { transaction: 1000, event: 1 }, MessageType::Insert);
        let stored = Position::read(&position.to_offset()).unwrap();
        assert_eq!((stored.confirmable(), stored.start()), (Some(900), 900));
    }

    #[test]
    fn our_keys_are_void_once_another_worker_went_on() {
        let mut offset = streamed().to_offset();
        offset.set("lsn", 121_i64);
        let read = Position::read(&offset).unwrap();
        assert_eq!((read.mark, read.system, read.idle), (None, None, None));
        assert_eq!((read.lsn, read.commit), (121, Some(100)));
    }

    #[test]
    fn keys_stand_in_the_order_in_which_java_writes_them() {
        let names: Vec<_> = streamed().to_offset().0.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(names[..6], ["lsn_proc", "messageType", "lsn_commit", "lsn", "txId", "ts_usec"]);
    }

    #[test]
    fn an_interrupted_snapshot_is_seen_and_a_completed_one_is_not() {
        let mut offset = Position { lsn: 5, snapshot: Some(Snapshot::INITIAL), ..Position::default() }.to_offset();
        assert_eq!(Position::read(&offset).unwrap().snapshot, Some(Snapshot::INITIAL));
        offset.set("snapshot_completed", true);
        assert_eq!(Position::read(&offset).unwrap().snapshot, None);
        let mut old = OffsetMap::default();
        old.set("lsn", 5_i64);
        old.set("snapshot", true);
        assert_eq!(Position::read(&old).unwrap().snapshot, Some(Snapshot::INITIAL));
    }

    #[test]
    fn lsn_text_goes_both_ways() {
        assert_eq!(lsn_text(0x16_B374_D848), "16/B374D848");
        assert_eq!(parse_lsn("16/B374D848"), Some(0x16_B374_D848));
        assert_eq!(parse_lsn("16"), None);
    }
}
