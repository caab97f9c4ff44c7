//! The group protocol against Java's bytes, and over any bytes.

use proptest::prelude::*;

use super::*;

/// Members of groups of Kafka Connect 4.3.1, as DescribeGroups shows them: three sessioned workers with three connectors,
/// one comes, then is killed, and its work returns after the delay; then one compatible and one eager worker.
const JAVA: &str = include_str!("../../../tests/golden/connect-protocol.txt");

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn recorded(kind: &str) -> Vec<Vec<u8>> {
    JAVA.lines().filter_map(|line| line.strip_prefix(kind)).map(|hex| bytes(hex.trim())).collect()
}

fn protocol(bytes: &[u8]) -> Protocol {
    Protocol::ALL.into_iter().find(|protocol| protocol.version() == i16::from(bytes[1])).unwrap()
}

fn task(connector: &str, task: usize) -> TaskId {
    TaskId { connector: connector.to_owned(), task }
}

#[test]
fn reads_and_writes_what_java_wrote() {
    let mut versions = [0; 3];
    for bytes in recorded("state ") {
        let state = decode_state(&bytes).unwrap();
        assert_eq!(encode_state(protocol(&bytes), &state), bytes);
        versions[usize::from(bytes[1])] += 1;
    }
    assert!(versions.iter().all(|count| *count > 0), "{versions:?}");
    let mut versions = [0; 3];
    for bytes in recorded("assignment ") {
        let assignment = decode_assignment(&bytes).unwrap();
        assert_eq!(assignment.version, protocol(&bytes).version());
        assert_eq!(encode_assignment(protocol(&bytes), &assignment), bytes);
        versions[usize::from(bytes[1])] += 1;
    }
    assert!(versions.iter().all(|count| *count > 0), "{versions:?}");
}

#[test]
fn understands_what_java_wrote() {
    let states: Vec<WorkerState> = recorded("state ").iter().map(|bytes| decode_state(bytes).unwrap()).collect();
    assert_eq!(states[0], WorkerState { url: "http://127.0.0.1:18894/".to_owned(), offset: 1, allocation: None });
    let with_work = states.iter().find(|state| state.offset == 12).unwrap();
    let allocation = with_work.allocation.as_ref().unwrap();
    assert_eq!(allocation.assigned, Work { connectors: vec!["bäät".to_owned()], tasks: vec![task("copy", 0), task("copy", 2)] });
    assert_eq!(allocation.leader_url, "http://127.0.0.1:18893/");

    let assignments: Vec<Assignment> = recorded("assignment ").iter().map(|bytes| decode_assignment(bytes).unwrap()).collect();
    let work = Work { connectors: vec!["beat".to_owned()], tasks: vec![task("beat", 0)] };
    assert!(assignments.iter().any(|assignment| assignment.revoked == work && assignment.assigned.is_empty()));
    assert!(assignments.iter().any(|assignment| assignment.assigned == work));
    assert!(assignments.iter().any(|assignment| assignment.delay == 20_000));
}

/// A worker offers what it can do, the preferred first.
#[test]
fn offers_in_order() {
    let state = WorkerState { url: "http://a/".to_owned(), offset: 3, allocation: None };
    let names = |highest| offer(highest, &state).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(Protocol::Sessioned), ["sessioned", "compatible", "default"]);
    assert_eq!(names(Protocol::Compatible), ["compatible", "default"]);
    assert_eq!(names(Protocol::Eager), ["default"]);
    assert_eq!(offer(Protocol::Eager, &state)[0].1, b"\0\0\0\x09http://a/\0\0\0\0\0\0\0\x03");
}

#[test]
fn says_what_is_wrong() {
    let error = |bytes: &[u8]| decode_assignment(bytes).unwrap_err().to_string();
    assert_eq!(error(&[]), "expected a version that is not negative at byte 0");
    assert_eq!(error(&[0xff, 0xff]), "expected a version that is not negative at byte 0");
    assert_eq!(error(&[0, 1, 0, 0, 0xff, 0xff]), "expected a string in UTF-8 at byte 4");
    let mut no_task = encode_assignment(Protocol::Compatible, &Assignment::default());
    let end = no_task.len() - 8; // of the empty lists, the second, and the delay
    no_task.splice(end - 4.., [0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe]);
    assert!(error(&no_task).starts_with("expected a task's number, or -1"), "{}", error(&no_task));
}

/// Java's leader fails each rebalance over such a name.
#[test]
fn a_name_that_is_too_long_stays_out() {
    let name = "x".repeat(40_000);
    let assigned = Work { connectors: vec![name.clone(), "a".to_owned()], tasks: vec![task(&name, 0), task("a", 0)] };
    let bytes = encode_assignment(Protocol::Eager, &Assignment { assigned, ..Assignment::default() });
    let read = decode_assignment(&bytes).unwrap().assigned;
    assert_eq!(read, Work { connectors: vec!["a".to_owned()], tasks: vec![task("a", 0)] });
}

fn any_work() -> impl Strategy<Value = Work> {
    let names = proptest::collection::btree_set("[a-c]{1,2}|bäät", 0..4);
    let tasks = proptest::collection::btree_set(("[a-c]", 0..5usize), 0..8);
    (names, tasks).prop_map(|(connectors, tasks)| Work {
        connectors: connectors.into_iter().collect(),
        tasks: tasks.into_iter().map(|(connector, number)| task(&connector, number)).collect(),
    })
}

fn any_assignment() -> impl Strategy<Value = Assignment> {
    let texts = (".{0,20}", ".{0,20}");
    (1..3i16, 0..2i16, texts, any::<i64>(), any_work(), any_work(), any::<i32>()).prop_map(
        |(version, error, (leader, leader_url), offset, assigned, revoked, delay)| Assignment {
            version,
            error,
            leader,
            leader_url,
            offset,
            assigned,
            revoked,
            delay,
        },
    )
}

/// Groups of one connector come together in the bytes.
fn sorted(mut assignment: Assignment) -> Assignment {
    assignment.assigned = assignment.assigned.sorted();
    assignment.revoked = assignment.revoked.sorted();
    assignment
}

proptest! {
    #[test]
    fn what_is_written_is_read(assignment in any_assignment(), url in ".{0,20}", offset: i64) {
        let protocol = if assignment.version == 1 { Protocol::Compatible } else { Protocol::Sessioned };
        let read = decode_assignment(&encode_assignment(protocol, &assignment)).unwrap();
        prop_assert_eq!(sorted(read), sorted(assignment.clone()));
        let state = WorkerState { url, offset, allocation: Some(assignment) };
        let read = decode_state(&encode_state(protocol, &state)).unwrap();
        prop_assert_eq!(read.allocation.map(sorted), state.allocation.map(sorted));
    }

    /// Any bytes are read or refused; what is read survives being written again.
    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }

    /// Likewise with bytes that are nearly right.
    #[test]
    fn damaged_bytes(assignment in any_assignment(), at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut bytes = encode_assignment(Protocol::Sessioned, &assignment);
        let place = at.index(bytes.len());
        bytes[place] = byte;
        check(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        check(&bytes);
    }
}

fn check(bytes: &[u8]) {
    if let Ok(state) = decode_state(bytes) {
        let again = decode_state(&encode_state(Protocol::Sessioned, &state)).unwrap();
        assert_eq!((again.url, again.offset), (state.url, state.offset));
    }
    if let Ok(assignment) = decode_assignment(bytes) {
        let again = decode_assignment(&encode_assignment(Protocol::Sessioned, &assignment)).unwrap();
        assert_eq!(sorted(again), sorted(Assignment { version: 2, ..assignment }));
    }
}
