//! Disks that are full: what is stored stays, the task goes on by itself once there is room, and nothing is lost or sent twice.

use std::process::Stdio;

use rowtide_system_tests::audit::{self, Load};
use rowtide_system_tests::scene::{LONG, Scene, note};
use rowtide_system_tests::topics::{self, Record};
use rowtide_testkit::disk::SmallDisk;
use rowtide_testkit::postgres::Database;
use rowtide_testkit::rowtide::Rowtide;
use rowtide_testkit::wait_until;

#[test]
fn a_full_disk_under_the_offsets_file_is_waited_out() {
    let scene = Scene::new(Database::new("disk_offsets"));
    let folder = scene.home.path().join("small");
    let disk = SmallDisk::mount(&folder, 256);
    let scene = scene.worker(&format!("offset.storage.file.filename={}/offsets", folder.display()));
    let rowtide = scene.stream();
    let load = scene.load();
    scene.wait_more(200);
    disk.fill();
    rowtide.wait_log("offsets are not stored");
    assert!(rowtide.log().contains("free space on that disk"), "the log says what to do");
    scene.wait_more(200);
    disk.free();
    let repeats = scene.arrives(rowtide, load);
    assert_eq!(repeats.records, 0);
    // and the next process knows where the last one was
    let before = scene.count();
    let rowtide = scene.stream();
    scene.wait_end();
    rowtide.stop();
    assert!(scene.count() <= before + 1, "records were sent again");
    let outcome = "keeps working, the log names the remedy; no gap, order kept, final state equal, nothing twice";
    note("disk full under the offsets file", "stream", outcome);
    drop(scene);
    drop(disk);
}

/// `rowtide run` with its data directory and its files under the home.
struct Run(Scene);

impl Run {
    fn start(&self) -> Rowtide {
        let scene = &self.0;
        let file = scene.home.connector_file(&scene.database.name, &scene.config());
        let rowtide = scene.home.run(&[file]);
        rowtide.rest.wait_running(&scene.database.name);
        scene.database.wait_streaming();
        rowtide
    }

    fn records(&self) -> Vec<Record> {
        let lines = self.0.home.lines(&self.0.database.name);
        lines.iter().map(topics::of_line).filter(|record| record.topic.ends_with(".orders")).collect()
    }

    fn wait_more(&self, count: usize) {
        let before = self.records().len();
        wait_until("records arrive", LONG, || (self.records().len() > before + count).then_some(()));
    }

    fn verdict(&self, rowtide: Rowtide, load: Load, fault: &str) {
        self.wait_more(200);
        load.stop();
        let mark = audit::mark_end(&self.0.database);
        wait_until("the last change arrives", LONG, || audit::has_mark(&self.records(), mark).then_some(()));
        assert_eq!(rowtide.rest.state(&self.0.database.name).1, "RUNNING");
        rowtide.stop();
        let repeats = audit::check(&self.0.database, &self.records());
        let outcome = format!("keeps working; no gap, order kept, final state equal; {} repeats", repeats.records);
        note(fault, "stream", &outcome);
    }
}

#[test]
fn a_full_disk_under_the_data_directory_is_said_at_the_start_and_does_no_harm_later() {
    let run = Run(Scene::new(Database::new("disk_data")));
    let disk = SmallDisk::mount(&run.0.home.path().join("data"), 8192);
    disk.fill();
    let mut command = run.0.home.run_command(&[]);
    command.args(["--sink", "stdout"]);
    let mut refused = run.0.home.spawn(command, Stdio::null());
    let status = refused.wait_exit(LONG);
    let log = refused.log();
    assert!(status.code().is_some_and(|code| code != 0) && log.contains("the space on its disk"), "{status}: {log}");
    disk.free();
    let rowtide = run.start();
    let load = run.0.load();
    run.wait_more(200);
    disk.fill();
    run.wait_more(500);
    disk.free();
    run.verdict(rowtide, load, "disk full under the embedded store");
}

#[test]
fn a_full_disk_under_the_file_sink_is_waited_out() {
    let run = Run(Scene::new(Database::new("disk_sink")));
    let disk = SmallDisk::mount(&run.0.home.path().join("changes"), 1024);
    let rowtide = run.start();
    let load = run.0.load();
    rowtide.wait_log("free space there");
    disk.resize(1024 * 1024);
    run.verdict(rowtide, load, "disk full under the file sink");
}
