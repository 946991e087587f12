//! Who may connect, as whom, and for how long: with the real database.

use std::time::Duration;

use millwright_gateway::presence::Presence;
use millwright_gateway::settings::Settings;
use millwright_identity::machines::attempts::Rate;
use millwright_identity::machines::connections;
use millwright_schemas::topics::{self, UpChannel};
use uuid::Uuid;

use crate::packets::{CONNACK_V3, Connect, disconnect_v5, puback_v5, publish, subscribe, v3, v5};
use crate::site::{Authority, Site, server_tls};

/// A review only when the test wakes it.
fn rarely() -> Settings {
    Settings { review_interval: Duration::from_secs(3_600), ..Settings::default() }
}

fn often() -> Settings {
    Settings { review_interval: Duration::from_millis(20), ..Settings::default() }
}

#[tokio::test]
async fn a_device_token_is_an_identity() {
    let mut site = Site::start().await;
    let machine = site.register(None).await;
    let other = site.register(None).await;
    let token = site.token(machine).await;
    let user_name = machine.to_string();
    let connect =
        Connect { user_name: Some(&user_name), password: Some(token.expose().as_bytes()), ..v3() };
    let mut client = site.dial(None).await;
    client.send(&connect.bytes()).await;
    client.expect(&CONNACK_V3).await;
    client.send(&publish(4, "mw/v1/me/up/events", 1, b"x")).await;
    assert_eq!(site.message().await.uplink.machine, machine);

    let other = other.to_string();
    for (connect, code) in [
        (Connect { user_name: Some(&other), ..connect.clone() }, 4),
        (Connect { password: Some(b"mwd_wrong"), ..connect.clone() }, 4),
        (Connect { password: Some(b""), ..connect.clone() }, 4),
    ] {
        let mut client = site.dial(None).await;
        client.send(&connect.bytes()).await;
        client.expect(&[0x20, 2, 0, code]).await;
        client.expect_end().await;
    }

    site.revoke_all(machine).await;
    site.directory.wake();
    client.expect_end().await;
    let mut client = site.dial(None).await;
    client.send(&connect.bytes()).await;
    client.expect(&[0x20, 2, 0, 4]).await;
}

#[tokio::test]
async fn certificates_that_are_not_the_machines_are_refused() {
    let site = Site::start().await;
    let (machine, _) = site.machine().await;
    // Of our CA, but never issued, or for another name.
    for name in [
        machine.to_string(),
        machine.to_string().to_uppercase(),
        format!("{machine} "),
        "admin".to_owned(),
        Uuid::now_v7().to_string(),
    ] {
        let papers = site.authority.issue(&name, &[1, 2, 3]);
        let mut client = site.dial(Some(&papers)).await;
        client.send(&v3().bytes()).await;
        client.expect(&[0x20, 2, 0, 5]).await;
        client.expect_end().await;
    }
    // Of another CA.
    let papers = Authority::new().issue(&machine.to_string(), &[1, 2, 3]);
    if let Ok(mut client) = site.try_dial(site.client_tls(Some(&papers))).await {
        assert!(client.try_packet().await.is_err());
    }
    assert_eq!(site.metrics.machines.get(), 0);
}

#[tokio::test]
async fn a_client_id_is_no_identity() {
    let mut site = Site::start().await;
    let (one, one_papers) = site.machine().await;
    let (other, other_papers) = site.machine().await;
    let name = one.to_string();
    let mut first = site.connect(&one_papers, &Connect { client_id: &name, ..v3() }).await;
    let mut second = site.connect(&other_papers, &Connect { client_id: &name, ..v3() }).await;
    first.ping().await;
    second.send(&publish(4, "mw/v1/me/up/events", 1, b"x")).await;
    assert_eq!(site.message().await.uplink.machine, other);
    let foreign = topics::up(one, UpChannel::Events);
    second.send(&publish(4, &foreign, 1, b"x")).await;
    second.expect_end().await;
    assert!(site.no_message_waits());

    // Nor does the other's kept session come with its client id.
    let kept = Connect { client_id: "same", clean: false, ..v3() };
    let mut first = site.connect(&one_papers, &kept).await;
    first.send(&subscribe(4, 1, &[("mw/v1/me/down/#", 1)])).await;
    first.packet().await;
    let mut second = site.dial(Some(&other_papers)).await;
    second.send(&kept.bytes()).await;
    second.expect(&CONNACK_V3).await;
    first.ping().await;
}

#[tokio::test]
async fn revocation_cuts_a_live_connection_at_a_wake_up() {
    let mut site = Site::with(rarely()).await;
    let (machine, papers) = site.machine().await;
    let (_, others) = site.machine().await;
    let mut client = site.connect(&papers, &v5()).await;
    let mut unconcerned = site.connect(&others, &v5()).await;
    site.revoke_all(machine).await;
    client.ping().await;
    site.directory.wake();
    client.expect(&disconnect_v5(0x98)).await;
    client.expect_end().await;
    site.notice(machine, Presence::Disconnected("revoked")).await;
    unconcerned.ping().await;
    let mut again = site.dial(Some(&papers)).await;
    again.send(&v5().bytes()).await;
    again.expect(&[0x20, 3, 0, 0x87, 0]).await;
}

#[tokio::test]
async fn revocation_cuts_a_live_connection_without_a_wake_up() {
    let site = Site::with(often()).await;
    let (machine, papers) = site.machine().await;
    let mut client = site.connect(&papers, &v5()).await;
    site.revoke_all(machine).await;
    client.expect(&disconnect_v5(0x98)).await;
    client.expect_end().await;
}

#[tokio::test]
async fn a_connection_at_another_gateway_takes_over() {
    let site = Site::with(rarely()).await;
    let (machine, papers) = site.machine().await;
    let mut client = site.connect(&papers, &v5()).await;
    let tx = site.store.begin().await.unwrap();
    let elsewhere = millwright_store::machines::connections::NewConnection {
        machine,
        gateway: "another".to_owned(),
        client_id: "c".to_owned(),
        protocol: "5".to_owned(),
        remote_address: "192.0.2.1:1".to_owned(),
        at: crate::site::now(),
    };
    millwright_store::machines::connections::open(&tx, elsewhere).await.unwrap();
    tx.commit().await.unwrap();
    site.directory.wake();
    client.expect(&disconnect_v5(0x8E)).await;
    client.expect_end().await;
    assert!(site.connection(machine).await.connected, "closed in place of its successor");
}

#[tokio::test]
async fn a_connection_that_was_taken_for_ended_is_opened_anew() {
    let site = Site::with(rarely()).await;
    let (machine, papers) = site.machine().await;
    let mut client = site.connect(&papers, &v5()).await;
    // As another process does that thinks this one gone.
    connections::reset(&site.store, "test", crate::site::now()).await.unwrap();
    assert!(!site.connection(machine).await.connected);
    site.directory.wake();
    client.expect(&disconnect_v5(0x8E)).await;
    client.expect_end().await;
    let _again = site.connect(&papers, &v5()).await;
    assert!(site.connection(machine).await.connected);
}

#[tokio::test]
async fn the_end_of_a_connection_that_could_not_be_recorded_is_recorded_later() {
    let short = Duration::from_millis(50);
    let site = Site::with(Settings { left_interval: short, left_after: short, ..rarely() }).await;
    let (machine, papers) = site.machine().await;
    let _live = site.connect(&papers, &v5()).await;
    // One that has ended while the database was away: recorded, and not there.
    let ghost = site.register(None).await;
    let tx = site.store.begin().await.unwrap();
    let left = millwright_store::machines::connections::NewConnection {
        machine: ghost,
        gateway: "test".to_owned(),
        client_id: "c".to_owned(),
        protocol: "5".to_owned(),
        remote_address: "192.0.2.1:1".to_owned(),
        at: crate::site::now(),
    };
    millwright_store::machines::connections::open(&tx, left).await.unwrap();
    tx.commit().await.unwrap();
    let waited = async {
        while site.connection(ghost).await.connected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap();
    assert_eq!(site.connection(ghost).await.reason.as_deref(), Some("lost"));
    assert!(site.connection(machine).await.connected, "a live one stays");
}

#[tokio::test]
async fn children_come_and_go_with_the_database() {
    let mut site = Site::with(rarely()).await;
    let (parent, papers) = site.machine().await;
    let child = site.register(Some(parent)).await;
    let stranger = site.register(None).await;
    let mut client = site.connect(&papers, &v5()).await;
    client.send(&publish(5, &topics::up(child, UpChannel::Telemetry), 1, b"x")).await;
    let held = site.message().await;
    assert_eq!((held.uplink.sender, held.uplink.machine), (parent, child));
    held.uplink.acks.clone().unwrap().advance(1);
    client.expect(&puback_v5(1, 0)).await;
    client.send(&publish(5, &topics::up(stranger, UpChannel::Telemetry), 2, b"x")).await;
    client.expect(&puback_v5(2, 0x87)).await;

    client.send(&subscribe(5, 3, &[(&topics::down_filter(child), 1)])).await;
    client.expect(&[0x90, 4, 0, 3, 0, 1]).await;
    site.notice(child, Presence::Reachable).await;
    let payload = bytes::Bytes::from_static(b"jws");
    let command = topics::DownChannel::Command;
    site.gateway.send_down(child, command, payload.clone()).unwrap();
    client.expect(&publish(5, &topics::down(child, command), 1, b"jws")).await;

    let late = site.register(Some(parent)).await;
    site.directory.wake();
    // Becomes a child at the review; until then the topic is refused.
    let topic = topics::up(late, UpChannel::Telemetry);
    let mut id = 10;
    loop {
        client.send(&publish(5, &topic, id, b"x")).await;
        client.send(&crate::packets::PINGREQ).await;
        let answer = client.packet().await;
        if answer == crate::packets::PINGRESP {
            break;
        }
        assert_eq!(answer, puback_v5(id, 0x87));
        client.expect(&crate::packets::PINGRESP).await;
        id += 1;
    }
    assert_eq!(site.message().await.uplink.machine, late);
}

#[tokio::test]
async fn a_rotated_ca_counts_for_new_connections() {
    let site = Site::start().await;
    let (machine, papers) = site.machine().await;
    let mut before = site.connect(&papers, &v3()).await;
    let next = Authority::new();
    site.tls.replace(server_tls(&[&site.authority, &next]));
    let renewed = next.issue(&machine.to_string(), &[9]);
    let mut client = site.dial(Some(&renewed)).await;
    client.send(&v3().bytes()).await;
    // Trusted by TLS now, though this one was never issued by the platform.
    client.expect(&[0x20, 2, 0, 5]).await;
    before.ping().await;
    let mut old = site.connect(&papers, &v3()).await;
    old.ping().await;
}

#[tokio::test]
async fn without_a_database_the_client_is_told_to_come_again() {
    let site = Site::with(rarely()).await;
    let (_, papers) = site.machine().await;
    site.store.close().await;
    for (connect, answer) in [(v3(), vec![0x20, 2, 0, 3]), (v5(), vec![0x20, 3, 0, 0x88, 0])] {
        let mut client = site.dial(Some(&papers)).await;
        client.send(&connect.bytes()).await;
        client.expect(&answer).await;
        client.expect_end().await;
    }
}

#[tokio::test]
async fn an_expired_certificate_ends_a_live_connection() {
    let mut site = Site::with(often()).await;
    let machine = site.register(None).await;
    // Long enough to connect, whatever the computer is busy with.
    for seconds in [1, 4, 16] {
        let papers = site.certify_for(machine, seconds).await;
        let mut client = site.dial(Some(&papers)).await;
        client.send(&v5().bytes()).await;
        if client.packet().await[3] != 0 {
            continue;
        }
        client.expect(&disconnect_v5(0xA0)).await;
        client.expect_end().await;
        site.notice(machine, Presence::Disconnected("expired")).await;
        let mut again = site.dial(Some(&papers)).await;
        again.send(&v5().bytes()).await;
        again.expect(&[0x20, 3, 0, 0x87, 0]).await;
        return;
    }
    panic!("never connected in time");
}

/// Two at once, and no more in the time of a test.
const TWO: Rate = Rate { burst: 2, every: Duration::from_secs(86_400) };

#[tokio::test]
async fn a_machine_that_connects_too_often_is_told_to_come_later() {
    let mut site = Site::with(Settings { connects: TWO, ..Settings::default() }).await;
    let (machine, papers) = site.machine().await;
    let (_, others) = site.machine().await;
    let mut first = site.connect(&papers, &v3()).await;
    let mut second = site.connect(&papers, &v5()).await;
    first.expect_end().await;
    site.notice(machine, Presence::Disconnected("takeover")).await;
    for (connect, answer) in [(v3(), vec![0x20, 2, 0, 3]), (v5(), vec![0x20, 3, 0, 0x97, 0])] {
        let mut client = site.dial(Some(&papers)).await;
        client.send(&connect.bytes()).await;
        client.expect(&answer).await;
        client.expect_end().await;
    }
    second.ping().await;
    assert!(site.connection(machine).await.connected, "the live connection stays");
    site.connect(&others, &v3()).await.ping().await;
}

#[tokio::test]
async fn an_address_whose_tokens_are_refused_is_told_to_come_later() {
    let site = Site::with(Settings { refusals: TWO, ..Settings::default() }).await;
    let (machine, papers) = site.machine().await;
    let token = site.token(machine).await;
    let user_name = machine.to_string();
    let right =
        Connect { user_name: Some(&user_name), password: Some(token.expose().as_bytes()), ..v3() };
    let wrong = Connect { password: Some(b"mwd_wrong"), ..right.clone() };
    // What is accepted doesn't count.
    for (connect, code) in [(&right, 0), (&right, 0), (&wrong, 4), (&wrong, 4), (&right, 3)] {
        let mut client = site.dial(None).await;
        client.send(&connect.bytes()).await;
        client.expect(&[0x20, 2, 0, code]).await;
    }
    site.connect(&papers, &v3()).await.ping().await;
}

#[tokio::test]
async fn a_refused_certificate_locks_out_nobody_but_itself() {
    let site = Site::with(Settings { refusals: TWO, ..Settings::default() }).await;
    let (machine, stolen) = site.machine().await;
    site.revoke_all(machine).await;
    let renewed = site.certify(machine).await;
    for code in [5, 5, 3, 3] {
        let mut client = site.dial(Some(&stolen)).await;
        client.send(&v3().bytes()).await;
        client.expect(&[0x20, 2, 0, code]).await;
    }
    site.connect(&renewed, &v3()).await.ping().await;
}
