//! `rowtide offsets`: what is lost comes back from a backup, what a slot no longer has is seen before anything is written.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use rowtide_runtime::backup::Backup;
use rowtide_system_tests::audit::{self, Mix};
use rowtide_system_tests::backups;
use rowtide_system_tests::scene::{LONG, Scene};
use rowtide_system_tests::topics::{self, Record};
use rowtide_testkit::postgres::{Database, Server};
use rowtide_testkit::rowtide::{Home, Rowtide, refused, said};
use rowtide_testkit::wait_until;

/// `rowtide run` on a database of its own.
struct Run {
    database: Database,
    home: Home,
    file: PathBuf,
}

impl Run {
    fn new(name: &str, extra: &[(&str, &str)]) -> Self {
        let database = Database::new(name);
        database.sql(audit::SCHEMA);
        let home = Home::default();
        let base = [("table.include.list", "public.orders"), ("publication.autocreate.mode", "filtered")];
        let file = home.connector_file(&database.name, &database.connector(&[&base[..], extra].concat()));
        Self { database, home, file }
    }

    /// Until all that was changed so far has arrived.
    fn start_and_wait(&self) -> Rowtide {
        let rowtide = self.home.run(std::slice::from_ref(&self.file));
        rowtide.rest.wait_running(&self.database.name);
        self.database.wait_streaming();
        let mark = audit::mark_end(&self.database);
        wait_until("the last change arrives", LONG, || audit::has_mark(&self.records(), mark).then_some(()));
        rowtide
    }

    fn change(&self) {
        audit::transactions(&self.database.url(), Mix::All, 20);
    }

    fn records(&self) -> Vec<Record> {
        let lines = self.home.lines(&self.database.name);
        lines.iter().map(topics::of_line).filter(|record| record.topic.ends_with(".orders")).collect()
    }

    /// `rowtide offsets` on the data directory.
    fn offsets(&self, words: &[&str]) -> Output {
        self.home.offsets(&[words, &["--data-dir", "data"]].concat())
    }

    fn show(&self) -> String {
        said(&self.offsets(&["show", "--connector", &self.database.name, "--json"]))
    }

    fn backup(&self) -> Backup {
        backups::newest(&self.home.path().join("data/backups")).expect("a backup")
    }
}

fn has_rows_of_a_snapshot(records: &[Record]) -> bool {
    records.iter().any(|record| record.value["op"] == "r")
}

#[test]
fn lost_offsets_come_back_from_a_scheduled_backup_with_no_gap_and_no_second_snapshot() {
    // of its own: what others write lets the slot move on while nothing is captured
    let server = Server::new("autovacuum = off\ncheckpoint_timeout = 1h");
    let scene = Scene::new(Database::on(&server.url(), "backup"))
        .worker("rowtide.backup.directory=backups\nrowtide.backup.interval.ms=200\nrowtide.backup.keep=5");
    let (home, name) = (&scene.home, scene.database.name.clone());
    let rowtide = scene.stream();
    scene.wait_snapshot();
    let load = scene.load();
    scene.wait_more(500);
    load.stop();
    scene.wait_end();
    let directory = home.path().join("backups");
    let kept = || {
        let confirmed: i64 = scene.database.slot("confirmed_flush_lsn - '0/0'").parse().ok()?;
        let backup = backups::newest(&directory)?;
        let (_, offset) = backup.connector(&name)?.offsets.first()?.clone();
        let place = ["lsn", "lsn_commit", "rowtide_idle"].iter().filter_map(|key| offset.int(key)).max()?;
        (place >= confirmed).then_some(())
    };
    wait_until("a backup holds what the slot was told", LONG, kept);
    rowtide.kill();
    scene.database.wait_slot_free();
    // a kill may come between the writing of one and the removal of another
    assert!((1..=6).contains(&backups::list(&directory).len()));

    fs::remove_file(scene.offsets_file()).expect("the offsets are lost");
    audit::transactions(&scene.database.url(), Mix::All, 20);
    let before = scene.count();
    let dry = said(&home.offsets(&["restore", "--worker", "worker.properties"]));
    assert!(dry.contains("(now: none)") && dry.contains("nothing was written"), "{dry}");
    assert!(!scene.offsets_file().exists());
    let done = said(&home.offsets(&["restore", "--worker", "worker.properties", "--apply"]));
    assert!(done.contains(&format!("{name}: written")), "{done}");

    let rowtide = scene.stream();
    scene.wait_end();
    let busy = refused(&home.offsets(&["restore", "--worker", "worker.properties", "--apply"]));
    assert!(busy.contains("another rowtide uses the offsets file"), "{busy}");
    rowtide.stop();
    let records = scene.records();
    assert!(records.len() > before && !has_rows_of_a_snapshot(&records[before..]), "a second snapshot was taken");
    audit::check(&scene.database, &records);
}

#[test]
fn a_slot_that_has_moved_on_past_the_backup_is_seen_and_its_own_place_is_offered() {
    let run = Run::new("backup_moved", &[]);
    let name = run.database.name.as_str();
    run.start_and_wait().stop();
    let taken = said(&run.offsets(&["backup"]));
    assert!(taken.contains("1 connectors, 1 offsets"), "{taken}");
    let (old, _) = taken.split_once(": 1").expect("its path");
    let rowtide = run.start_and_wait();
    run.change();
    let busy = refused(&run.offsets(&["show"]));
    assert!(busy.contains("another process uses the data directory") && busy.contains("GET /connectors"), "{busy}");
    rowtide.stop();
    run.start_and_wait().stop();
    fs::remove_file(run.home.path().join("data/rowtide.redb")).expect("the offsets are lost");
    run.change();
    let before = run.records().len();

    let moved = run.database.slot("confirmed_flush_lsn");
    for words in [&["restore", old][..], &["restore", old, "--apply"]] {
        let text = refused(&run.offsets(words));
        let what = format!("LOST: the replication slot '{name}' has moved on to {moved}, past the offset");
        assert!(text.contains(&what) && text.contains("of log in between"), "{text}");
        assert!(text.contains("nothing was written") && text.contains("--force"), "{text}");
        assert!(text.contains(&format!("go on there, with --to-position {moved}")), "{text}");
    }
    // a clean stop is backed up
    assert!(said(&run.offsets(&["restore"])).contains("nothing was written; --apply writes it"));
    let there = ["restore", old, "--connector", name, "--to-position", &moved];
    assert!(said(&run.offsets(&there)).contains("its configuration is put back"));
    assert!(said(&run.offsets(&[&there[..], &["--apply"]].concat())).contains("written"));
    // the configuration is the one that was put back
    let rowtide = run.home.run(&[]);
    rowtide.rest.wait_running(name);
    let mark = audit::mark_end(&run.database);
    wait_until("the last change arrives", LONG, || audit::has_mark(&run.records(), mark).then_some(()));
    rowtide.stop();
    let records = run.records();
    assert!(!has_rows_of_a_snapshot(&records[before..]), "a second snapshot was taken");
    audit::check(&run.database, &records);

    run.database.sql(&format!("SELECT pg_drop_replication_slot('{name}')"));
    let text = refused(&run.offsets(&["restore", old]));
    assert!(text.contains("does not exist any more") && text.contains("of log so far"), "{text}");
}

#[test]
fn a_rewind_says_what_would_come_again_and_what_the_slot_no_longer_has() {
    // a slot that somebody else moves on keeps its log: there is something to go back to
    let run = Run::new("rewind", &[("lsn.flush.mode", "manual")]);
    let name = run.database.name.as_str();
    run.start_and_wait().stop();
    let path = said(&run.offsets(&["backup"]));
    let (old, _) = path.split_once(": 1").expect("its path");
    let taken = run.backup().taken.to_string();
    run.change();
    let rowtide = run.start_and_wait();
    rowtide.stop();
    let (stored, before) = (run.show(), run.records().len());

    let rewind = ["rewind", "--connector", name, "--to-time", &taken];
    let dry = said(&run.offsets(&rewind));
    assert!(dry.contains("are sent again") && dry.contains("nothing was written"), "{dry}");
    assert_eq!(run.show(), stored);
    let compared = said(&run.offsets(&["diff", old]));
    assert!(compared.contains(name) && compared.contains("  + 0/"), "{compared}");
    let early = refused(&run.offsets(&["rewind", "--connector", name, "--to-time", "2020-01-01T00:00:00Z"]));
    assert!(early.contains("no backup from before 2020") && early.contains("the oldest is of 20"), "{early}");
    let confirmed = run.database.slot("confirmed_flush_lsn");
    let long_ago = refused(&run.offsets(&["rewind", "--connector", name, "--to-position", "0/100"]));
    assert!(long_ago.contains(&format!("the source can go back to {confirmed}, and not before")), "{long_ago}");
    let ahead = refused(&run.offsets(&["rewind", "--connector", name, "--to-position", "FFFF/0"]));
    assert!(ahead.contains("log ends at"), "{ahead}");

    said(&run.offsets(&[&rewind[..], &["--apply"]].concat()));
    assert_ne!(run.show(), stored);
    run.start_and_wait().stop();
    let records = run.records();
    assert!(!has_rows_of_a_snapshot(&records[before..]));
    let once = audit::check(&run.database, &records).records;
    assert!(once > 0, "nothing was sent again");

    // the same while the worker runs, by Connect's own calls
    let rowtide = run.start_and_wait();
    let read = refused(&run.home.offsets(&["restore", old, "--apply", "--data-dir", "elsewhere"]));
    assert!(read.contains(&format!("sends from the replication slot '{name}'")) && read.contains("stop the worker"), "{read}");
    rowtide.rest.stop(name);
    let shown = said(&run.offsets(&["show", "--backup", old, "--connector", name, "--json"]));
    rowtide.rest.set_offsets(name, &serde_json::from_str(&shown).expect("JSON"));
    rowtide.rest.resume(name);
    let mark = audit::mark_end(&run.database);
    wait_until("the last change arrives", LONG, || audit::has_mark(&run.records(), mark).then_some(()));
    rowtide.stop();
    assert!(audit::check(&run.database, &run.records()).records > once);
    assert_eq!(run.database.slot("confirmed_flush_lsn"), confirmed, "lsn.flush.mode=manual, and yet the slot has moved on");
}
