//! The ledger of a snapshot: which parts of which tables are durable, so that after a crash only the others are read
//! again.
//!
//! It is stored under a source partition of its own, as one text. How a table is split belongs to the source, which also
//! says by `identity` whether the parts still mean the same; when a part is durable, to the runtime.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use rowtide_api::{OffsetMap, SourcePartition, ToOffset};
use serde_json::{Value, json};

use crate::table::TableId;

/// The key of the partition that tells it from the log's own.
const PARTITION: &str = "rowtide";
/// The key of the text.
const TEXT: &str = "ledger";

/// Chunks of a ledger that is read: a text that somebody damaged must not ask for more memory than these. Chunks of 64 MB have
/// as many in 64 TB.
const MOST_CHUNKS: usize = 1 << 20;

/// How a table is split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Split {
    /// not at all
    Whole,
    /// by the blocks of its file: `each` of them a chunk, the last one without end
    Blocks {
        /// the table's blocks when it was split
        blocks: u64,
        /// blocks of a chunk
        each: u64,
    },
    /// by values of a column of its key: a chunk before each bound, and one without end
    Keys {
        /// the column
        column: String,
        /// its type, as the database writes it
        kind: String,
        /// values in the order of the type
        bounds: Vec<String>,
    },
}

impl Split {
    /// How many chunks.
    pub fn chunks(&self) -> usize {
        match self {
            Split::Whole => 1,
            Split::Blocks { blocks, each } => usize::try_from(blocks.div_ceil((*each).max(1))).unwrap_or(usize::MAX).max(1),
            Split::Keys { bounds, .. } => bounds.len() + 1,
        }
    }
}

/// A table that is not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTable {
    /// the table
    pub table: TableId,
    /// what the chunks are of; when the table's differs, they mean nothing. None: chunks of several rounds do not
    /// complete each other
    pub identity: Option<String>,
    /// its chunks
    pub split: Split,
    /// those that are done
    pub done: BTreeSet<usize>,
}

impl OpenTable {
    /// Whether all of it is read.
    pub fn is_complete(&self) -> bool {
        self.done.len() >= self.split.chunks()
    }
}

/// Which parts of a snapshot are done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// position of the snapshot that was read from last, for whoever looks at it
    pub round: String,
    /// the blocking snapshot that it is of; none: the initial one
    pub blocking: Option<String>,
    /// tables that are wholly read
    pub finished: Vec<TableId>,
    /// tables that are partly read
    pub open: Vec<OpenTable>,
}

impl Ledger {
    /// The partition that the ledger of a log is stored under.
    pub fn partition(log: &SourcePartition) -> Arc<SourcePartition> {
        let mut map = log.map.clone();
        map.set(PARTITION, "snapshot");
        Arc::new(SourcePartition { index: log.index, map })
    }

    /// Whether ledgers are stored under this partition.
    pub fn is_partition(map: &OffsetMap) -> bool {
        map.get(PARTITION).is_some()
    }

    /// Reads a stored one. None: it is no ledger that this version wrote.
    pub fn read(offset: &OffsetMap) -> Option<Self> {
        let value: Value = serde_json::from_str(offset.string(TEXT)?).ok()?;
        let list = |name: &str| value.get(name)?.as_array();
        let mut left = MOST_CHUNKS;
        Some(Self {
            round: value.get("round")?.as_str()?.to_owned(),
            blocking: value.get("blocking").and_then(Value::as_str).map(str::to_owned),
            finished: list("finished")?.iter().map(table_of).collect::<Option<_>>()?,
            open: list("open")?.iter().map(|open| open_of(open, &mut left)).collect::<Option<_>>()?,
        })
    }

    fn text(&self) -> String {
        let open: Vec<Value> = self.open.iter().filter_map(open_json).collect();
        let finished: Vec<Value> = self.finished.iter().map(table_json).collect();
        let mut text = json!({ "round": self.round, "finished": finished, "open": open });
        if let Some(blocking) = &self.blocking {
            text["blocking"] = blocking.as_str().into();
        }
        text.to_string()
    }
}

fn table_json(table: &TableId) -> Value {
    json!([table.catalog.as_deref(), table.schema.as_deref(), &*table.table])
}

fn table_of(value: &Value) -> Option<TableId> {
    let part = |index: usize| value.get(index)?.as_str().map(Arc::from);
    Some(TableId { catalog: part(0), schema: part(1), table: part(2)? })
}

/// None: another round could not go on with it.
fn open_json(open: &OpenTable) -> Option<Value> {
    let split = match &open.split {
        Split::Whole => json!({}),
        Split::Blocks { blocks, each } => json!({ "blocks": blocks, "each": each }),
        Split::Keys { column, kind, bounds } => json!({ "column": column, "type": kind, "bounds": bounds }),
    };
    let identity = open.identity.as_ref()?;
    Some(json!({ "table": table_json(&open.table), "identity": identity, "split": split, "done": ranges(&open.done) }))
}

/// `left`: how many chunks it may have.
fn open_of(value: &Value, left: &mut usize) -> Option<OpenTable> {
    let split = value.get("split")?;
    let text = |name: &str| split.get(name)?.as_str().map(str::to_owned);
    let split = match (split.get("blocks"), split.get("bounds")) {
        (Some(blocks), _) => Split::Blocks { blocks: blocks.as_u64()?, each: split.get("each")?.as_u64()? },
        (None, Some(bounds)) => {
            let bounds = bounds.as_array()?.iter().map(|bound| bound.as_str().map(str::to_owned)).collect::<Option<_>>()?;
            Split::Keys { column: text("column")?, kind: text("type")?, bounds }
        }
        (None, None) => Split::Whole,
    };
    let chunks = split.chunks();
    *left = left.checked_sub(chunks)?;
    let mut done = BTreeSet::new();
    for range in value.get("done")?.as_array()? {
        let end = |index: usize| usize::try_from(range.get(index)?.as_u64()?).ok();
        let (first, last) = (end(0)?, end(1)?);
        if done.last().is_some_and(|before| first <= *before) {
            return None;
        }
        done.extend((first..=last).take_while(|chunk| *chunk < chunks));
    }
    let identity = Some(value.get("identity")?.as_str()?.to_owned());
    Some(OpenTable { table: table_of(value.get("table")?)?, identity, split, done })
}

/// Runs of numbers as pairs of the first and the last.
fn ranges(numbers: &BTreeSet<usize>) -> Vec<[usize; 2]> {
    let mut ranges: Vec<[usize; 2]> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some([_, last]) if *last + 1 == *number => *last = *number,
            _ => ranges.push([*number, *number]),
        }
    }
    ranges
}

/// The ledger of one round as it is written: what was done before it, and a journal of what got done since. Positions
/// point into the journal, so that one costs nothing until it is stored.
#[derive(Debug)]
pub struct LedgerBook {
    /// what was done before, but for the tables that are read
    before: Ledger,
    tables: Vec<OpenTable>,
    journal: Mutex<Vec<(usize, usize)>>,
}

impl LedgerBook {
    /// Of a round that reads the rest of `tables`, where others are done `before`.
    pub fn new(before: Ledger, tables: Vec<OpenTable>) -> Arc<Self> {
        Arc::new(Self { before, tables, journal: Mutex::default() })
    }

    /// What was done before the round: tables that are wholly read, and those that it reads the rest of.
    pub fn before(&self) -> (&[TableId], &[OpenTable]) {
        (&self.before.finished, &self.tables)
    }

    /// The position of what was done before the round.
    pub fn start(self: &Arc<Self>) -> LedgerPosition {
        LedgerPosition { book: self.clone(), entries: 0 }
    }

    /// Writes down that a chunk is done.
    pub fn done(self: &Arc<Self>, table: usize, chunk: usize) -> LedgerPosition {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.push((table, chunk));
        LedgerPosition { book: self.clone(), entries: journal.len() }
    }

    /// What is done by now, durable or not.
    pub fn ledger(&self) -> Ledger {
        self.ledger_of(usize::MAX)
    }

    fn ledger_of(&self, entries: usize) -> Ledger {
        let mut tables = self.tables.clone();
        for (table, chunk) in self.journal.lock().unwrap_or_else(PoisonError::into_inner).iter().take(entries) {
            tables[*table].done.insert(*chunk);
        }
        let mut finished = self.before.finished.clone();
        let (complete, open): (Vec<_>, Vec<_>) = tables.into_iter().partition(OpenTable::is_complete);
        finished.extend(complete.into_iter().map(|open| open.table));
        // who has nothing done begins anew, whatever the plan was
        let open = open.into_iter().filter(|open| !open.done.is_empty()).collect();
        Ledger { finished, open, ..self.before.clone() }
    }

    /// Whether every table is wholly read.
    pub fn is_complete(&self) -> bool {
        let finished: HashSet<TableId> = self.ledger().finished.into_iter().collect();
        self.tables.iter().all(|open| finished.contains(&open.table))
    }
}

/// A place in a ledger's journal.
#[derive(Debug)]
pub struct LedgerPosition {
    book: Arc<LedgerBook>,
    entries: usize,
}

impl ToOffset for LedgerPosition {
    fn to_offset(&self) -> OffsetMap {
        let mut offset = OffsetMap::default();
        offset.set(TEXT, self.book.ledger_of(self.entries).text().as_str());
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stored(ledger: &Ledger) -> OffsetMap {
        let mut offset = OffsetMap::default();
        offset.set(TEXT, ledger.text().as_str());
        offset
    }

    fn table(name: &str) -> TableId {
        TableId::in_schema("public", name)
    }

    fn any_table() -> impl Strategy<Value = TableId> {
        let part = || "[a-z\".\\\\é]{0,6}".prop_map(Arc::<str>::from);
        (prop::option::of(part()), prop::option::of(part()), part()).prop_map(|(catalog, schema, table)| TableId {
            catalog,
            schema,
            table,
        })
    }

    fn any_open() -> impl Strategy<Value = OpenTable> {
        let split = prop_oneof![
            Just(Split::Whole),
            (0..500u64, 1..20u64).prop_map(|(blocks, each)| Split::Blocks { blocks, each }),
            (".{0,5}", ".{0,5}", prop::collection::vec(".{0,5}", 0..9)).prop_map(|(column, kind, bounds)| Split::Keys {
                column,
                kind,
                bounds
            }),
        ];
        (
            any_table(),
            ".{0,9}",
            split,
            prop::collection::btree_set(any::<prop::sample::Index>().prop_map(|i| i.index(500)), 0..20),
        )
            .prop_map(|(table, identity, split, done)| {
                let done = done.into_iter().filter(|chunk| *chunk < split.chunks()).collect();
                OpenTable { table, identity: Some(identity), split, done }
            })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            round in ".{0,9}",
            blocking in prop::option::of(".{0,9}"),
            finished in prop::collection::vec(any_table(), 0..5),
            open in prop::collection::vec(any_open(), 0..5),
        ) {
            let ledger = Ledger { round, blocking, finished, open };
            prop_assert_eq!(Ledger::read(&stored(&ledger)), Some(ledger));
        }

        #[test]
        fn no_text_is_a_panic(text in ".{0,80}") {
            let mut offset = OffsetMap::default();
            offset.set(TEXT, text.as_str());
            let _ = Ledger::read(&offset);
        }

        #[test]
        fn a_damaged_text_names_no_chunks_that_are_not_there(
            open in prop::collection::vec(any_open(), 1..5),
            at in any::<prop::sample::Index>(),
            damage in "[0-9\\[\\],{}\":a]{1,12}",
        ) {
            let mut text: Vec<char> = Ledger { open, ..Ledger::default() }.text().chars().collect();
            let at = at.index(text.len());
            let end = (at + damage.len() / 2).min(text.len());
            text.splice(at..end, damage.chars());
            let mut offset = OffsetMap::default();
            offset.set(TEXT, text.into_iter().collect::<String>().as_str());
            let read = Ledger::read(&offset).map(|ledger| ledger.open).unwrap_or_default();
            prop_assert!(read.iter().map(|open| open.split.chunks()).sum::<usize>() <= MOST_CHUNKS);
            prop_assert!(read.iter().all(|open| open.done.iter().all(|chunk| *chunk < open.split.chunks())));
        }
    }

    #[test]
    fn a_position_knows_what_was_done_before_it_and_no_more() {
        let blocks = Split::Blocks { blocks: 30, each: 10 };
        let open = |name: &str, identity: Option<&str>| OpenTable {
            table: table(name),
            identity: identity.map(str::to_owned),
            split: blocks.clone(),
            done: BTreeSet::new(),
        };
        let before = Ledger { finished: vec![table("z")], ..Ledger::default() };
        let book = LedgerBook::new(before, vec![open("a", Some("7")), open("b", Some("8")), open("c", None)]);
        let at = [book.start(), book.done(0, 0), book.done(0, 2), book.done(2, 1), book.done(0, 1)];
        let read: Vec<Ledger> = at.iter().map(|at| Ledger::read(&at.to_offset()).unwrap()).collect();
        assert_eq!((read[0].finished.clone(), read[0].open.len()), (vec![table("z")], 0));
        assert_eq!(read[2].open[0].done, BTreeSet::from([0, 2]));
        assert_eq!(read[3].open.len(), 1, "chunks that no other round can go on with are not stored");
        assert_eq!((read[4].finished.clone(), read[4].open.len()), (vec![table("z"), table("a")], 0));
        assert!(!book.is_complete());
    }

    #[test]
    fn a_changed_text_asks_for_no_memory() {
        let text = r#"{"round":"","finished":[],"open":[{"table":[null,"s","t"],"identity":"","split":{"blocks":20,"each":10},"done":[[0,18446744073709551615]]}]}"#;
        let mut offset = OffsetMap::default();
        offset.set(TEXT, text);
        assert_eq!(Ledger::read(&offset).unwrap().open[0].done, BTreeSet::from([0, 1]));
        for (sane, damaged) in [("20", "18446744073709551615"), ("[[0,", "[[0,1],[0,")] {
            assert!(text.contains(sane));
            offset.set(TEXT, text.replacen(sane, damaged, 1).as_str());
            assert_eq!(Ledger::read(&offset), None, "{damaged}");
        }
    }
}
