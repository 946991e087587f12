//! A widespread client, in both versions.

use std::time::Duration;

use bytes::Bytes;
use millwright_schemas::topics::{self, DownChannel, UpChannel};

use crate::site::{Site, soon};

/// What is asked of both versions alike.
macro_rules! talks {
    ($name:ident, $($module:ident)::+) => {
        #[tokio::test]
        async fn $name() {
            use $($module)::+::mqttbytes::QoS;
            use $($module)::+::{AsyncClient, Event, Incoming, MqttOptions};

            let mut site = Site::start().await;
            let (machine, papers) = site.machine().await;
            let mut options = MqttOptions::new("rumqttc", "localhost", site.address.port());
            options.set_transport(rumqttc::Transport::tls_with_config(
                rumqttc::TlsConfiguration::Rustls(site.client_tls(Some(&papers))),
            ));
            options.set_keep_alive(Duration::from_secs(30));
            let (client, mut events) = AsyncClient::new(options, 10);
            client.subscribe(topics::down_filter(machine), QoS::AtLeastOnce).await.unwrap();
            let topic = topics::up(machine, UpChannel::Telemetry);
            client.publish(topic, QoS::AtLeastOnce, false, &b"{}"[..]).await.unwrap();

            let (mut subscribed, mut acknowledged) = (false, false);
            while !(subscribed && acknowledged) {
                tokio::select! {
                    held = site.message() => {
                        assert_eq!(&held.uplink.payload[..], b"{}");
                        held.uplink.acks.clone().unwrap().advance(1);
                    }
                    event = events.poll() => match event.unwrap() {
                        Event::Incoming(Incoming::SubAck(_)) => subscribed = true,
                        Event::Incoming(Incoming::PubAck(_)) => acknowledged = true,
                        _ => {}
                    },
                }
            }
            let payload = Bytes::from_static(b"jws");
            site.gateway.send_down(machine, DownChannel::Command, payload).unwrap();
            let received = soon(async {
                loop {
                    let event = events.poll().await.unwrap();
                    if let Event::Incoming(Incoming::Publish(publish)) = event {
                        return (Bytes::from(publish.topic), publish.payload);
                    }
                }
            });
            let (topic, payload) = received.await;
            assert_eq!(topic, topics::down(machine, DownChannel::Command));
            assert_eq!(&payload[..], b"jws");
            client.disconnect().await.unwrap();
            soon(async { while events.poll().await.is_ok() {} }).await;
            site.notice(
                machine,
                millwright_gateway::presence::Presence::Disconnected("disconnected"),
            )
            .await;
        }
    };
}

talks!(mqtt_3_1_1, rumqttc);
talks!(mqtt_5, rumqttc::v5);
