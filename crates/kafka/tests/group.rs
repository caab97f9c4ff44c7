//! Members of a group against a real broker: who leads, what each is assigned, and how each learns that the group changes.

mod support;

use bytes::Bytes;
use rowtide_kafka::{Admin, Group, GroupSettings, Joined, Standing};
use rowtide_testkit::kafka::{Broker, Extras};
use std::time::Duration;
use support::*;

const TYPE: &str = "rowtide-test";

fn member(broker: &str, group: &str, session: Duration) -> Group {
    let settings = GroupSettings {
        group: group.into(),
        protocol_type: TYPE.into(),
        session_timeout: session,
        rebalance_timeout: Duration::from_secs(20),
        heartbeat_interval: Duration::from_millis(50),
    };
    Group::new(config(broker, &[]), settings).unwrap()
}

fn protocols(metadata: &'static str) -> Vec<(String, Bytes)> {
    vec![("new".into(), Bytes::from_static(metadata.as_bytes())), ("old".into(), Bytes::from_static(b"old"))]
}

/// Hands `for <metadata>` to each member, if this one leads; answers what it is assigned itself.
async fn share(group: &mut Group, joined: &Joined) -> Bytes {
    let text = |metadata: &Bytes| Bytes::from(format!("for {}", String::from_utf8_lossy(metadata)));
    let all = joined.members.iter().map(|member| (member.id.clone(), text(&member.metadata))).collect();
    match group.sync(all).await.unwrap() {
        Standing::Good(assignment) => assignment,
        other => panic!("{other:?}"),
    }
}

async fn join(group: &mut Group, metadata: &'static str) -> (Joined, Bytes) {
    let Standing::Good(joined) = group.join(&protocols(metadata)).await.unwrap() else { panic!("the broker is silent") };
    let assignment = share(group, &joined).await;
    (joined, assignment)
}

/// Heartbeats until the group has something to say.
async fn news(group: &mut Group) -> Standing<()> {
    let news = async {
        loop {
            match group.heartbeat().await.unwrap() {
                Standing::Good(()) => {}
                other => return other,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), news).await.expect("news of the group within a minute")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_join_are_assigned_learn_of_others_and_leave() {
    let (broker, id) = (shared_broker(), unique("group"));
    let session = Duration::from_secs(10);
    let mut first = member(&broker, &id, session);
    let (alone, assignment) = join(&mut first, "first").await;
    assert!(alone.leads() && alone.members.len() == 1 && alone.protocol == "new");
    assert_eq!(assignment, "for first");
    assert_eq!(first.heartbeat().await.unwrap(), Standing::Good(()));

    let mut second = member(&broker, &id, session);
    let joining = tokio::spawn(async move {
        let (joined, assignment) = join(&mut second, "second").await;
        (second, joined, assignment)
    });
    assert_eq!(news(&mut first).await, Standing::Rejoin);
    let (together, assignment) = join(&mut first, "first").await;
    assert!(together.generation > alone.generation && together.member == alone.member, "a member keeps its id");
    assert_eq!((together.members.len(), assignment), (2, Bytes::from_static(b"for first")));
    let (mut second, joined, assignment) = joining.await.unwrap();
    // who is no member sees the same
    let admin = Admin::new(config(&broker, &[])).unwrap();
    let mut seen: Vec<Bytes> = admin.group_members(&id).await.unwrap().into_iter().map(|member| member.metadata).collect();
    seen.sort();
    assert_eq!(seen, ["first", "second"]);
    assert_eq!(admin.group_members("nobody's").await.unwrap(), []);
    assert!(!joined.leads() && joined.members.is_empty() && joined.leader == together.member);
    assert_eq!(assignment, "for second");

    first.leave("the test says so").await;
    assert_eq!(news(&mut second).await, Standing::Rejoin);
    let (alone, _) = join(&mut second, "second").await;
    assert!(alone.leads() && alone.members.len() == 1);
    second.leave("so does this one").await;
    assert_eq!(admin.group_members(&id).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_silent_for_too_long_has_lost_its_place_and_joins_anew() {
    let (broker, id) = (shared_broker(), unique("silent"));
    let mut silent = member(&broker, &id, Duration::from_secs(6));
    let (before, _) = join(&mut silent, "silent").await;
    // it says nothing, and another one comes: the broker gives it up after its session
    let mut other = member(&broker, &id, Duration::from_secs(30));
    let (joined, _) = join(&mut other, "other").await;
    assert_eq!(joined.members.len(), 1);
    assert_eq!(news(&mut silent).await, Standing::Lost);
    assert!(silent.joined().is_none());
    let joining = tokio::spawn(async move { join(&mut silent, "silent").await.0 });
    assert_eq!(news(&mut other).await, Standing::Rejoin);
    join(&mut other, "other").await;
    let after = joining.await.unwrap();
    assert_ne!(after.member, before.member, "a member that was given up gets a new id");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waiting_does_not_cure_is_an_error() {
    let (broker, id) = (shared_broker(), unique("refused"));
    let mut first = member(&broker, &id, Duration::from_secs(10));
    join(&mut first, "first").await;
    let mut stranger = member(&broker, &id, Duration::from_secs(10));
    let error = stranger.join(&[("unheard of".into(), Bytes::new())]).await.unwrap_err().to_string();
    assert!(error.contains("INCONSISTENT_GROUP_PROTOCOL") && error.contains(&id), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_that_is_away_is_waited_for() {
    let mut broker = Broker::new();
    broker.format(&Extras::default());
    start(&mut broker).await;
    let mut alone = member(&broker.address(), "waits", Duration::from_secs(120));
    let (before, _) = join(&mut alone, "alone").await;
    broker.stop(true);
    assert_eq!(alone.heartbeat().await.unwrap(), Standing::Good(()), "within its session it stays what it is");
    start(&mut broker).await;
    eventually("the broker knows the member again", Duration::from_secs(60), async || {
        let heard = alone.heartbeat().await;
        heard.is_ok_and(|standing| standing == Standing::Good(())) && alone.joined() == Some(&before)
    })
    .await;
    // Longer than its session nobody may keep what was assigned.
    let mut short = member(&broker.address(), "short", Duration::from_secs(6));
    join(&mut short, "short").await;
    broker.stop(true);
    assert_eq!(news(&mut short).await, Standing::Silent);
    assert_eq!(short.join(&protocols("short")).await.unwrap(), Standing::Silent);
}
