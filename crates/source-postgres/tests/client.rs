//! The client against a real server: connecting, SQL, COPY, cancelling, replication. The server is the one that
//! `ROWTIDE_TEST_PG` names.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rowtide_source_postgres::client::{
    ClientError, Connection, CopyFormat, CreateSlot, ReplicationMessage, ReplicationStream, SnapshotAction, SslMode,
    StartReplication, TransactionStatus, quote_ident, quote_literal,
};
use rowtide_source_postgres::decode::{BinaryCopy, DecodeError, Message, TupleValue, copy_text_row, pgoutput};

#[allow(dead_code)] // each test binary uses its part
mod support;
use support::{drop_database, fresh_database, shared_server};

#[tokio::test]
async fn a_session_knows_its_server() {
    let mut options = shared_server();
    options.application_name = "rowtide client test".into();
    options.startup_parameters = vec![("TimeZone".into(), "Asia/Tokyo".into())];
    let mut connection = Connection::connect(&options).await.unwrap();
    assert!(connection.server_version() >= 120_000, "{}", connection.server_version());
    assert_eq!(connection.parameter("TimeZone"), Some("Asia/Tokyo"));
    let rows = connection
        .query("SELECT pg_backend_pid(), current_setting('application_name'), current_setting('server_version_num')")
        .await
        .unwrap();
    assert_eq!(rows[0].text(0), connection.process_id().to_string());
    assert_eq!(rows[0].text(1), "rowtide client test");
    assert_eq!(rows[0].text(2), connection.server_version().to_string());
    connection.execute("SET TimeZone = 'UTC'").await.unwrap();
    assert_eq!(connection.parameter("TimeZone"), Some("UTC"));
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_wrong_login_is_told_as_the_server_tells_it() {
    let mut options = shared_server();
    options.password = Some("wrong-and-secret".into());
    let error = Connection::connect(&options).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("28P01"), "{error}");
    assert!(!format!("{error} {error:?} {options:?}").contains("wrong-and-secret"));

    options.password = None;
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(matches!(error, ClientError::Auth(_)) && error.to_string().contains("none is configured"), "{error}");

    let mut options = shared_server();
    options.dbname = "rowtide_client_nowhere".into();
    assert_eq!(Connection::connect(&options).await.unwrap_err().sqlstate(), Some("3D000"));
}

#[tokio::test]
async fn a_server_that_is_away_or_silent_is_told_apart() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut options = shared_server();
    (options.host, options.port) = ("127.0.0.1".into(), listener.local_addr().unwrap().port());
    options.connect_timeout = Duration::from_millis(300);
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout(_)), "{error}");
    drop(listener);
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(matches!(error, ClientError::Io { .. }) && error.to_string().contains("refused"), "{error}");
    options.host = "no-such-host.invalid".into();
    let error = Connection::connect(&options).await.unwrap_err();
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_only_where_tls_is_asked_for() {
    let mut options = shared_server();
    let mut connection = Connection::connect(&options).await.unwrap();
    assert_eq!(connection.query("SHOW ssl").await.unwrap()[0].text(0), "off", "ROWTIDE_TEST_PG has ssl=off");
    for (mode, works) in [(SslMode::Disable, true), (SslMode::Allow, true), (SslMode::Prefer, true), (SslMode::Require, false)] {
        options.ssl.mode = mode;
        match Connection::connect(&options).await {
            Ok(connection) => assert!(works && !connection.is_tls(), "{mode:?}"),
            Err(error) => assert!(!works && error.to_string().contains("does not offer TLS"), "{mode:?}: {error}"),
        }
    }
}

#[tokio::test]
async fn statements_give_text_nulls_and_errors() {
    let mut connection = Connection::connect(&shared_server()).await.unwrap();
    let results = connection.simple_query("SELECT 1 AS one, NULL::text AS nothing, ''::varchar(7) AS empty, 'ä€😀' AS text; ; SELECT 2 WHERE false; SET DateStyle = 'ISO'").await.unwrap();
    assert_eq!(results.len(), 3);
    let row = &results[0].rows[0];
    assert_eq!((row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)), (Some("1"), None, Some(""), Some("ä€😀"), None));
    assert_eq!(row.bytes(3), Some(Bytes::from_static("ä€😀".as_bytes())));
    assert_eq!(results[0].column("empty"), Some(2));
    let empty = &results[0].columns[2];
    assert_eq!((empty.type_oid, empty.type_modifier), (1043, 11));
    assert_eq!((results[0].command_tag.as_str(), results[1].rows.len(), results[2].command_tag.as_str()), ("SELECT 1", 0, "SET"));
    assert_eq!(connection.describe("SELECT 1 AS a, 2 AS \"B\" LIMIT 0").await.unwrap(), ["a", "B"]);

    let error = connection.query("SELECT * FROM rowtide_no_such_table").await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("42P01"));
    let error = connection
        .execute("DO $$ BEGIN RAISE 'what' USING DETAIL = 'why', HINT = 'how', ERRCODE = 'RT001'; END $$")
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(["what", "why", "how", "RT001"].iter().all(|part| text.contains(part)), "{text}");
    assert!(!error.is_closed());

    connection.execute("BEGIN").await.unwrap();
    assert_eq!(connection.transaction_status(), TransactionStatus::Open);
    connection.execute("SELECT 1/0").await.unwrap_err();
    assert_eq!(connection.transaction_status(), TransactionStatus::Failed);
    connection.execute("ROLLBACK").await.unwrap();
    assert_eq!(connection.transaction_status(), TransactionStatus::Idle);
}

#[tokio::test]
async fn quoted_text_reads_back_whatever_it_holds() {
    let mut connection = Connection::connect(&shared_server()).await.unwrap();
    for setting in ["on", "off"] {
        connection.execute(&format!("SET standard_conforming_strings = {setting}")).await.unwrap();
        for text in ["", "it's", "back\\slash", "\\'; DROP", "new\nline", "ä"] {
            let rows =
                connection.query(&format!("SELECT {} AS {}", quote_literal(text), quote_ident("a \"b\" c"))).await.unwrap();
            assert_eq!(rows[0].text(0), text);
        }
    }
}

#[tokio::test]
async fn a_statement_can_be_cancelled_or_abandoned() {
    let mut connection = Connection::connect(&shared_server()).await.unwrap();
    let token = connection.cancel_token();
    let mut watcher = Connection::connect(&shared_server()).await.unwrap();
    let pid = connection.process_id();
    {
        let sleeping = connection.query("SELECT pg_sleep(600)");
        let cancelling = async {
            wait_until_sleeping(&mut watcher, pid).await;
            token.cancel().await.unwrap();
        };
        let (slept, ()) = tokio::join!(sleeping, cancelling);
        assert_eq!(slept.unwrap_err().sqlstate(), Some("57014"));
    }
    tokio::select! {
        _ = connection.query("SELECT pg_sleep(600)") => panic!("slept for ten minutes"),
        () = wait_until_sleeping(&mut watcher, pid) => {}
    }
    token.cancel().await.unwrap();
    // what the abandoned statement still answers does not get mixed up with this
    assert_eq!(connection.query("SELECT 7").await.unwrap()[0].text(0), "7");
}

async fn wait_until_sleeping(watcher: &mut Connection, pid: i32) {
    let sql = format!("SELECT 1 FROM pg_stat_activity WHERE pid = {pid} AND wait_event = 'PgSleep'");
    while watcher.query(&sql).await.unwrap().is_empty() {}
}

#[tokio::test]
async fn a_session_ended_by_an_administrator_says_so() {
    let mut connection = Connection::connect(&shared_server()).await.unwrap();
    let mut admin = Connection::connect(&shared_server()).await.unwrap();
    admin.query(&format!("SELECT pg_terminate_backend({}, 10000)", connection.process_id())).await.unwrap();
    let error = connection.query("SELECT 1").await.unwrap_err();
    assert!(error.is_closed());
    assert!(error.sqlstate() == Some("57P01") || matches!(error, ClientError::Io { .. }), "{error}");
}

#[tokio::test]
async fn copied_values_are_those_of_the_table() {
    let mut connection = Connection::connect(&shared_server()).await.unwrap();
    let select = r"SELECT * FROM (VALUES (E'tab\there', E'nl\nhere', E'back\\slash', E'\\N'), ('', NULL, E'\b\f\r\v', 'ä')) AS t";
    let expected: Vec<Vec<Option<String>>> = connection
        .query(select)
        .await
        .unwrap()
        .iter()
        .map(|row| (0..4).map(|i| row.get(i).map(str::to_owned)).collect())
        .collect();
    let mut seen = Vec::new();
    let mut copy = connection.copy_out(&format!("COPY ({select}) TO STDOUT")).await.unwrap();
    while let Some(chunk) = copy.next_rows().await.unwrap() {
        for row in chunk.rows() {
            let mut fields = Vec::new();
            copy_text_row(row, |_, field| {
                fields.push(field.map(|text| String::from_utf8(text.to_vec()).unwrap()));
                Ok::<_, DecodeError>(())
            })
            .unwrap();
            seen.push(fields);
        }
    }
    assert_eq!(seen, expected);
    let mut copy = connection.copy_out(&format!("COPY ({select}) TO STDOUT (FORMAT binary)")).await.unwrap();
    assert_eq!(copy.format(), CopyFormat::Binary);
    let (mut decoder, mut seen) = (BinaryCopy::default(), Vec::new());
    while let Some(chunk) = copy.next_rows().await.unwrap() {
        for message in chunk.rows() {
            if let Some(row) = decoder.row(&message).unwrap() {
                seen.push(row.map(|field| field.map(|f| String::from_utf8(f.to_vec()).unwrap())).collect::<Vec<_>>());
            }
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_copy_that_fails_or_is_dropped_leaves_the_session_usable() {
    let mut connection = Connection::connect(&shared_server()).await.unwrap();
    assert_eq!(connection.copy_out("COPY rowtide_no_such TO STDOUT").await.unwrap_err().sqlstate(), Some("42P01"));
    assert!(connection.copy_out("SELECT 1").await.is_err());
    connection.execute("CREATE TEMPORARY TABLE sink (n int)").await.unwrap();
    assert!(connection.copy_out("COPY sink FROM STDIN").await.is_err());
    assert!(connection.execute("COPY sink FROM STDIN").await.is_err());
    assert!(connection.execute("COPY sink TO STDOUT").await.is_err());
    assert!(connection.execute("SELECT 'zero\0byte'").await.is_err());
    let mut copy = connection.copy_out("COPY (SELECT 1/(100000-n) FROM generate_series(1, 200000) n) TO STDOUT").await.unwrap();
    let error = loop {
        match copy.next_rows().await {
            Ok(chunk) => assert!(chunk.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(error.sqlstate(), Some("22012"));
    {
        let mut abandoned = connection.copy_out("COPY (SELECT n FROM generate_series(1, 300000) n) TO STDOUT").await.unwrap();
        assert!(abandoned.next_rows().await.unwrap().is_some());
    }
    assert_eq!(connection.query("SELECT 2").await.unwrap()[0].text(0), "2");
}

/// A database with a table, a publication of it and a slot.
struct Replicated {
    sql: Connection,
    options: rowtide_source_postgres::client::ConnectOptions,
    slot: String,
}

async fn replicated(name: &str) -> Replicated {
    let options = fresh_database(name).await;
    let mut sql = Connection::connect(&options).await.unwrap();
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, text text); CREATE PUBLICATION p FOR TABLE t").await.unwrap();
    let mut replicated = Replicated { sql, options, slot: format!("{name}_slot") };
    let slot = CreateSlot { name: replicated.slot.clone(), ..CreateSlot::default() };
    replicated.walsender().await.create_slot(&slot).await.unwrap();
    replicated.sql.execute("SELECT 1").await.unwrap();
    replicated
}

impl Replicated {
    async fn walsender(&self) -> Connection {
        let options = rowtide_source_postgres::client::ConnectOptions { replication: true, ..self.options.clone() };
        Connection::connect(&options).await.unwrap()
    }

    async fn stream(&self) -> ReplicationStream {
        let options = vec![("proto_version".into(), "1".into()), ("publication_names".into(), "p".into())];
        let wanted = StartReplication { slot: self.slot.clone(), lsn: 0, options };
        self.walsender().await.start_replication(&wanted).await.unwrap()
    }
}

/// Ids of inserted rows, and the end of the last transaction, until `last` has come and its transaction is over.
async fn read_until(stream: &mut ReplicationStream, last: &str) -> (Vec<String>, u64) {
    let (mut ids, mut out) = (Vec::new(), VecDeque::new());
    loop {
        stream.next_batch(&mut out).await.unwrap();
        for message in out.drain(..) {
            let ReplicationMessage::Data { data, .. } = message else { continue };
            match pgoutput(&data).unwrap() {
                Message::Insert(insert) => match insert.new.values().next() {
                    Some(TupleValue::Text(id)) => ids.push(String::from_utf8(id.to_vec()).unwrap()),
                    other => panic!("{other:?}"),
                },
                Message::Commit(commit) if ids.last().is_some_and(|id| id == last) => return (ids, commit.end_lsn),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was_confirmed() {
    let mut db = replicated("rowtide_client_resume").await;
    db.sql.execute("INSERT INTO t VALUES (1, 'a'); INSERT INTO t VALUES (2, NULL)").await.unwrap();
    let mut stream = db.stream().await;
    let (ids, end) = read_until(&mut stream, "2").await;
    assert_eq!(ids, ["1", "2"]);

    // a second reader is told who is in the way
    let wanted = StartReplication {
        slot: db.slot.clone(),
        options: vec![("proto_version".into(), "1".into()), ("publication_names".into(), "p".into())],
        lsn: 0,
    };
    let error = db.walsender().await.start_replication(&wanted).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("55006"), "{error}");

    stream.send_status(end, end, end, false).await.unwrap();
    stream.finish().await.unwrap();
    let confirmed = db
        .sql
        .query(&format!("SELECT confirmed_flush_lsn - '0/0' FROM pg_replication_slots WHERE slot_name = '{}'", db.slot))
        .await
        .unwrap();
    assert_eq!(confirmed[0].text(0), end.to_string());

    db.sql.execute("INSERT INTO t VALUES (3, 'c')").await.unwrap();
    let mut stream = db.stream().await;
    let (ids, _) = read_until(&mut stream, "3").await;
    assert_eq!(ids, ["3"], "what was confirmed does not come again");
    // not confirmed: comes again
    drop(stream);
    let pid = format!(
        "SELECT pg_terminate_backend(active_pid, 10000) FROM pg_replication_slots WHERE slot_name = '{}' AND active",
        db.slot
    );
    db.sql.execute(&pid).await.unwrap();
    let (ids, _) = read_until(&mut db.stream().await, "3").await;
    assert_eq!(ids, ["3"]);
    drop_database("rowtide_client_resume").await;
}

#[tokio::test]
async fn a_reader_that_is_interrupted_all_the_time_misses_nothing() {
    let db = replicated("rowtide_client_interrupted").await;
    let mut stream = db.stream().await.gathering(Duration::from_millis(1));
    let mut sql = db.sql;
    let writing = tokio::spawn(async move {
        sql.execute("INSERT INTO t SELECT n, repeat('y', n % 300) FROM generate_series(1, 30000) n").await.unwrap();
        sql.execute("INSERT INTO t VALUES (30001, repeat('large', 1000000)); INSERT INTO t VALUES (30002, 'small')")
            .await
            .unwrap();
    });
    let (mut expected, mut out, mut interrupted, mut largest) = (1u32, VecDeque::new(), 0, 0);
    while expected <= 30002 {
        tokio::select! {
            biased;
            read = stream.next_batch(&mut out) => read.unwrap(),
            () = tokio::task::yield_now() => {
                interrupted += 1;
                if interrupted % 100 == 0 {
                    stream.send_status(0, 0, 0, false).await.unwrap();
                }
            }
        }
        for message in out.drain(..) {
            let ReplicationMessage::Data { data, .. } = message else { continue };
            largest = largest.max(data.len());
            if let Message::Insert(insert) = pgoutput(&data).unwrap() {
                assert_eq!(insert.new.values().next(), Some(TupleValue::Text((&Bytes::from(expected.to_string())).into())));
                expected += 1;
            }
        }
    }
    writing.await.unwrap();
    assert!(interrupted > 0 && largest > 5_000_000);
    drop(stream);
    drop_database("rowtide_client_interrupted").await;
}

#[tokio::test]
async fn small_transactions_are_read_together() {
    const GATHER: Duration = Duration::from_millis(20);
    let db = replicated("rowtide_client_gathered").await;
    let mut stream = db.stream().await.gathering(GATHER);
    let mut sql = db.sql;
    let writing = tokio::spawn(async move {
        sql.execute("DO $$ BEGIN FOR n IN 1..500 LOOP INSERT INTO t VALUES (n, 'small'); COMMIT; END LOOP; END $$")
            .await
            .unwrap();
    });
    let (mut reads, mut inserts, mut out) = (0, 0, VecDeque::new());
    let begun = Instant::now();
    while inserts < 500 {
        stream.next_batch(&mut out).await.unwrap();
        reads += 1;
        for message in out.drain(..) {
            let ReplicationMessage::Data { data, .. } = message else { continue };
            inserts += usize::from(matches!(pgoutput(&data).unwrap(), Message::Insert(_)));
        }
    }
    // a wait may be followed by two: one that comes late is not waited after, nor is one of 8 KB, of which there are 12 here
    let most = 2 * (begun.elapsed().as_millis() / GATHER.as_millis() + 1) + 12;
    assert!(reads <= most, "{reads} reads, where {most} would do");
    writing.await.unwrap();
    drop(stream);
    drop_database("rowtide_client_gathered").await;
}

#[tokio::test]
async fn the_server_asks_for_a_status_and_gets_it() {
    let mut db = replicated("rowtide_client_keepalive").await;
    let mut stream = db.stream().await;
    db.sql.execute("INSERT INTO t VALUES (1, 'a')").await.unwrap();
    read_until(&mut stream, "1").await;
    stream.send_status(1, 0, 0, true).await.unwrap();
    let mut out = VecDeque::new();
    while !out.iter().any(|message| matches!(message, ReplicationMessage::Keepalive { wal_end, .. } if *wal_end > 0)) {
        stream.next_batch(&mut out).await.unwrap();
    }
    let sql = format!(
        "SELECT application_name, sent_lsn IS NOT NULL FROM pg_stat_replication WHERE pid = {}",
        stream.connection().process_id()
    );
    assert_eq!(db.sql.query(&sql).await.unwrap()[0].text(0), "rowtide");
    stream.finish().await.unwrap();
    drop_database("rowtide_client_keepalive").await;
}

#[tokio::test]
async fn a_new_slot_lends_the_snapshot_that_its_stream_begins_with() {
    let mut db = replicated("rowtide_client_snapshot").await;
    db.sql.execute("INSERT INTO t VALUES (1, 'before')").await.unwrap();
    let mut walsender = db.walsender().await;
    let system = walsender.identify_system().await.unwrap();
    assert_eq!(system.dbname.as_deref(), Some("rowtide_client_snapshot"));
    assert!(system.system_id > 0 && system.timeline > 0 && system.xlog_pos > 0);
    let name = "rowtide_client_snapshot_temporary".to_owned();
    let slot = CreateSlot { name, temporary: true, snapshot: SnapshotAction::Export, failover: false };
    let created = walsender.create_slot(&slot).await.unwrap();
    assert_eq!((created.name.as_str(), created.output_plugin.as_str()), (slot.name.as_str(), "pgoutput"));
    db.sql.execute("INSERT INTO t VALUES (2, 'after')").await.unwrap();
    let snapshot = quote_literal(created.snapshot_name.as_deref().unwrap());
    let mut reader = Connection::connect(&db.options).await.unwrap();
    reader.execute(&format!("BEGIN ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT {snapshot}")).await.unwrap();
    let rows = reader.query("SELECT text FROM t").await.unwrap();
    assert_eq!((rows.len(), rows[0].text(0)), (1, "before"));
    walsender.drop_slot(&slot.name, true).await.unwrap();
    assert_eq!(walsender.drop_slot(&slot.name, false).await.unwrap_err().sqlstate(), Some("42704"));

    walsender.execute("BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    let used = walsender.create_slot(&CreateSlot { snapshot: SnapshotAction::Use, ..slot.clone() }).await.unwrap();
    assert_eq!(used.snapshot_name, None);
    walsender.execute("COMMIT").await.unwrap();
    let taken = CreateSlot { name: db.slot.clone(), ..CreateSlot::default() };
    assert_eq!(walsender.create_slot(&taken).await.unwrap_err().sqlstate(), Some("42710"));
    drop(walsender);
    drop_database("rowtide_client_snapshot").await;
}

#[tokio::test]
async fn a_failover_slot_is_one_where_the_server_knows_them() {
    let mut db = replicated("rowtide_client_failover").await;
    let name = "rowtide_client_failover_2".to_owned();
    let slot = CreateSlot { name: name.clone(), failover: true, ..CreateSlot::default() };
    db.walsender().await.create_slot(&slot).await.unwrap();
    let rows = db
        .sql
        .query(&format!("SELECT to_jsonb(s) ->> 'failover' FROM pg_replication_slots s WHERE slot_name = '{name}'"))
        .await
        .unwrap();
    assert_eq!(rows[0].get(0), (db.sql.server_version() >= 170_000).then_some("true"));
    drop_database("rowtide_client_failover").await;
}
