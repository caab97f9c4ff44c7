//! Backups in an object store, through a server of S3's protocol that checks signatures (S3Proxy, `ROWTIDE_TEST_S3`), which
//! keeps objects as files under `ROWTIDE_TEST_S3_BUCKETS`: what was put there is read beside Rowtide.

use std::fs;
use std::net::TcpListener;

use rowtide_system_tests::audit::{self, Load, Mix};
use rowtide_system_tests::backups;
use rowtide_system_tests::certificates::{Certificates, STORE_PASSWORD};
use rowtide_system_tests::group::{self, AT_ONCE};
use rowtide_system_tests::scene::{LONG, Scene};
use rowtide_testkit::postgres::{Database, Server};
use rowtide_testkit::proxy::Proxy;
use rowtide_testkit::rowtide::{Home, refused, said};
use rowtide_testkit::s3::{self, Place, USER, log_in};
use rowtide_testkit::wait_until;

/// Properties of a worker that backs up there every 200 ms.
fn backed_up(place: &Place, endpoint: &str) -> String {
    format!("rowtide.backup.directory={}\nrowtide.backup.s3.endpoint={endpoint}\nrowtide.backup.interval.ms=200\n", place.url())
}

/// Waits until a backup with the connector's configuration and offsets is there.
fn wait_backup(place: &Place, name: &str) {
    wait_until("a backup is in the store", LONG, || {
        let backup = backups::newest(place.objects())?;
        backup.connector(name).filter(|kept| kept.config.is_some() && !kept.offsets.is_empty()).map(|_| ())
    });
}

#[test]
fn lost_offsets_come_back_from_a_bucket_with_no_gap_and_no_second_snapshot() {
    // of its own: what others write lets the slot move on while nothing is captured
    let server = Server::new("autovacuum = off\ncheckpoint_timeout = 1h");
    let place = Place::new("store");
    let lines = format!("{}rowtide.backup.keep=5", backed_up(&place, &s3::endpoint()));
    let mut scene = Scene::new(Database::on(&server.url(), "store")).worker(&lines);
    log_in(&mut scene.home, USER.1);
    fs::create_dir_all(place.objects()).expect("a directory");
    fs::write(place.objects().join("notes"), "mine").expect("an object of somebody else");
    let (home, name) = (&scene.home, scene.database.name.clone());
    let rowtide = scene.stream();
    scene.wait_snapshot();
    let load = scene.load();
    scene.wait_more(500);
    load.stop();
    scene.wait_end();
    wait_until("a backup holds what the slot was told", LONG, || {
        let confirmed: i64 = scene.database.slot("confirmed_flush_lsn - '0/0'").parse().ok()?;
        let backup = backups::newest(place.objects())?;
        let (_, offset) = backup.connector(&name)?.offsets.first()?.clone();
        let told = ["lsn", "lsn_commit", "rowtide_idle"].iter().filter_map(|key| offset.int(key)).max()?;
        (told >= confirmed).then_some(())
    });
    rowtide.kill();
    scene.database.wait_slot_free();
    // a kill may come between the writing of one and the removal of another
    assert!((1..=6).contains(&backups::list(place.objects()).len()));
    assert_eq!(fs::read_to_string(place.objects().join("notes")).expect("it is left alone"), "mine");

    fs::remove_file(scene.offsets_file()).expect("the offsets are lost");
    audit::transactions(&scene.database.url(), Mix::All, 20);
    let before = scene.count();
    let worker = ["--worker", "worker.properties"];
    let offsets = |words: &[&str]| home.offsets(&[words, &worker].concat());
    let listed = said(&offsets(&["show", "--backups"]));
    assert_eq!(listed.lines().count(), backups::list(place.objects()).len(), "{listed}");
    let dry = said(&offsets(&["restore"]));
    assert!(dry.contains("(now: none)") && dry.contains("nothing was written"), "{dry}");
    // the same one by its whole name, from elsewhere
    let (newest, _) = listed.lines().last().expect("a backup").split_once("  ").expect("its name");
    let whole = format!("{}/{newest}", place.url());
    assert!(said(&offsets(&["diff", &whole, newest, "--backup-dir", &place.url()])).contains("no difference"));
    let done = said(&offsets(&["restore", &whole, "--apply"]));
    assert!(done.contains(&format!("{name}: written")), "{done}");

    let rowtide = scene.stream();
    scene.wait_end();
    rowtide.stop();
    let records = scene.records();
    assert!(records.len() > before && !records[before..].iter().any(|record| record.value["op"] == "r"), "a second snapshot");
    audit::check(&scene.database, &records);
    let taken = said(&offsets(&["backup", "--config", &format!("{name}.json")]));
    assert!(taken.starts_with(&format!("{}/rowtide-", place.url())) && taken.contains("1 connectors"), "{taken}");
    let rewind = ["rewind", "--connector", &name, "--to-time", "2020-01-01T00:00:00Z"];
    assert!(refused(&offsets(&rewind)).contains("no backup from before 2020"));
}

#[test]
fn workers_of_a_group_back_up_into_a_bucket() {
    let (scene, place) = (group::Scene::new("store_group"), Place::new("store_group"));
    let mut home = Home::default();
    log_in(&mut home, USER.1);
    let rowtide = home.distributed(&scene.group, &format!("{AT_ONCE}{}", backed_up(&place, &s3::endpoint())));
    scene.create(&rowtide.rest);
    let load = Load::start(&scene.database, Mix::NoDeletes);
    scene.goes_on(&rowtide.rest);
    wait_backup(&place, &scene.database.name);
    scene.verdict(load);
    rowtide.stop();
}

#[test]
fn a_worker_goes_on_without_the_store_and_backs_up_once_it_answers() {
    let database = Database::new("store_away");
    database.sql(audit::SCHEMA);
    let (mut home, place, name) = (Home::default(), Place::new("store_away"), database.name.clone());
    log_in(&mut home, USER.1);
    let port = s3::endpoint().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
    let proxy = Proxy::new("store_away", port);
    proxy.refuse();
    let mut command = home.run_command(&[home.connector_file(&name, &database.connector(&[]))]);
    command.arg("--sink").arg(format!("file:{}", home.path().join("changes").display()));
    for line in backed_up(&place, &format!("http://127.0.0.1:{}", proxy.port)).lines() {
        command.args(["-D", line]);
    }
    let rowtide = home.spawn(command, std::process::Stdio::null());
    rowtide.wait_log("no backup was taken: the object store at http://127.0.0.1");
    rowtide.wait_log("rowtide.backup.s3.endpoint is its URL");
    rowtide.rest.wait_running(&name);
    let mark = audit::mark_end(&database);
    let records = || home.lines(&name).iter().map(rowtide_system_tests::topics::of_line).collect::<Vec<_>>();
    wait_until("changes come without it", LONG, || audit::has_mark(&records(), mark).then_some(()));
    assert!(backups::newest(place.objects()).is_none());
    proxy.restore();
    wait_backup(&place, &name);
    rowtide.stop();
    let stopped = backups::newest(place.objects()).expect("a clean stop is backed up");
    assert!(!stopped.connector(&name).expect("it").offsets.is_empty());
}

#[test]
fn what_keeps_backups_from_a_bucket_is_said_with_its_remedy() {
    let place = Place::new("store_refuses");
    let ask = |home: &Home, url: &str, endpoint: &str, verb: &[&str]| {
        let endpoint = format!("rowtide.backup.s3.endpoint={endpoint}");
        refused(&home.offsets(&[verb, &["--backup-dir", url, "-D", &endpoint]].concat()))
    };
    let list = ["show", "--backups"];
    let mut home = Home::default();
    log_in(&mut home, USER.1);
    let none = ask(&home, "s3://no-such-bucket/x", &s3::endpoint(), &list);
    assert!(none.contains("answered 404 NoSuchBucket") && none.contains("make the bucket 'no-such-bucket'"), "{none}");
    let gone = ask(&home, &place.url(), &s3::endpoint(), &["show", "--backup", "rowtide-2026-11-25T10-00-00.000Z.backup"]);
    assert!(gone.contains("404 NoSuchKey") && gone.contains("show --backups"), "{gone}");
    assert!(ask(&home, &place.url(), &s3::endpoint(), &["restore"]).contains("there is no backup in s3://backups/"));
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
    let away = ask(&home, &place.url(), &format!("http://127.0.0.1:{port}"), &list);
    assert!(away.contains("cannot be reached") && away.contains("Connection refused"), "{away}");
    log_in(&mut home, "another-secret");
    let wrong = ask(&home, &place.url(), &s3::endpoint(), &list);
    assert!(wrong.contains("403 SignatureDoesNotMatch") && wrong.contains("AWS_SECRET_ACCESS_KEY"), "{wrong}");
    assert!(!wrong.contains("another-secret"), "{wrong}");
    home.unset("AWS_SECRET_ACCESS_KEY");
    home.unset("AWS_ACCESS_KEY_ID");
    home.set("HOME", &home.path().display().to_string());
    let nobody = ask(&home, &place.url(), &s3::endpoint(), &list);
    assert!(nobody.contains("no credentials for the object store") && nobody.contains("~/.aws/credentials"), "{nobody}");
    // a profile, as `aws configure` writes it
    fs::create_dir(home.path().join(".aws")).expect("a directory");
    let profile = format!("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n", USER.0, USER.1);
    fs::write(home.path().join(".aws/credentials"), profile).expect("a file");
    let endpoint = format!("rowtide.backup.s3.endpoint={}", s3::endpoint());
    assert_eq!(said(&home.offsets(&["show", "--backups", "--backup-dir", &place.url(), "-D", &endpoint])), "");
}

#[test]
fn a_store_behind_https_with_a_certificate_authority_of_its_own_is_trusted_where_it_is_named() {
    let mut home = Home::default();
    log_in(&mut home, USER.1);
    let certificates = Certificates::new(home.path());
    ["store", "stranger"].iter().for_each(|name| certificates.identity(name));
    let store = s3::Secured::new(home.path(), &certificates.path("store.p12"), STORE_PASSWORD);
    fs::create_dir(home.path().join("bucket")).expect("a bucket");
    let endpoint = format!("rowtide.backup.s3.endpoint=https://127.0.0.1:{}", store.port);
    let database = Database::new("store_https");
    let file = home.connector_file(&database.name, &database.connector(&[])).display().to_string();
    fs::write(home.path().join("offsets"), "").expect("a file");
    home.worker_file(&format!("{endpoint}\nrowtide.backup.directory=s3://bucket/a/b"));
    let backup = ["backup", "--worker", "worker.properties", "--config", &file];
    for trusted in ["stranger.pem", ""] {
        home.set("AWS_CA_BUNDLE", &if trusted.is_empty() { String::new() } else { certificates.path(trusted) });
        let distrusted = refused(&home.offsets(&backup));
        assert!(distrusted.contains("is not trusted") && distrusted.contains("AWS_CA_BUNDLE"), "{distrusted}");
    }
    home.set("AWS_CA_BUNDLE", &certificates.path("store.pem"));
    let taken = said(&home.offsets(&backup));
    assert!(taken.starts_with("s3://bucket/a/b/rowtide-") && taken.contains("1 connectors"), "{taken}");
    let kept = backups::newest(&home.path().join("bucket/a/b")).expect("an object");
    assert!(kept.connector(&database.name).is_some_and(|connector| connector.config.is_some()));
    assert!(said(&home.offsets(&["show", "--backups", "--worker", "worker.properties"])).contains("1 connectors"));
}
