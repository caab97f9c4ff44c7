//! Whatever comes in comes out again in order, within both budgets.

use proptest::prelude::*;

use super::*;

fn spill(memory: usize, disk: u64) -> (Spill, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (Spill::new(Limits { memory, disk, directory: directory.path().to_owned() }), directory)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

async fn all(mut read: ReadBack) -> Vec<(u64, Vec<u8>)> {
    let mut messages = Vec::new();
    while let Some((lsn, message)) = read.next().await.unwrap() {
        messages.push((lsn, message.to_vec()));
    }
    messages
}

#[derive(Clone, Debug)]
enum Step {
    Append(u32, Vec<u8>),
    Discard(u32),
    ReadBack(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0..4u32, 0..600usize, any::<u8>()).prop_map(|(xid, length, byte)| Step::Append(xid, vec![byte; length])),
        1 => (0..4u32).prop_map(Step::Discard),
        1 => (0..4u32).prop_map(Step::ReadBack),
    ]
}

proptest! {
    #[test]
    fn each_transaction_reads_back_as_it_came(memory in 0..3000usize, steps in prop::collection::vec(step(), 0..120)) {
        block_on(async {
            let (mut spill, directory) = spill(memory, u64::MAX);
            let mut model: HashMap<u32, Vec<(u64, Vec<u8>)>> = HashMap::new();
            for (lsn, step) in (0..).zip(steps) {
                match step {
                    Step::Append(xid, message) => {
                        spill.append(xid, lsn, &message).await.unwrap();
                        model.entry(xid).or_default().push((lsn, message));
                    }
                    Step::Discard(xid) => {
                        spill.discard(xid);
                        model.remove(&xid);
                    }
                    Step::ReadBack(xid) => {
                        let read = spill.read_back(xid).await.unwrap();
                        prop_assert_eq!(all(read).await, model.remove(&xid).unwrap_or_default());
                    }
                }
                let kept: usize = model.values().flatten().map(|(_, message)| HEADER + message.len()).sum();
                prop_assert!(spill.memory <= memory);
                prop_assert_eq!(spill.memory as u64 + spill.disk, kept as u64);
                prop_assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "a file has a name");
            }
            Ok(())
        })?;
    }
}

#[test]
fn a_message_larger_than_a_piece_reads_back() {
    block_on(async {
        let (mut spill, _directory) = spill(0, u64::MAX);
        let sizes = [10, PIECE - 30, 3 * PIECE, 0, 1];
        for size in sizes {
            spill.append(7, size as u64, &vec![1; size]).await.unwrap();
        }
        let read = all(spill.read_back(7).await.unwrap()).await;
        assert_eq!(read.iter().map(|(lsn, message)| (*lsn as usize, message.len())).collect::<Vec<_>>(), sizes.map(|n| (n, n)));
    });
}

#[test]
fn more_than_the_budget_stops_with_the_remedy() {
    block_on(async {
        let (mut spill, _directory) = spill(100, 200);
        let mut failed = None;
        for _ in 0..10 {
            failed = failed.or(spill.append(1, 5, &[0; 50]).await.err());
        }
        let error = failed.expect("the budget is exceeded");
        assert_eq!(error.kind(), rowtide_api::ErrorKind::Configuration);
        assert!(error.to_string().contains("raise rowtide.streaming.spill.bytes.max"), "{error}");
    });
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    block_on(async {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut spill = Spill::new(Limits { memory: 0, disk: u64::MAX, directory: file.path().to_owned() });
        let error = spill.append(1, 5, b"x").await.unwrap_err();
        assert_eq!(error.kind(), rowtide_api::ErrorKind::Configuration);
        assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
    });
}
