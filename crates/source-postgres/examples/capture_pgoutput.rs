//! Records what a real server's pgoutput sends, for the golden files of the decoder:
//! `cargo run --example capture_pgoutput -- HOST PORT USER PASSWORD > crates/source-postgres/tests/golden/pg15.hex`
//! and, with `in-progress` as one more argument, `pg15-in-progress.hex`: transactions that run at the same time, sent whole
//! and while they run.
//!
//! The server needs wal_level=logical and max_prepared_transactions. Output: a line for each message, in hexadecimal,
//! under a heading for each stream.

use std::collections::VecDeque;

use rowtide_source_postgres::client::{ClientError, ConnectOptions, Connection, ReplicationMessage, StartReplication};
use rowtide_source_postgres::decode::{Decoder, Message};

const DATABASE: &str = "rowtide_capture";

const SCHEMA: &str = "
    CREATE TYPE mood AS ENUM ('glad', 'sad');
    CREATE TABLE by_key (id int PRIMARY KEY, name varchar(20), mood mood, amount numeric(10,2));
    CREATE TABLE by_full (id int PRIMARY KEY, name text); ALTER TABLE by_full REPLICA IDENTITY FULL;
    CREATE TABLE by_index (a int NOT NULL, b text NOT NULL, c text); CREATE UNIQUE INDEX by_index_b ON by_index (b);
    ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_b;
    CREATE TABLE by_nothing (id int); ALTER TABLE by_nothing REPLICA IDENTITY NOTHING;
    CREATE TABLE toasted (id int PRIMARY KEY, big text, n int); ALTER TABLE toasted ALTER big SET STORAGE EXTERNAL;
    CREATE TABLE toasted_full (id int PRIMARY KEY, big text, n int); ALTER TABLE toasted_full ALTER big SET STORAGE EXTERNAL;
    ALTER TABLE toasted_full REPLICA IDENTITY FULL;
    CREATE TABLE parent (id serial PRIMARY KEY); CREATE TABLE child (id int PRIMARY KEY REFERENCES parent);
    CREATE TABLE no_columns ();
    CREATE SCHEMA \"Odd Schema\"; CREATE TABLE \"Odd Schema\".\"täble\" (\"Id\" int PRIMARY KEY);
    CREATE TABLE many (id int);
    CREATE PUBLICATION small FOR TABLE by_key, by_full, by_index, toasted, toasted_full, parent, child, no_columns, \"Odd Schema\".\"täble\";
    CREATE PUBLICATION inserts FOR TABLE by_nothing WITH (publish = 'insert,truncate');
    CREATE PUBLICATION large FOR TABLE many";

/// Each line is a simple query: one transaction unless it says otherwise.
const CHANGES: &[&str] = &[
    "INSERT INTO by_key VALUES (1, 'one', 'glad', 1.50), (2, NULL, NULL, NULL), (3, '', 'sad', -0.01)",
    "UPDATE by_key SET name = 'uno' WHERE id = 1; UPDATE by_key SET id = 20 WHERE id = 2; DELETE FROM by_key WHERE id = 3",
    "INSERT INTO by_full VALUES (1, 'tab\there'), (2, NULL); UPDATE by_full SET name = 'two' WHERE id = 2; DELETE FROM by_full WHERE id = 1",
    "INSERT INTO by_index VALUES (1, 'b1', 'c1'); UPDATE by_index SET c = 'c2'; UPDATE by_index SET b = 'b2'; DELETE FROM by_index",
    "INSERT INTO by_nothing VALUES (1)",
    "INSERT INTO toasted VALUES (1, repeat('x', 3000), 0); UPDATE toasted SET n = 1; UPDATE toasted SET id = 2; DELETE FROM toasted",
    "INSERT INTO toasted_full VALUES (1, repeat('x', 3000), 0); UPDATE toasted_full SET n = 1; DELETE FROM toasted_full",
    "INSERT INTO \"Odd Schema\".\"täble\" VALUES (1); INSERT INTO no_columns DEFAULT VALUES",
    "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1); TRUNCATE parent RESTART IDENTITY CASCADE; TRUNCATE by_full, by_key; TRUNCATE by_nothing",
    "SELECT pg_logical_emit_message(false, 'outside', 'of transactions')",
    "BEGIN; SELECT pg_logical_emit_message(true, 'inside', ''); INSERT INTO by_key VALUES (4, 'with a message'); COMMIT",
    "ALTER TABLE by_key ADD COLUMN added bytea DEFAULT '\\x00ff'; INSERT INTO by_key (id) VALUES (5); ALTER TABLE by_key DROP COLUMN name",
    "INSERT INTO by_key VALUES (6, 'glad', 6, NULL); ALTER TABLE by_key RENAME TO renamed; UPDATE renamed SET amount = 7 WHERE id = 6",
    "SELECT pg_replication_origin_create('elsewhere'); SELECT pg_replication_origin_session_setup('elsewhere')",
    "BEGIN; SELECT pg_replication_origin_xact_setup('0/1234ABCD', '2024-05-06 07:08:09.123456+00'); INSERT INTO by_full VALUES (3, 'from elsewhere'); COMMIT",
    "SELECT pg_replication_origin_session_reset(); SELECT pg_replication_origin_drop('elsewhere')",
    "BEGIN; INSERT INTO many SELECT generate_series(1, 600); SAVEPOINT s; INSERT INTO many SELECT generate_series(1, 600); ROLLBACK TO s; INSERT INTO many VALUES (7); COMMIT",
    "BEGIN; INSERT INTO many SELECT generate_series(1, 600); ROLLBACK",
    "BEGIN; INSERT INTO by_full VALUES (4, 'prepared'); PREPARE TRANSACTION 'first'",
    "COMMIT PREPARED 'first'",
    "BEGIN; INSERT INTO by_full VALUES (5, 'given up'); PREPARE TRANSACTION 'second'",
    "ROLLBACK PREPARED 'second'",
    "BEGIN; INSERT INTO many SELECT generate_series(1, 600); PREPARE TRANSACTION 'third'",
    "COMMIT PREPARED 'third'",
    "SELECT pg_logical_emit_message(false, 'end', '')",
];

/// Statements of three sessions: transactions that run at the same time, parts of them rolled back.
const IN_PROGRESS: &[(usize, &str)] = &[
    (0, "BEGIN; INSERT INTO many SELECT generate_series(1, 600)"),
    (1, "BEGIN; SAVEPOINT s; INSERT INTO by_full SELECT i, 'given up' FROM generate_series(1, 600) i; ROLLBACK TO s"),
    (2, "INSERT INTO by_key VALUES (1, 'beside both', 'glad', 1.50)"),
    (
        1,
        "INSERT INTO by_full SELECT i, 'kept' FROM generate_series(1, 400) i; SELECT pg_logical_emit_message(true, 'inside', 'kept')",
    ),
    (
        0,
        "SAVEPOINT a; INSERT INTO many VALUES (1001); SAVEPOINT b; INSERT INTO many SELECT generate_series(1, 600); ROLLBACK TO b",
    ),
    (2, "SELECT pg_logical_emit_message(false, 'outside', 'of transactions'); TRUNCATE parent, child"),
    (2, "BEGIN; INSERT INTO many SELECT generate_series(1, 600); ROLLBACK"),
    (0, "RELEASE a; ALTER TABLE many ADD COLUMN added mood; INSERT INTO many VALUES (1002, 'sad')"),
    (1, "TRUNCATE toasted; COMMIT"),
    (2, "INSERT INTO by_full VALUES (1001, 'after it')"),
    (0, "COMMIT"),
    (2, "INSERT INTO many VALUES (1003, 'glad')"),
    (2, "SELECT pg_logical_emit_message(false, 'end', '')"),
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, user, password, rest @ ..] = arguments.as_slice() else {
        return Err("usage: capture_pgoutput HOST PORT USER PASSWORD [in-progress]".into());
    };
    let server = ConnectOptions {
        host: host.clone(),
        port: port.parse()?,
        user: user.clone(),
        password: Some(password.clone()),
        ..ConnectOptions::default()
    };
    let mut admin = Connection::connect(&server).await?;
    admin.execute(&format!("CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")).await?;
    let options = ConnectOptions { dbname: DATABASE.into(), ..server };
    let mut sql = Connection::connect(&options).await?;
    sql.execute(SCHEMA).await?;
    sql.execute("SELECT pg_create_logical_replication_slot('rowtide_capture_1', 'pgoutput')").await?;
    sql.execute("SELECT pg_create_logical_replication_slot('rowtide_capture_2', 'pgoutput', false, true)").await?;
    if rest.is_empty() {
        one_after_the_other(&options, &mut sql).await?;
    } else {
        at_the_same_time(&options).await?;
    }
    admin
        .execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = 'rowtide_capture'")
        .await?;
    admin.execute(&format!("DROP DATABASE {DATABASE} WITH (FORCE)")).await?;
    Ok(())
}

/// Every kind of message, with both ways of streaming.
async fn one_after_the_other(options: &ConnectOptions, sql: &mut Connection) -> Result<(), Box<dyn std::error::Error>> {
    for statement in CHANGES {
        sql.execute(statement).await.map_err(|error| format!("{statement}: {error}"))?;
    }
    let parallel = sql.server_version() >= 160_000;
    let plain = [("proto_version", "1"), ("publication_names", "small, inserts"), ("messages", "true")];
    print!("{}", capture(options, "rowtide_capture_1", &plain).await?);
    let streaming = [
        ("proto_version", if parallel { "4" } else { "3" }),
        ("publication_names", "small, large"),
        ("messages", "true"),
        ("streaming", if parallel { "parallel" } else { "on" }),
        ("two_phase", "on"),
        ("binary", "on"),
    ];
    print!("{}", capture(options, "rowtide_capture_2", &streaming).await?);
    Ok(())
}

/// The same transactions twice: sent whole, and while they run.
async fn at_the_same_time(options: &ConnectOptions) -> Result<(), Box<dyn std::error::Error>> {
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(Connection::connect(options).await?);
    }
    let work = async {
        for (session, statement) in IN_PROGRESS {
            sessions[*session].execute(statement).await?;
            // the server decodes it before the next one
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        }
        Ok(())
    };
    let common = [("publication_names", "small, large"), ("messages", "true")];
    let (whole, streamed) = (
        [&[("proto_version", "1")][..], &common].concat(),
        [&[("proto_version", "2"), ("streaming", "on")][..], &common].concat(),
    );
    let (whole, streamed) = (capture(options, "rowtide_capture_1", &whole), capture(options, "rowtide_capture_2", &streamed));
    let (whole, streamed, ()) = tokio::try_join!(whole, streamed, work)?;
    print!("{whole}{streamed}");
    Ok(())
}

/// The messages up to the one that ends the recording, in hexadecimal.
async fn capture(options: &ConnectOptions, slot: &str, plugin: &[(&str, &str)]) -> Result<String, ClientError> {
    let mut options = ConnectOptions { replication: true, ..options.clone() };
    // small transactions are streamed already
    options.startup_parameters.push(("logical_decoding_work_mem".into(), "64kB".into()));
    let heading: Vec<_> = plugin.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mut recorded = format!("# {}\n", heading.join(" "));
    let wanted = StartReplication {
        slot: slot.into(),
        lsn: 0,
        options: plugin.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
    };
    let mut stream = Connection::connect(&options).await?.start_replication(&wanted).await?;
    let (mut batch, mut decoder) = (VecDeque::new(), Decoder::new());
    loop {
        stream.next_batch(&mut batch).await?;
        for message in batch.drain(..) {
            let ReplicationMessage::Data { data, .. } = message else { continue };
            recorded.extend(data.iter().map(|byte| format!("{byte:02x}")));
            recorded.push('\n');
            if let Ok(Message::Logical(message)) = decoder.decode(&data)
                && message.prefix == "end"
            {
                stream.finish().await?;
                return Ok(recorded);
            }
        }
    }
}
