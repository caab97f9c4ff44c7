//! The bytes that the workers of a group hand each other in JoinGroup and SyncGroup, both directions. Pure.
//!
//! Layouts: `ConnectProtocol` (v0, "default"), KIP-415 (v1, "compatible") and KIP-507 (v2, "sessioned": v1's layout; that
//! it is in force says that requests between workers are signed). Numbers are big-endian, a STRING has an int16 length,
//! an ARRAY an int32 count, BYTES an int32 length with -1 for null. What follows the last known field is left alone,
//! as Java leaves it, so that a later version may add fields.
//!
//! Not here: who gets what (`assignor`), and what a worker does with it (`machine`).

use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;

use super::super::TaskId;

/// The group's `protocol_type`.
pub const PROTOCOL_TYPE: &str = "connect";
/// `ConnectProtocol.Assignment.CONFIG_MISMATCH`: the leader has not read as far in the config topic as a member has.
pub const CONFIG_MISMATCH: i16 = 1;
/// Stands among the tasks of a connector for the connector itself.
const CONNECTOR_ITSELF: i32 = -1;

/// `connect.protocol`: how the group divides its work. In order: each can do what those before it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// everything is given up and dealt again at each rebalance
    Eager,
    /// work stays where it is unless it is revoked
    Compatible,
    /// likewise, and requests between workers are signed
    Sessioned,
}

impl Protocol {
    /// All, the preferred one first.
    pub const ALL: [Protocol; 3] = [Protocol::Sessioned, Protocol::Compatible, Protocol::Eager];

    /// The name under which the group coordinator knows it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Eager => "default",
            Protocol::Compatible => "compatible",
            Protocol::Sessioned => "sessioned",
        }
    }

    /// The version that its bytes begin with.
    pub fn version(self) -> i16 {
        match self {
            Protocol::Eager => 0,
            Protocol::Compatible => 1,
            Protocol::Sessioned => 2,
        }
    }

    /// The protocol that the group coordinator names.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

/// Connectors and tasks, in the order in which they came; none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// connectors themselves
    pub connectors: Vec<String>,
    /// tasks
    pub tasks: Vec<TaskId>,
}

impl Work {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.connectors.is_empty() && self.tasks.is_empty()
    }

    /// Adds what is not there yet.
    pub fn add(&mut self, other: &Work) {
        extend(&mut self.connectors, &other.connectors);
        extend(&mut self.tasks, &other.tasks);
    }

    /// Takes away what `other` has.
    pub fn remove(&mut self, other: &Work) {
        remove(&mut self.connectors, &other.connectors);
        remove(&mut self.tasks, &other.tasks);
    }

    /// What `other` does not have.
    #[must_use]
    pub fn without(&self, other: &Work) -> Work {
        let mut rest = self.clone();
        rest.remove(other);
        rest
    }

    /// What `other` has as well.
    #[must_use]
    pub fn and(&self, other: &Work) -> Work {
        self.without(&self.without(other))
    }

    /// By connector and task.
    #[must_use]
    pub fn sorted(mut self) -> Work {
        self.connectors.sort();
        self.tasks.sort();
        self
    }
}

fn extend<T: Clone + Eq + Hash>(all: &mut Vec<T>, more: &[T]) {
    let known: HashSet<&T> = all.iter().collect();
    let mut seen = HashSet::new();
    let new: Vec<T> = more.iter().filter(|item| !known.contains(item) && seen.insert(*item)).cloned().collect();
    all.extend(new);
}

fn remove<T: Eq + Hash>(all: &mut Vec<T>, gone: &[T]) {
    if !gone.is_empty() {
        let gone: HashSet<&T> = gone.iter().collect();
        all.retain(|item| !gone.contains(item));
    }
}

/// What a worker says of itself when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerState {
    /// its advertised URL
    pub url: String,
    /// how far it has read the config topic: the offset after the last record
    pub offset: i64,
    /// what it has; none with v0, and while it has nothing
    pub allocation: Option<Assignment>,
}

/// What the leader says to a worker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// the protocol's version
    pub version: i16,
    /// 0, or [`CONFIG_MISMATCH`]
    pub error: i16,
    /// the leader's member id
    pub leader: String,
    /// its advertised URL
    pub leader_url: String,
    /// the offset of the config topic that the work was divided by
    pub offset: i64,
    /// v0: all that the worker is to run; else what it is to run beside what it has
    pub assigned: Work,
    /// what it is to give up
    pub revoked: Work,
    /// milliseconds after which everybody joins again; 0: not
    pub delay: i32,
}

/// What is wrong with bytes of this protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// the byte at which it shows
    pub offset: usize,
    /// what was expected there
    pub expected: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.expected, self.offset)
    }
}

impl std::error::Error for Malformed {}

/// What a worker whose `connect.protocol` is `highest` joins with: names and metadata, the preferred one first.
pub fn offer(highest: Protocol, state: &WorkerState) -> Vec<(&'static str, Vec<u8>)> {
    let offered = Protocol::ALL.into_iter().filter(|protocol| *protocol <= highest);
    offered.map(|protocol| (protocol.name(), encode_state(protocol, state))).collect()
}

/// A worker's metadata.
pub fn encode_state(protocol: Protocol, state: &WorkerState) -> Vec<u8> {
    let mut out = protocol.version().to_be_bytes().to_vec();
    string(&mut out, &state.url);
    out.extend_from_slice(&state.offset.to_be_bytes());
    if protocol == Protocol::Eager {
        return out;
    }
    match &state.allocation {
        None => out.extend_from_slice(&(-1i32).to_be_bytes()),
        Some(allocation) => {
            let bytes = encode_assignment(protocol, allocation);
            out.extend_from_slice(&count(bytes.len()));
            out.extend_from_slice(&bytes);
        }
    }
    out
}

/// An assignment; the protocol gives its version.
pub fn encode_assignment(protocol: Protocol, assignment: &Assignment) -> Vec<u8> {
    let mut out = protocol.version().to_be_bytes().to_vec();
    out.extend_from_slice(&assignment.error.to_be_bytes());
    string(&mut out, &assignment.leader);
    string(&mut out, &assignment.leader_url);
    out.extend_from_slice(&assignment.offset.to_be_bytes());
    work(&mut out, &assignment.assigned);
    if protocol != Protocol::Eager {
        work(&mut out, &assignment.revoked);
        out.extend_from_slice(&assignment.delay.to_be_bytes());
    }
    out
}

/// Reads a worker's metadata of any version.
pub fn decode_state(bytes: &[u8]) -> Result<WorkerState, Malformed> {
    let mut reader = Reader { bytes, at: 0 };
    reader.version()?;
    let (url, offset) = (reader.string()?, reader.i64()?);
    let length = if reader.ended() { -1 } else { reader.i32()? };
    let allocation = match usize::try_from(length) {
        Err(_) => None,
        Ok(length) => {
            let start = reader.at;
            let inner = decode_assignment(reader.take(length, "the allocation")?);
            Some(inner.map_err(|error| Malformed { offset: start + error.offset, ..error })?)
        }
    };
    Ok(WorkerState { url, offset, allocation })
}

/// Reads an assignment of any version.
pub fn decode_assignment(bytes: &[u8]) -> Result<Assignment, Malformed> {
    let mut reader = Reader { bytes, at: 0 };
    Ok(Assignment {
        version: reader.version()?,
        error: reader.i16("an error code")?,
        leader: reader.string()?,
        leader_url: reader.string()?,
        offset: reader.i64()?,
        assigned: reader.work()?,
        revoked: reader.work()?,
        delay: if reader.ended() { 0 } else { reader.i32()? },
    })
}

fn count(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}

/// A longer text than the length can say is cut; `fits` keeps such names of connectors out.
fn string(out: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(i16::MAX as usize);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    out.extend_from_slice(&(end as i16).to_be_bytes());
    out.extend_from_slice(&text.as_bytes()[..end]);
}

/// Whether the protocol can carry a connector's name: an int16 says its length. Java's leader stumbles over a longer one
/// at each rebalance.
pub fn fits(name: &str) -> bool {
    name.len() <= i16::MAX as usize
}

/// Connectors first, then tasks, grouped by connector in the order in which each first comes, as Java's `asMap`.
fn work(out: &mut Vec<u8>, work: &Work) {
    let mut groups: Vec<(&str, Vec<i32>)> = Vec::new();
    let itself = work.connectors.iter().map(|connector| (connector.as_str(), CONNECTOR_ITSELF));
    let tasks = work.tasks.iter().filter_map(|id| Some((id.connector.as_str(), i32::try_from(id.task).ok()?)));
    for (connector, task) in itself.chain(tasks).filter(|(connector, _)| fits(connector)) {
        match groups.iter_mut().find(|(name, _)| *name == connector) {
            Some((_, tasks)) => tasks.push(task),
            None => groups.push((connector, vec![task])),
        }
    }
    out.extend_from_slice(&count(groups.len()));
    for (connector, tasks) in groups {
        string(out, connector);
        out.extend_from_slice(&count(tasks.len()));
        for task in tasks {
            out.extend_from_slice(&task.to_be_bytes());
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn ended(&self) -> bool {
        self.at == self.bytes.len()
    }

    fn take(&mut self, length: usize, expected: &'static str) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(Malformed { offset: self.at, expected })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, expected)?);
        Ok(array)
    }

    fn i16(&mut self, expected: &'static str) -> Result<i16, Malformed> {
        self.array(expected).map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Result<i32, Malformed> {
        self.array("an int32").map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, Malformed> {
        self.array("an offset of the config topic").map(i64::from_be_bytes)
    }

    fn version(&mut self) -> Result<i16, Malformed> {
        let expected = "a version that is not negative";
        self.i16(expected).and_then(|version| if version < 0 { Err(Malformed { offset: 0, expected }) } else { Ok(version) })
    }

    fn string(&mut self) -> Result<String, Malformed> {
        let expected = "a string in UTF-8";
        let offset = self.at;
        let length = usize::try_from(self.i16(expected)?).map_err(|_| Malformed { offset, expected })?;
        let text = std::str::from_utf8(self.take(length, expected)?).map_err(|_| Malformed { offset, expected })?;
        Ok(text.to_owned())
    }

    /// A null array and one that is missing at the end say the same.
    fn work(&mut self) -> Result<Work, Malformed> {
        let mut work = Work::default();
        let groups = if self.ended() { 0 } else { self.i32()? };
        for _ in 0..groups {
            let connector = self.string()?;
            let tasks = self.i32()?;
            for _ in 0..tasks {
                let offset = self.at;
                match self.i32()? {
                    CONNECTOR_ITSELF => work.connectors.push(connector.clone()),
                    task => {
                        let task = usize::try_from(task).map_err(|_| Malformed { offset, expected: "a task's number, or -1" })?;
                        work.tasks.push(TaskId { connector: connector.clone(), task });
                    }
                }
            }
        }
        Ok(work)
    }
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
