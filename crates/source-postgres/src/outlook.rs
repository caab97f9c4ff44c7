//! What a stored offset is worth against the server, for whoever wants to put one in another's place.
//!
//! The verdicts are those of a task's start (`slot::gap`, `database::check_system`); here stands what follows from them, in
//! words. Nothing on the server is changed.

use std::cmp::Ordering;

use jiff::Timestamp;
use rowtide_api::{Error, Loss, OffsetMap, Outlook, Result, ToOffset};
use rowtide_cdc::ledger::Ledger;

use crate::config::PostgresConfig;
use crate::database::check_system;
use crate::errors::explain;
use crate::position::{MessageType, Position, lsn_text, parse_lsn};
use crate::session;
use crate::slot::{self, Gap, SlotState};

/// How what is lost comes back: no log holds it any more, but tables and topics do.
const REREAD: &str = "what the tables hold now comes by a snapshot: a signal for the tables concerned (execute-snapshot), or for all of them \
     snapshot.mode=when_needed, or reset offsets (DELETE /connectors/{name}/offsets). Consumers that need old records again find them in \
     the topic: it is their own offsets that go back";

/// What the server says.
struct Server {
    system: u64,
    /// up to where the log is written
    end: u64,
    slot: Option<SlotState>,
}

/// Holds an offset against the server.
pub async fn of(
    config: &PostgresConfig,
    partition: &OffsetMap,
    offset: &OffsetMap,
    present: Option<&OffsetMap>,
) -> Result<Outlook> {
    let wanted = read(offset)?;
    let server = ask(config).await?;
    let mut outlook = hold(config, &server, &wanted, present.and_then(Position::read).as_ref());
    if *partition != own_partition(config) {
        let what = format!(
            "the offset is stored under server={}, but topic.prefix is {}: a task would not find it and begin anew",
            partition.string("server").unwrap_or("?"),
            config.prefix
        );
        let remedy = "set topic.prefix to what it was, or choose an offset of this connector".to_owned();
        outlook.losses.push(Loss { what, remedy });
    }
    Ok(outlook)
}

async fn ask(config: &PostgresConfig) -> Result<Server> {
    let mut sql = session::open(config, session::VALIDATION).await?;
    let slot = slot::state(&mut sql, config).await?;
    let identified = session::open_replication(config).await?.identify_system().await;
    let identified = identified.map_err(|error| explain("IDENTIFY_SYSTEM", error))?;
    Ok(Server { system: identified.system_id, end: identified.xlog_pos, slot })
}

fn hold(config: &PostgresConfig, server: &Server, wanted: &Position, present: Option<&Position>) -> Outlook {
    let slot = server.slot.as_ref();
    let mut losses = Vec::new();
    let mut lose = |what: String, remedy: &str| losses.push(Loss { what, remedy: remedy.to_owned() });
    if let Err(other) = check_system(wanted, server.system, config) {
        lose(other.message().to_owned(), other.remedy_text().unwrap_or_default());
    } else if wanted.start() > server.end {
        lose(
            format!(
                "the server's log ends at {}, before the offset {}: the server was restored to an earlier moment, or is another one; what it \
                 writes up to there would be skipped",
                lsn_text(server.end),
                lsn_text(wanted.start())
            ),
            "choose an offset of this server from before that moment, or reset offsets and take a new snapshot",
        );
    } else if let Some(gap) = slot::gap(wanted, slot) {
        let (what, remedy) = lost(config, &gap, wanted, server);
        lose(what, &remedy);
    }
    let mut notes = Vec::new();
    if let Some(present) = present {
        let (from, to) = (wanted.start(), present.start());
        let between = format!("{} and {}, {} of log", lsn_text(from), lsn_text(to), bytes(from.abs_diff(to)));
        match order(wanted, present) {
            Ordering::Less => notes.push(format!("changes between {between}, are sent again")),
            Ordering::Greater => lose(
                format!("the offset lies past the present one: changes between {between}, would never be sent"),
                "keep the present offset; it needs no restoring",
            ),
            Ordering::Equal => {}
        }
    }
    if wanted.snapshot.is_some() {
        notes.push("a snapshot was under way: it is read on, or begins anew where a part of it is lost".to_owned());
    }
    let reader = slot.and_then(|slot| slot.active_pid);
    Outlook {
        place: lsn_text(wanted.start()),
        earliest: slot.filter(|slot| !slot.is_lost()).and_then(|slot| slot.confirmed_flush.or(slot.restart_lsn)).map(lsn_text),
        losses,
        notes,
        reader: reader.map(|pid| format!("the server's process {pid} sends from the replication slot '{}'", config.slot)),
    }
}

/// Amid a transaction only the marks tell.
fn order(wanted: &Position, present: &Position) -> Ordering {
    match (wanted.mark, present.mark) {
        (Some(wanted), Some(present)) => wanted.cmp(&present),
        _ => wanted.start().cmp(&present.start()),
    }
}

/// What is missing, as far as it can be told, and what can be done.
fn lost(config: &PostgresConfig, gap: &Gap, wanted: &Position, server: &Server) -> (String, String) {
    let since = wanted.micros.and_then(moment).map(|at| format!(" (committed {at})")).unwrap_or_default();
    let name = &config.slot;
    match gap {
        // unlike at a start, that is to be expected: the connector itself went on after the backup
        Gap::MovedOn { to, from } => (
            format!(
                "the replication slot '{name}' has moved on to {to}, past the offset {from}{since}, and never goes back: it cannot send the {} of \
                 log in between",
                bytes(to - from),
                to = lsn_text(*to),
                from = lsn_text(*from),
            ),
            match wanted.snapshot {
                // its rows belong to the place that is lost
                Some(_) => REREAD.to_owned(),
                None => format!(
                    "what the slot was told had been stored before. So if only this connector has read it or moved it on since, and it was not made \
                     anew, nothing is missing from the slot's own place on: go on there, with --to-position {}. Otherwise {REREAD}",
                    lsn_text(*to)
                ),
            },
        ),
        Gap::NoSlot | Gap::Invalidated => {
            let (from, so_far) = (wanted.start(), bytes(server.end.saturating_sub(wanted.start())));
            (
                format!(
                    "{}. Lost: {so_far} of log so far, from {}{since} on, and every change until there is a new slot",
                    gap.evidence(name),
                    lsn_text(from)
                ),
                REREAD.to_owned(),
            )
        }
    }
}

/// An offset's place in words.
pub fn place(offset: &OffsetMap) -> Option<String> {
    let position = Position::read(offset)?;
    let at = position.micros.and_then(moment).map(|at| format!(", last change committed {at}")).unwrap_or_default();
    let amid = if position.snapshot.is_some() { ", amid a snapshot" } else { "" };
    Some(format!("{}{at}{amid}", lsn_text(position.start())))
}

/// The offset from which every transaction comes that commits at or after an LSN. What else is in the stored one (signals,
/// snapshots beside the stream) stays.
pub fn offset_at(config: &PostgresConfig, stored: &[(OffsetMap, OffsetMap)], place: &str) -> Result<(OffsetMap, OffsetMap)> {
    let lsn = parse_lsn(place).or_else(|| place.parse().ok()).filter(|lsn| *lsn > 0).ok_or_else(|| {
        Error::configuration(format!("'{place}' is no place in PostgreSQL's log"))
            .remedy("write an LSN as pg_replication_slots shows it, such as 0/16B3748, or its number as offsets hold it")
    })?;
    let own = own_partition(config);
    let mut logs = stored.iter().filter(|(partition, _)| !Ledger::is_partition(partition));
    let (partition, mut offset) = logs.find(|(partition, _)| *partition == own).cloned().unwrap_or((own, OffsetMap::default()));
    let known = Position::read(&offset).unwrap_or_default();
    if known.snapshot.is_some() {
        return Err(Error::configuration("a snapshot is under way: its rows belong to the place that is stored")
            .remedy("let it end first, or reset offsets and take a new one"));
    }
    offset.0.retain(|(key, _)| !OF_THE_EVENT.contains(&&**key));
    let at = Position {
        lsn,
        processed: Some(lsn),
        commit: Some(lsn),
        message: Some(MessageType::Commit),
        system: known.system,
        ..Position::default()
    };
    for (key, value) in at.to_offset().0 {
        offset.set(key, value);
    }
    Ok((partition, offset))
}

/// Keys that say what the last event was; the others of a position are set anew.
const OF_THE_EVENT: &[&str] = &[
    "txId",
    "ts_usec",
    "xmin",
    "snapshot",
    "last_snapshot_record",
    "snapshot_completed",
    "rowtide_tx",
    "rowtide_event",
    "rowtide_idle",
];

fn read(offset: &OffsetMap) -> Result<Position> {
    Position::read(offset).ok_or_else(|| Error::data("an offset of the PostgreSQL connector needs the whole number 'lsn'"))
}

fn own_partition(config: &PostgresConfig) -> OffsetMap {
    let mut partition = OffsetMap::default();
    partition.set("server", config.prefix.as_str());
    partition
}

fn moment(micros: i64) -> Option<String> {
    Timestamp::from_microsecond(micros).ok().map(|at| format!("{at:.0}"))
}

fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} bytes"),
        10_000..10_000_000 => format!("{} kB", count / 1000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::Mark;

    fn config() -> PostgresConfig {
        let props = [("topic.prefix", "p"), ("database.hostname", "h"), ("database.user", "u"), ("database.dbname", "d")];
        PostgresConfig::read(&crate::options::postgres_config_def().read(&props.into_iter().collect())).unwrap()
    }

    fn server(confirmed: u64) -> Server {
        let slot = SlotState {
            active_pid: None,
            restart_lsn: Some(1),
            confirmed_flush: Some(confirmed),
            wal_status: Some("reserved".into()),
        };
        Server { system: 7, end: 5000, slot: Some(slot) }
    }

    fn at(lsn: u64) -> Position {
        let message = Some(MessageType::Commit);
        Position {
            lsn,
            processed: Some(lsn),
            commit: Some(lsn),
            micros: Some(1_700_000_000_000_000),
            message,
            ..Position::default()
        }
    }

    fn losses(server: &Server, wanted: &Position, present: Option<&Position>) -> Vec<String> {
        hold(&config(), server, wanted, present).losses.into_iter().map(|loss| loss.what).collect()
    }

    #[test]
    fn a_place_that_the_slot_still_has_loses_nothing_and_says_what_comes_again() {
        let outlook = hold(&config(), &server(100), &at(100), Some(&at(400)));
        assert_eq!(outlook.losses, []);
        assert_eq!(outlook.notes, ["changes between 0/64 and 0/190, 300 bytes of log, are sent again"]);
        assert_eq!((outlook.place.as_str(), outlook.earliest.as_deref()), ("0/64", Some("0/64")));
    }

    #[test]
    fn what_would_be_lost_is_said() {
        let moved = losses(&server(400), &at(100), None);
        assert!(moved[0].contains("moved on to 0/190, past the offset 0/64 (committed 2023-11-14T22:13:20Z)"), "{moved:?}");
        assert!(moved[0].contains("the 300 bytes of log in between"), "{moved:?}");
        let amid = Position { snapshot: Some(crate::position::Snapshot::INITIAL), ..at(100) };
        let remedy = |wanted: &Position| hold(&config(), &server(400), wanted, None).losses.remove(0).remedy;
        assert!(remedy(&at(100)).contains("--to-position 0/190") && !remedy(&amid).contains("--to-position"));
        let gone = losses(&Server { slot: None, ..server(0) }, &at(100), None);
        assert!(gone[0].contains("does not exist") && gone[0].contains("4900 bytes of log so far"), "{gone:?}");
        let beyond = losses(&server(100), &at(6000), None);
        assert!(beyond[0].contains("log ends at 0/1388, before the offset 0/1770"), "{beyond:?}");
        let skipped = losses(&server(100), &at(400), Some(&at(100)));
        assert!(skipped[0].contains("would never be sent"), "{skipped:?}");
        let amid = |event| Position { mark: Some(Mark { transaction: 400, event }), ..at(200) };
        assert_eq!(losses(&server(100), &amid(2), Some(&amid(2))), [""; 0]);
        assert!(losses(&server(100), &amid(2), Some(&amid(1)))[0].contains("would never be sent"));
        let other = losses(&server(100), &Position { system: Some(8), ..at(100) }, None);
        assert!(other[0].contains("system identifier is 7"), "{other:?}");
    }

    #[test]
    fn a_strategy_that_trusts_the_slot_makes_no_gap_smaller() {
        let config = PostgresConfig { mismatch: Some(crate::config::MismatchStrategy::TrustSlot), ..config() };
        assert_eq!(hold(&config, &server(400), &at(100), None).losses.len(), 1);
    }

    #[test]
    fn a_named_place_keeps_what_stands_beside_the_position() {
        let mut stored = Position { system: Some(7), xid: Some(3), ..at(400) }.to_offset();
        stored.set("rowtide_signal_offset", 12_i64);
        let stored = [(own_partition(&config()), stored)];
        for place in ["0/64", "100"] {
            let (partition, offset) = offset_at(&config(), &stored, place).unwrap();
            assert_eq!(partition, stored[0].0);
            let read = Position::read(&offset).unwrap();
            assert_eq!((read.start(), read.confirmable(), read.mark, read.xid), (100, Some(100), None, None));
            assert_eq!(read.system, Some(7));
            assert_eq!(offset.int("rowtide_signal_offset"), Some(12));
        }
        assert!(offset_at(&config(), &[], "yesterday").unwrap_err().message().contains("no place in PostgreSQL's log"));
        assert_eq!(offset_at(&config(), &[], "0/64").unwrap().0, stored[0].0);
    }
}
