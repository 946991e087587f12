//! Through real sockets: acknowledgement, takeover, limits, ends.

use std::time::Duration;

use bytes::Bytes;
use millwright_gateway::presence::Presence;
use millwright_gateway::registry::NotTaken;
use millwright_gateway::session::End;
use millwright_gateway::settings::{Pace, SessionTimes, Settings};
use millwright_identity::machines::attempts::Rate;
use millwright_schemas::topics::DownChannel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::packets::{
    Connect, DISCONNECT, WILL, disconnect_v5, puback, puback_v5, publish, subscribe, v3, v5,
};
use crate::site::{Site, soon};

#[tokio::test]
async fn puback_comes_only_after_the_commit_and_in_order() {
    let mut site = Site::start().await;
    let (machine, papers) = site.machine().await;
    let mut client = site.connect(&papers, &v3()).await;
    client.send(&publish(4, "mw/v1/me/up/telemetry", 7, b"one")).await;
    client.send(&publish(4, "mw/v1/me/up/events", 3, b"two")).await;
    let first = site.message().await;
    let second = site.message().await;
    assert_eq!((first.uplink.sender, first.uplink.machine), (machine, machine));
    assert_eq!(&second.uplink.payload[..], b"two");
    client.ping().await;
    let acks = first.uplink.acks.clone().unwrap();
    acks.advance(1);
    client.expect(&puback(7)).await;
    client.ping().await;
    acks.advance(1);
    client.expect(&puback(3)).await;
    assert_eq!(site.metrics.acks.get(), 2);
}

#[tokio::test]
async fn a_failed_commit_closes_without_puback() {
    let mut site = Site::start().await;
    let (machine, papers) = site.machine().await;
    for (connect, goodbye) in [(v3(), None), (v5(), Some(disconnect_v5(0x83)))] {
        let mut client = site.connect(&papers, &connect).await;
        client.send(&publish(connect.level, "mw/v1/me/up/events", 1, b"x")).await;
        client.send(&publish(connect.level, "mw/v1/me/up/events", 2, b"x")).await;
        let held = site.message().await;
        site.message().await;
        let acks = held.uplink.acks.clone().unwrap();
        acks.advance(1);
        let first = if connect.level == 5 { puback_v5(1, 0) } else { puback(1) };
        client.expect(&first).await;
        acks.fail();
        // What is counted after a failure may pass over the message that failed.
        acks.advance(1);
        if let Some(goodbye) = goodbye {
            client.expect(&goodbye).await;
        }
        client.expect_end().await;
        site.notice(machine, Presence::Disconnected("failed")).await;
    }
}

#[tokio::test]
async fn a_later_connection_takes_over() {
    let mut site = Site::start().await;
    let (machine, papers) = site.machine().await;
    let mut first = site.connect(&papers, &v5()).await;
    let mut second = site.connect(&papers, &Connect { client_id: "other", ..v5() }).await;
    first.expect(&disconnect_v5(0x8E)).await;
    first.expect_end().await;
    site.notice(machine, Presence::Disconnected("takeover")).await;
    // The first one's end leaves the second's seat alone.
    second.send(&subscribe(5, 1, &[("mw/v1/me/down/#", 1)])).await;
    second.packet().await;
    assert!(site.gateway.registry().is_connected(machine));
    assert!(site.connection(machine).await.connected);
    site.gateway.send_down(machine, DownChannel::Time, Bytes::from_static(b"t")).unwrap();
    second.expect(&publish(5, "mw/v1/me/down/time", 1, b"t")).await;

    second.send(&publish(5, "mw/v1/me/up/events", 1, b"x")).await;
    let late = site.message().await.uplink.generation;
    second.send(&DISCONNECT).await;
    site.notice(machine, Presence::Disconnected("disconnected")).await;
    let mut third = site.connect(&papers, &v5()).await;
    third.send(&publish(5, "mw/v1/me/up/events", 1, b"x")).await;
    assert!(site.message().await.uplink.generation > late);
}

#[tokio::test]
async fn messages_from_the_bus_reach_the_machine() {
    let mut site = Site::start().await;
    let (machine, papers) = site.machine().await;
    let payload = Bytes::from_static(b"jws");
    assert_eq!(
        site.gateway.send_down(machine, DownChannel::Command, payload.clone()),
        Err(NotTaken::NotConnected)
    );
    let mut client = site.connect(&papers, &v3()).await;
    client.send(&subscribe(4, 1, &[("mw/v1/me/down/#", 1)])).await;
    client.expect(&[0x90, 3, 0, 1, 1]).await;
    site.notice(machine, Presence::Reachable).await;
    site.down.send((machine, DownChannel::Command, payload)).await.unwrap();
    client.expect(&publish(4, "mw/v1/me/down/command", 1, b"jws")).await;
    client.send(&puback(1)).await;
    client.ping().await;
}

#[tokio::test]
async fn a_kept_session_survives_the_gateway() {
    let mut site = Site::start().await;
    let (machine, papers) = site.machine().await;
    let kept = Connect { clean: false, ..v3() };
    let mut client = site.dial(Some(&papers)).await;
    client.send(&kept.bytes()).await;
    client.expect(&[0x20, 2, 0, 0]).await;
    client.send(&DISCONNECT).await;
    site.notice(machine, Presence::Disconnected("disconnected")).await;

    // Without a filter it is a session all the same: who only publishes keeps what it has.
    let mut client = site.dial(Some(&papers)).await;
    client.send(&kept.bytes()).await;
    client.expect(&[0x20, 2, 1, 0]).await;
    client.send(&subscribe(4, 1, &[("mw/v1/me/down/#", 1)])).await;
    client.expect(&[0x90, 3, 0, 1, 1]).await;
    drop(client);
    site.notice(machine, Presence::Disconnected("lost")).await;

    let mut client = site.dial(Some(&papers)).await;
    client.send(&kept.bytes()).await;
    client.expect(&[0x20, 2, 1, 0]).await;
    site.notice(machine, Presence::Reachable).await;
    site.gateway.send_down(machine, DownChannel::Time, Bytes::from_static(b"t")).unwrap();
    client.expect(&publish(4, "mw/v1/me/down/time", 1, b"t")).await;

    let mut other = site.dial(Some(&papers)).await;
    other.send(&Connect { client_id: "another", clean: false, ..v3() }.bytes()).await;
    other.expect(&[0x20, 2, 0, 0]).await;
}

#[tokio::test]
async fn silent_sockets_block_nobody_and_are_closed() {
    let settings = Settings {
        handshakes_max: 1,
        handshake_timeout: Duration::from_secs(2),
        ..Settings::default()
    };
    let site = Site::with(settings).await;
    let (_, papers) = site.machine().await;
    let mut silent = Vec::new();
    for bytes in [&[][..], &[0x16, 3, 1][..], &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3][..]] {
        let mut socket = TcpStream::connect(site.address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        silent.push(socket);
    }
    let mut client = site.connect(&papers, &v3()).await;
    for socket in &mut silent {
        let mut rest = Vec::new();
        let _ = soon(socket.read_to_end(&mut rest)).await;
        assert!(rest.is_empty());
    }
    assert_eq!(site.metrics.handshakes.with_label_values(&["timeout"]).get(), 3);
    client.ping().await;
}

#[tokio::test]
async fn connect_must_come_in_time() {
    let session =
        SessionTimes { connect_timeout: Duration::from_millis(100), ..SessionTimes::default() };
    let site = Site::with(Settings { session, ..Settings::default() }).await;
    let mut client = site.dial(None).await;
    client.expect_end().await;
    assert_eq!(site.metrics.refusals.with_label_values(&["connect_timeout"]).get(), 1);
}

#[tokio::test]
async fn who_does_not_read_is_cut() {
    let session =
        SessionTimes { write_stall_timeout: Duration::from_millis(200), ..SessionTimes::default() };
    let mut site = Site::with(Settings { session, ..Settings::default() }).await;
    let (machine, papers) = site.machine().await;
    let mut client = site.connect(&papers, &v3()).await;
    client.send(&subscribe(4, 1, &[("mw/v1/me/down/#", 0)])).await;
    client.packet().await;
    let payload = Bytes::from(vec![b'x'; 200_000]);
    let why = soon(async {
        loop {
            let _ = site.gateway.send_down(machine, DownChannel::Config, payload.clone());
            if let Some(why) = site.ended(machine) {
                return why;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    assert_eq!(why.await, "write_stall");
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed() {
    let site = Site::with(Settings { connections_max: 1, ..Settings::default() }).await;
    let (_, papers) = site.machine().await;
    let mut client = site.connect(&papers, &v3()).await;
    assert!(site.try_dial(site.client_tls(Some(&papers))).await.is_err());
    assert!(site.gateway.enter(([127, 0, 0, 1], 1).into()).is_none(), "nor by another door");
    client.ping().await;
}

#[tokio::test]
async fn a_network_that_connects_too_fast_is_closed_by_every_door_and_others_are_not() {
    let arrivals = Rate { burst: 2, every: Duration::from_secs(3_600) };
    let site = Site::with(Settings { arrivals, ..Settings::default() }).await;
    let (_, papers) = site.machine().await;
    let mut client = site.connect(&papers, &v3()).await;
    let _second = site.gateway.enter(([127, 0, 0, 1], 1).into()).unwrap();
    assert!(site.try_dial(site.client_tls(Some(&papers))).await.is_err());
    assert!(site.gateway.enter(([127, 0, 0, 1], 2).into()).is_none(), "nor by another door");
    assert!(site.gateway.enter(([192, 0, 2, 7], 1).into()).is_some(), "another network");
    assert_eq!(site.metrics.handshakes.with_label_values(&["too_fast"]).get(), 1);
    assert_eq!(site.metrics.websockets.with_label_values(&["too_fast"]).get(), 1);
    client.ping().await;
}

#[tokio::test]
async fn what_comes_by_another_door_is_a_connection_like_others() {
    let mut site = Site::start().await;
    let machine = site.register(None).await;
    let token = site.token(machine).await;
    let id = machine.to_string();
    let password = Some(token.expose().as_bytes());
    let connect = Connect { user_name: Some(&id), password, ..v5() };
    let mut stream = site.gateway.enter(([192, 0, 2, 7], 7).into()).unwrap();
    stream.write_all(&connect.bytes()).await.unwrap();
    let mut connack = [0; 4];
    soon(stream.read_exact(&mut connack)).await.unwrap();
    assert_eq!((connack[0], connack[3]), (0x20, 0), "{connack:x?}");
    assert!(site.connection(machine).await.connected);

    // Its end is an end without DISCONNECT.
    drop(stream);
    site.notice(machine, Presence::Disconnected("lost")).await;

    // The gateway's stop is told there, too.
    let mut silent = site.gateway.enter(([192, 0, 2, 7], 8).into()).unwrap();
    site.gateway.stop().await;
    let mut rest = Vec::new();
    soon(silent.read_to_end(&mut rest)).await.unwrap();
    assert!(site.gateway.enter(([192, 0, 2, 7], 9).into()).is_none());
}

#[tokio::test]
async fn the_will_is_handed_in_when_the_connection_breaks() {
    let mut site = Site::start().await;
    let (machine, papers) = site.machine().await;
    let connect = Connect { will: Some(WILL), ..v3() };
    drop(site.connect(&papers, &connect).await);
    let will = site.message().await.uplink;
    assert_eq!((will.machine, &will.payload[..]), (machine, &b"gone"[..]));
    assert!(will.acks.is_none());

    let mut client = site.connect(&papers, &connect).await;
    client.send(&DISCONNECT).await;
    client.expect_end().await;
    site.notice(machine, Presence::Disconnected("disconnected")).await;
    assert!(site.no_message_waits());
}

#[tokio::test]
async fn beyond_the_receive_maximum_is_held_back_without_loss() {
    let mut site = Site::start().await;
    let (_, papers) = site.machine().await;
    let mut client = site.connect(&papers, &v3()).await;
    for id in 1..=150_u16 {
        client.send(&publish(4, "mw/v1/me/up/events", id, &id.to_be_bytes())).await;
    }
    let mut acks = None;
    for id in 1..=150_u16 {
        let held = site.message().await;
        assert_eq!(&held.uplink.payload[..], id.to_be_bytes());
        let line = acks.get_or_insert_with(|| held.uplink.acks.clone().unwrap());
        line.advance(1);
        client.expect(&puback(id)).await;
    }
    client.ping().await;
}

#[tokio::test]
async fn stopping_says_goodbye() {
    let mut site = Site::start().await;
    let (machine, papers) = site.machine().await;
    let mut client = site.connect(&papers, &Connect { will: Some(WILL), ..v5() }).await;
    let _silent = TcpStream::connect(site.address).await.unwrap();
    let mut undecided = site.dial(None).await;
    let gateway = std::sync::Arc::clone(&site.gateway);
    let stopped = tokio::spawn(async move { gateway.stop().await });
    client.expect(&disconnect_v5(0x8B)).await;
    client.expect_end().await;
    undecided.expect_end().await;
    drop((client, undecided));
    soon(stopped).await.unwrap();
    assert_eq!(site.metrics.connections.get(), 0, "connections outlive the stop");
    assert!(site.no_message_waits(), "a will at shutdown");
    let connection = site.connection(machine).await;
    assert_eq!((connection.connected, connection.reason.as_deref()), (false, Some("shutdown")));
    assert!(TcpStream::connect(site.address).await.is_err(), "still listening");
}

#[tokio::test]
async fn an_operator_can_disconnect_a_machine() {
    let site = Site::start().await;
    let (machine, papers) = site.machine().await;
    assert!(!site.gateway.registry().disconnect(machine, End::Revoked));
    let mut client = site.connect(&papers, &v5()).await;
    assert!(site.gateway.registry().disconnect(machine, End::Revoked));
    client.expect(&disconnect_v5(0x98)).await;
    client.expect_end().await;
}

#[tokio::test]
async fn who_sends_too_fast_is_held_back_without_loss() {
    let pace = Pace { messages_per_s: 1_000, messages_burst: 20, ..Pace::default() };
    let mut site = Site::with(Settings { pace, ..Settings::default() }).await;
    let (_, papers) = site.machine().await;
    let mut client = site.connect(&papers, &v3()).await;
    let sent: Vec<u8> = (1..=150_u16)
        .flat_map(|id| publish(4, "mw/v1/me/up/events", id, &id.to_be_bytes()))
        .collect();
    client.send(&sent).await;
    for id in 1..=150_u16 {
        let held = site.message().await;
        assert_eq!(&held.uplink.payload[..], id.to_be_bytes());
        held.uplink.acks.as_ref().unwrap().advance(1);
        client.expect(&puback(id)).await;
    }
    client.ping().await;
    assert!(site.metrics.throttles.get() > 0);
}

#[tokio::test]
async fn a_machine_that_reports_events_too_fast_is_held_back_without_loss() {
    let events = Rate { burst: 5, every: Duration::from_millis(20) };
    let mut site = Site::with(Settings { events, ..Settings::default() }).await;
    let (_, papers) = site.machine().await;
    let (_, neighbour) = site.machine().await;
    let mut other = site.connect(&neighbour, &v5()).await;
    let mut client = site.connect(&papers, &v5()).await;
    let sent: Vec<u8> = (1..=40_u16)
        .flat_map(|id| publish(5, "mw/v1/me/up/events", id, &id.to_be_bytes()))
        .collect();
    client.send(&sent).await;
    for id in 1..=40_u16 {
        let held = site.message().await;
        assert_eq!(&held.uplink.payload[..], id.to_be_bytes());
        held.uplink.acks.as_ref().unwrap().advance(1);
        client.expect(&puback_v5(id, 0)).await;
    }
    let pauses = site.metrics.throttles.get();
    assert!(pauses > 0, "it was never held back");
    // Samples don't count, and another machine has a pace of its own.
    for id in 1..=40_u16 {
        other.send(&publish(5, "mw/v1/me/up/telemetry", id, b"{}")).await;
        site.message().await.uplink.acks.as_ref().unwrap().advance(1);
        other.expect(&puback_v5(id, 0)).await;
    }
    assert_eq!(site.metrics.throttles.get(), pauses);
    client.ping().await;
}
