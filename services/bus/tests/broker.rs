//! The bus with a real broker in a real child process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use millwright_bus::limits::{PAYLOAD_MAX_BYTES, SUBSCRIPTION_QUEUE_MESSAGES};
use millwright_bus::topics::{self, Wake};
use millwright_bus::{
    Bus, BusMessage, BusStats, Endpoint, ExternalBroker, PublishError, SubscribeError, Supervisor,
};
use millwright_schemas::MachineId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

const BROKER: &str = env!("CARGO_BIN_EXE_millwright-bus-broker");
/// Far longer than anything here takes: a test that waits for this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

fn supervisor() -> Supervisor {
    Supervisor::start(PathBuf::from(BROKER), Vec::new())
}

async fn until<T: Clone>(watch: &mut watch::Receiver<T>, condition: impl FnMut(&T) -> bool) -> T {
    timeout(PATIENCE, watch.wait_for(condition)).await.expect("in time").unwrap().clone()
}

async fn up(supervisor: &Supervisor) -> Endpoint {
    until(&mut supervisor.endpoint(), Option::is_some).await.unwrap()
}

async fn subscribed(bus: &Bus, filters: usize) {
    until(&mut bus.status(), |status| status.subscribed == filters).await;
}

async fn next(messages: &mut mpsc::Receiver<BusMessage>) -> BusMessage {
    timeout(PATIENCE, messages.recv()).await.expect("in time").unwrap()
}

/// For numbers that nothing announces.
async fn until_stats(bus: &Bus, condition: impl Fn(&BusStats) -> bool) {
    let reached = async {
        while !condition(&bus.stats()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{:?}", bus.stats()));
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(pid.try_into().unwrap()), signal).unwrap();
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

async fn until_gone(port: u16) {
    let gone = async {
        while listens(port) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("the broker ends");
}

#[tokio::test]
async fn a_message_reaches_all_who_want_it() {
    let supervisor = supervisor();
    let (sender, receiver) = (Bus::supervised(&supervisor), Bus::supervised(&supervisor));
    let mut wakes = receiver.subscribe(topics::wake(Wake::Jobs)).unwrap();
    let mut same = receiver.subscribe(topics::wake(Wake::Jobs)).unwrap();
    let mut live = receiver.subscribe(topics::LIVE_FILTER).unwrap();
    subscribed(&receiver, 2).await;

    let machine = MachineId("0198b2c4-7c1e-7000-8000-0123456789ab".parse().unwrap());
    let largest = vec![7; PAYLOAD_MAX_BYTES];
    sender.publish(topics::wake(Wake::Jobs), "").unwrap();
    sender.publish(topics::live(machine), largest.clone()).unwrap();

    assert_eq!(next(&mut wakes).await.topic, topics::wake(Wake::Jobs));
    assert_eq!(next(&mut same).await.topic, topics::wake(Wake::Jobs));
    let copy = next(&mut live).await;
    assert_eq!((copy.topic, copy.payload), (topics::live(machine), largest.into()));
    assert!(wakes.try_recv().is_err() && same.try_recv().is_err());
    sender.close().await;
    receiver.close().await;
    supervisor.stop().await;
}

#[tokio::test]
async fn what_nobody_wants_does_not_disturb_the_publisher() {
    let supervisor = supervisor();
    let bus = Bus::supervised(&supervisor);
    for number in 0..500 {
        bus.publish(format!("mwbus/v1/nobody/{number}"), "x").unwrap();
    }
    let mut wakes = bus.subscribe(topics::wake(Wake::Events)).unwrap();
    subscribed(&bus, 1).await;
    bus.publish(topics::wake(Wake::Events), "").unwrap();
    next(&mut wakes).await;
    let stats = bus.stats();
    assert_eq!((stats.published, stats.connections, stats.failures), (501, 1, 0));
}

#[tokio::test]
async fn a_killed_broker_is_replaced_and_clients_subscribe_again() {
    let supervisor = supervisor();
    let bus = Bus::supervised(&supervisor);
    let mut wakes = bus.subscribe(topics::wake(Wake::Jobs)).unwrap();
    subscribed(&bus, 1).await;
    let before = up(&supervisor).await;

    let pid = supervisor.health().borrow().pid.unwrap();
    signal(pid, Signal::SIGKILL);
    until(&mut supervisor.health(), |health| health.restarts == 1 && health.up).await;
    until(&mut bus.status(), |status| status.connections == 2 && status.subscribed == 1).await;

    let after = up(&supervisor).await;
    assert_ne!(before.credentials, after.credentials);
    bus.publish(topics::wake(Wake::Jobs), "again").unwrap();
    assert_eq!(next(&mut wakes).await.payload, "again");
    let health = supervisor.health().borrow().clone();
    assert!(health.last_failure.unwrap().contains("signal: 9"));
}

#[tokio::test]
async fn a_broker_that_stops_answering_is_killed_and_replaced() {
    let supervisor = supervisor();
    let stopped = up(&supervisor).await.port;
    let pid = supervisor.health().borrow().pid.unwrap();
    signal(pid, Signal::SIGSTOP);
    let health =
        until(&mut supervisor.health(), |health| health.up && health.pid != Some(pid)).await;
    assert_eq!(health.restarts, 1);
    assert!(health.last_failure.unwrap().contains("doesn't answer"));
    assert!(!listens(stopped));
}

#[tokio::test]
async fn a_stopped_supervisor_leaves_no_broker() {
    let supervisor = supervisor();
    let endpoint = up(&supervisor).await;
    supervisor.stop().await;
    assert!(!listens(endpoint.port));

    let dropped = self::supervisor();
    let endpoint = up(&dropped).await;
    drop(dropped);
    until_gone(endpoint.port).await;
}

#[tokio::test]
async fn the_broker_ends_with_a_killed_parent() {
    let mut parent = Command::new(BROKER).arg("supervise").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (_pid, port) = line.trim().split_once(' ').unwrap();
    let port = port.parse().unwrap();
    assert!(listens(port));
    parent.kill().unwrap();
    parent.wait().unwrap();
    until_gone(port).await;
}

#[tokio::test]
async fn a_broker_that_can_not_start_is_tried_again_and_the_reason_is_known() {
    let supervisor = Supervisor::start(PathBuf::from("/does/not/exist"), Vec::new());
    let health = until(&mut supervisor.health(), |health| health.restarts >= 2).await;
    assert!(!health.up && health.pid.is_none());
    assert!(health.last_failure.unwrap().contains("/does/not/exist"));
    assert!(supervisor.endpoint().borrow().is_none());
}

#[tokio::test]
async fn only_the_credentials_of_this_start_are_accepted() {
    let supervisor = supervisor();
    let Endpoint { port, credentials, .. } = up(&supervisor).await;
    let credentials = credentials.unwrap();
    let open = |user: &str, password: &str| {
        let url = format!("mqtt://{user}:{password}@127.0.0.1:{port}");
        Bus::external(&ExternalBroker::new(&url, None).unwrap())
    };
    let stranger = open(&credentials.user, "wrong");
    let nobody =
        Bus::external(&ExternalBroker::new(&format!("mqtt://127.0.0.1:{port}"), None).unwrap());
    let friend = open(&credentials.user, &credentials.password);
    until(&mut friend.status(), |status| status.connected).await;
    for refused in [stranger, nobody] {
        until_stats(&refused, |stats| stats.failures >= 2).await;
        assert_eq!(refused.stats().connections, 0);
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_costs_bounded_memory() {
    let supervisor = supervisor();
    let bus = Bus::supervised(&supervisor);
    let mut unread = bus.subscribe(topics::wake(Wake::Events)).unwrap();
    let mut read = bus.subscribe(topics::wake(Wake::Jobs)).unwrap();
    subscribed(&bus, 2).await;
    let sent = SUBSCRIPTION_QUEUE_MESSAGES + 200;
    for _ in 0..sent {
        bus.publish(topics::wake(Wake::Events), "x").unwrap();
    }
    until_stats(&bus, |stats| stats.received + stats.receive_dropped == sent as u64).await;
    assert_eq!(bus.stats().receive_dropped, 200);

    // Others go on as if nothing were.
    bus.publish(topics::wake(Wake::Jobs), "x").unwrap();
    next(&mut read).await;
    let mut kept = 0;
    while unread.try_recv().is_ok() {
        kept += 1;
    }
    assert_eq!(kept, SUBSCRIPTION_QUEUE_MESSAGES);
}

#[tokio::test]
async fn readers_and_clients_may_leave_in_the_middle_of_traffic() {
    let supervisor = supervisor();
    let bus = Bus::supervised(&supervisor);
    for round in 1..=20 {
        let client = Bus::supervised(&supervisor);
        let mut wakes = client.subscribe(topics::wake(Wake::Events)).unwrap();
        let unread = client.subscribe("mwbus/v1/#").unwrap();
        subscribed(&client, 2).await;
        for _ in 0..200 {
            bus.publish(topics::wake(Wake::Events), "x").unwrap();
        }
        next(&mut wakes).await;
        drop(unread);
        if round % 2 == 0 {
            client.close().await;
        }
    }
    until_stats(&bus, |stats| stats.published == 4_000).await;
    let health = supervisor.health().borrow().clone();
    assert_eq!((health.up, health.restarts), (true, 0));
}

#[tokio::test]
async fn a_filter_that_nobody_reads_any_more_is_given_back() {
    let supervisor = supervisor();
    let bus = Bus::supervised(&supervisor);
    let dropped = bus.subscribe("mwbus/v1/#").unwrap();
    let mut kept = bus.subscribe(topics::wake(Wake::Jobs)).unwrap();
    subscribed(&bus, 2).await;
    drop(dropped);
    bus.publish(topics::wake(Wake::Jobs), "1").unwrap();
    subscribed(&bus, 1).await;
    next(&mut kept).await;
    let again = bus.subscribe("mwbus/v1/#").unwrap();
    subscribed(&bus, 2).await;
    drop(again);
}

#[tokio::test]
async fn without_a_broker_publishing_neither_waits_nor_grows() {
    let unused = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let bus = Bus::external(&ExternalBroker::new(&format!("mqtt://{unused}"), None).unwrap());
    for _ in 0..100 {
        bus.publish(topics::wake(Wake::Jobs), vec![0; PAYLOAD_MAX_BYTES]).unwrap();
    }
    assert!(bus.stats().publish_dropped >= 60, "{:?}", bus.stats());
    until_stats(&bus, |stats| stats.failures >= 2).await;
    bus.close().await;
}

#[tokio::test]
async fn what_waits_is_sent_before_a_client_closes() {
    let supervisor = supervisor();
    let (sender, receiver) = (Bus::supervised(&supervisor), Bus::supervised(&supervisor));
    let mut wakes = receiver.subscribe(topics::wake(Wake::Jobs)).unwrap();
    subscribed(&receiver, 1).await;
    until(&mut sender.status(), |status| status.connected).await;
    for number in 0..500 {
        sender.publish(topics::wake(Wake::Jobs), format!("{number}")).unwrap();
    }
    sender.close().await;
    for number in 0..500 {
        assert_eq!(next(&mut wakes).await.payload, format!("{number}"));
    }
}

#[tokio::test]
async fn topics_that_would_harm_a_broker_are_refused() {
    let unused = ExternalBroker::new("mqtt://127.0.0.1:1", None).unwrap();
    let bus = Bus::external(&unused);
    for topic in ["", "grün", "a b", "a/+", "#", "$SYS/x", "a\u{0}", &"x".repeat(513)] {
        assert!(matches!(bus.publish(topic, ""), Err(PublishError::Topic(_))), "{topic:?}");
    }
    for filter in ["", "grün/+", "a/#/b", "a+", "$share/g/x", "a\n"] {
        assert!(matches!(bus.subscribe(filter), Err(SubscribeError::Filter(_))), "{filter:?}");
    }
    let too_large = bus.publish("a", vec![0; PAYLOAD_MAX_BYTES + 1]);
    assert_eq!(too_large, Err(PublishError::Payload(PAYLOAD_MAX_BYTES + 1)));
}

#[test]
fn the_broker_refuses_to_start_without_its_configuration() {
    let mut broker =
        Command::new(BROKER).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    broker.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    assert!(!broker.wait().unwrap().success());
}
