//! Exactly once with a transaction that its coordinator aborts, because the worker slept (SIGSTOP: a machine that was suspended, a container that was
//! frozen) for longer than `transaction.timeout.ms`.

use rowtide_system_tests::audit::{Load, Mix};
use rowtide_system_tests::group::{AT_ONCE, LONG, Scene};
use rowtide_system_tests::scene::note;
use rowtide_testkit::rowtide::Home;
use rowtide_testkit::{kafka, wait_until};

/// What the coordinator says of the task's transaction: `Ongoing`, `CompleteCommit`, `CompleteAbort` …
fn transaction(scene: &Scene) -> String {
    let id = format!("{}-{}-0", scene.group.name, scene.database.name);
    let broker = kafka();
    let words = ["--bootstrap-server", &broker, "describe", "--transactional-id", &id];
    let done = rowtide_testkit::kafka::java("org.apache.kafka.tools.TransactionsCommand", &words).output().expect("java");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    // a line of titles, then CoordinatorId, TransactionalId, ProducerId, ProducerEpoch, TransactionState …
    let state = text.lines().find(|line| line.contains(&id)).and_then(|line| line.split_whitespace().nth(4));
    state.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&done.stderr))).to_owned()
}

#[test]
fn a_worker_that_sleeps_past_its_transactions_timeout_says_so_and_goes_on_with_each_change_once() {
    let scene = Scene::new("once_expired").committed(&kafka());
    let (home, name) = (Home::default(), scene.database.name.clone());
    // it stays a member: only the coordinator of transactions loses patience
    let worker = format!("{AT_ONCE}session.timeout.ms=120000\nexactly.once.source.support=enabled\n");
    let rowtide = home.distributed(&scene.group, &worker);
    let config = scene.database.connector(&[
        ("table.include.list", "public.orders"),
        ("publication.autocreate.mode", "filtered"),
        ("poll.interval.ms", "50"),
        // while changes come there is an open transaction nearly always
        ("transaction.boundary", "interval"),
        ("transaction.boundary.interval.ms", "2000"),
        ("producer.override.transaction.timeout.ms", "4000"),
    ]);
    rowtide.rest.create(&name, &config, None);
    rowtide.rest.wait_running(&name);
    let load = Load::start(&scene.database, Mix::All);
    scene.records_come();
    wait_until("the coordinator aborts a transaction of the worker that sleeps", LONG, || {
        rowtide.signal("-STOP");
        match transaction(&scene).as_str() {
            // once it is open it stays so until it is aborted
            "Ongoing" | "PrepareAbort" => {
                wait_until("it is aborted", LONG, || (transaction(&scene) == "CompleteAbort").then_some(()));
                Some(())
            }
            "CompleteAbort" => Some(()),
            _ => {
                rowtide.signal("-CONT");
                None
            }
        }
    });
    rowtide.signal("-CONT");
    let trace = wait_until("the task says so", LONG, || {
        let (_, task, trace) = rowtide.rest.state(&name);
        (task == "FAILED").then_some(trace)
    });
    assert!(trace.contains("raise producer.override.transaction.timeout.ms") && trace.contains("restart the task"), "{trace}");
    assert_eq!(rowtide.rest.send("POST", &format!("/connectors/{name}/restart?includeTasks=true"), None).status, 202);
    scene.goes_on(&rowtide.rest);
    assert_eq!(scene.verdict(load), 0, "no change is committed twice");
    rowtide.stop();
    note(
        "the worker sleeps past transaction.timeout.ms",
        "exactly once",
        "the task fails with the remedy; restarted, each change committed once",
    );
}
