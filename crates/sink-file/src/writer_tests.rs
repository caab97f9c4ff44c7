//! The writer's promises: order, acks after the sync, torn last lines, full disks.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use super::*;
use bytes::Bytes;

fn record(sequence: u64, key: &'static [u8], value: Option<&'static [u8]>) -> EncodedRecord {
    EncodedRecord {
        sequence,
        topic: "prod.public.\"t\"".into(),
        partition: None,
        key: Some(Bytes::from_static(key)),
        value: value.map(Bytes::from_static),
        headers: Arc::new([
            ("h".into(), Some(Bytes::from_static(b"{\"id\":1}"))),
            ("text".into(), Some(Bytes::from_static(b"abc"))),
            ("none".into(), None),
        ]),
        timestamp: Some(5),
    }
}

fn file_sink(path: &Path, more: &[(&str, &str)]) -> Result<Box<dyn Sink>> {
    let path = path.to_str().unwrap();
    new_file(&[(options::PATH, path)].into_iter().chain(more.iter().copied()).collect())
}

#[tokio::test]
async fn a_record_is_one_line_and_is_acknowledged_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.ndjson");
    let mut sink = file_sink(&path, &[]).unwrap();
    let batch = vec![record(7, b"{\"id\":\n1}", Some(b"\xff\x00")), record(8, b"plain", None)];
    sink.write(batch).await.unwrap();
    let mut acks = Vec::new();
    while acks.len() < 2 {
        sink.acks(&mut acks).await.unwrap();
    }
    assert!(acks.iter().all(|ack| ack.result.is_ok()));
    assert_eq!(acks.iter().map(|ack| ack.sequence).collect::<Vec<_>>(), [7, 8]);
    let headers =
        r#""headers":[{"key":"h","value":{"id":1}},{"key":"text","value_text":"abc"},{"key":"none","value":null}],"timestamp":5"#;
    let expected = format!(
        "{{\"topic\":\"prod.public.\\\"t\\\"\",\"partition\":null,\"key\":{{\"id\": 1}},\"value_base64\":\"/wA=\",{headers}}}\n\
         {{\"topic\":\"prod.public.\\\"t\\\"\",\"partition\":null,\"key_text\":\"plain\",\"value\":null,{headers}}}\n"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    sink.close().await.unwrap();
    // the lock is released: the next task may write there
    file_sink(&path, &[]).unwrap();
}

#[tokio::test]
async fn closing_writes_what_was_accepted_and_its_acknowledgements_can_still_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.ndjson");
    let mut sink = file_sink(&path, &[(options::MAX_BYTES, "5000")]).unwrap();
    for first in (0..1000).step_by(10) {
        let batch = (first..first + 10).map(|sequence| record(sequence, b"1", Some(b"{}"))).collect();
        sink.write(batch).await.unwrap();
    }
    sink.close().await.unwrap();
    let (mut acks, mut seen) = (Vec::new(), BTreeSet::new());
    while seen.len() < 1000 {
        sink.acks(&mut acks).await.unwrap();
        seen.extend(acks.drain(..).map(|ack| ack.sequence));
    }
    let lines: usize = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap().lines().count())
        .sum();
    assert_eq!(lines, 1000);
    assert!(fs::read_dir(folder.path()).unwrap().count() > 10, "it was rotated");
}

/// `/dev/full` is the kernel's full disk.
#[tokio::test]
async fn a_full_disk_is_a_transient_error_that_names_the_path_and_what_to_do() {
    let mut sink = file_sink(Path::new("/dev/full"), &[]).unwrap();
    sink.write(vec![record(1, b"1", Some(b"{}"))]).await.unwrap();
    let error = sink.acks(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), rowtide_api::ErrorKind::Transient);
    let text = error.to_string();
    assert!(text.contains("cannot write to '/dev/full'") && text.contains("free space"), "{text}");
    assert!(sink.write(vec![record(2, b"1", None)]).await.is_err());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_a_wrong_setting() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let error = file_sink(&folder.path().join("file/out.ndjson"), &[]).err().unwrap();
    assert_eq!(error.kind(), rowtide_api::ErrorKind::Configuration, "{error}");
    assert!(new_file(&Props::default()).is_err());
    assert!(new_stdout(&Props::from_iter([(options::FORMAT, "xml")])).is_err());
}
