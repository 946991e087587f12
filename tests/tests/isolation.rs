//! A machine can neither read nor write outside its roots, whatever it tries.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::time::Duration;

use millwright_tests::raw_mqtt::Connect;
use millwright_tests::{Api, Device, Platform, RawMqtt, Version, eventually};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

const GOOD: &[u8] = br#"{"values":{"temperature":20.5}}"#;
const EVIL: &[u8] = br#"{"values":{"evil":1}}"#;

struct Scene {
    platform: Platform,
    api: Api,
    attacker: Device,
    victim: Device,
}

impl Scene {
    async fn start() -> Self {
        let platform = Platform::start().await;
        let api = platform.api().await;
        let attacker = Device::enroll(&platform, &api, "attacker").await;
        let victim = Device::enroll(&platform, &api, "victim").await;
        Self { platform, api, attacker, victim }
    }

    /// Nothing of the attacker's is to be seen at the victim.
    async fn assert_untouched(&self) {
        assert_eq!(signals(&self.api, &self.victim.machine).await, Vec::<String>::new());
        let quarantine = self.api.quarantine(&self.victim.machine).await.unwrap();
        assert!(quarantine.is_empty(), "{quarantine:?}");
        let events = format!("/machines/{}/events", self.victim.machine);
        let events = self.api.items(&events).await.unwrap();
        assert!(events.is_empty(), "{events:?}");
    }
}

async fn signals(api: &Api, machine: &str) -> Vec<String> {
    let items = api.items(&format!("/machines/{machine}/signals")).await.unwrap();
    items.iter().map(|item| item["signal"].as_str().unwrap().to_owned()).collect()
}

/// Refused: a code that says so, or the end of the connection.
fn refused(answer: &anyhow::Result<u8>) -> bool {
    answer.as_ref().map_or(true, |code| *code >= 0x80)
}

#[tokio::test]
async fn nobody_publishes_outside_their_own_root() {
    let scene = Scene::start().await;
    let (own, other) = (&scene.attacker, &scene.victim);
    let wrong_shard = format!("mw/v1/zz/{}/up/telemetry", other.machine);
    let own_shard = own.root.split('/').nth(2).unwrap();
    let topics = [
        other.topic("up/telemetry"),
        other.topic("up/events"),
        other.topic("down/command"),
        own.topic("down/command"),
        own.topic("up/#"),
        own.topic("up/+"),
        own.topic("up"),
        own.topic("up/"),
        format!("/{}", other.topic("up/telemetry")),
        format!("{}/", other.root),
        other.topic("up/telemetry").to_uppercase(),
        wrong_shard,
        format!("mw/v1/{own_shard}/{}/up/telemetry", uuid::Uuid::nil()),
        "mw/v2/me/up/telemetry".to_owned(),
        "mw/v1/ME/up/telemetry".to_owned(),
        "mw/v1/me/down/command".to_owned(),
        "mw/v1/+/+/up/telemetry".to_owned(),
        "$SYS/broker/load".to_owned(),
        format!("$share/group/{}", other.topic("up/telemetry")),
        "live/anything".to_owned(),
        "x".to_owned(),
    ];
    for version in Version::ALL {
        for topic in &topics {
            let mut connection = own.connect(version).await;
            let answer = connection.publish(topic, EVIL).await;
            assert!(refused(&answer), "{version:?} {topic:?}: {answer:?}");
        }
        let mut connection = own.connect(version).await;
        let answer = connection.publish(&own.topic("up/telemetry"), GOOD).await;
        assert_eq!(answer.expect("an acknowledgement"), 0, "its own root still works");
        // Dots mean nothing in a topic: a channel of its own that nobody knows, set aside.
        let climbing = own.topic(&format!("up/../../{}/up/telemetry", other.machine));
        let answer = connection.publish(&climbing, EVIL).await;
        assert_eq!(answer.expect("an acknowledgement"), 0);
    }
    let quarantine = scene.api.quarantine(&own.machine).await.expect("its own quarantine");
    assert_eq!(quarantine.len(), Version::ALL.len(), "{quarantine:?}");
    assert_eq!(signals(&scene.api, &own.machine).await, ["temperature"]);
    scene.assert_untouched().await;
}

#[tokio::test]
async fn nobody_subscribes_outside_their_own_root() {
    let scene = Scene::start().await;
    let (own, other) = (&scene.attacker, &scene.victim);
    let shard = own.root.split('/').nth(2).unwrap();
    let filters = [
        "#".to_owned(),
        "+/#".to_owned(),
        "/#".to_owned(),
        "mw/#".to_owned(),
        "mw/v1/#".to_owned(),
        "mw/v1/+/+/down/#".to_owned(),
        format!("mw/v1/{shard}/+/down/#"),
        "mw/v1/+/+/up/telemetry".to_owned(),
        "mw/v1/me/#".to_owned(),
        "mw/v1/me/up/#".to_owned(),
        "+/+/+/+/+/+".to_owned(),
        other.topic("#"),
        other.topic("down/#"),
        other.topic("down/command"),
        other.topic("up/telemetry"),
        own.topic("#"),
        own.topic("+/#"),
        own.topic("up/telemetry"),
        own.topic("down/../../#"),
        format!("$share/group/{}", other.topic("down/#")),
        "$share/group/#".to_owned(),
        format!("$queue/{}", other.topic("down/#")),
        "$SYS/#".to_owned(),
        "$SYS/broker/clients".to_owned(),
        "live/#".to_owned(),
    ];
    for version in Version::ALL {
        for filter in &filters {
            let mut connection = own.connect(version).await;
            let answer = connection.subscribe(filter).await;
            assert!(refused(&answer), "{version:?} {filter:?}: {answer:?}");
        }
        let mut connection = own.connect(version).await;
        for filter in [own.topic("down/#"), "mw/v1/me/down/command".to_owned()] {
            let answer = connection.subscribe(&filter).await.expect("a SUBACK");
            assert!(answer <= 1, "{version:?} {filter:?}: {answer:#x}");
        }
        // What another machine reports reaches nobody else.
        let mut speaker = other.connect(version).await;
        let code = speaker.publish(&other.topic("up/telemetry"), GOOD).await;
        assert_eq!(code.expect("an acknowledgement"), 0);
        connection.ping().await.expect("the connection works");
        assert_eq!(connection.delivered(), []);
    }
}

#[tokio::test]
async fn no_last_will_reaches_another_machine() {
    let scene = Scene::start().await;
    let (own, other) = (&scene.attacker, &scene.victim);
    for version in Version::ALL {
        for topic in [
            other.topic("up/telemetry"),
            other.topic("down/command"),
            own.topic("down/command"),
            "$SYS/x".to_owned(),
            "mw/v1/+/+/up/telemetry".to_owned(),
        ] {
            let mut connection = own.open(version).await.expect("TLS");
            let connect = Connect {
                client_id: &own.machine,
                will: Some((&topic, EVIL)),
                ..Connect::default()
            };
            let answer = connection.connect(&connect).await;
            assert!(answer.as_ref().map_or(true, |code| *code != 0), "{topic:?}: {answer:?}");
        }
        // Its own will works: dropped without goodbye, it is published.
        let signal = format!("will_{version:?}");
        let payload = format!("{{\"values\":{{\"{signal}\":1}}}}");
        let topic = own.topic("up/telemetry");
        let connect = Connect {
            client_id: &own.machine,
            will: Some((&topic, payload.as_bytes())),
            ..Connect::default()
        };
        let mut connection = own.open(version).await.expect("TLS");
        assert_eq!(connection.connect(&connect).await.expect("CONNACK"), 0);
        drop(connection);
        eventually("its own will is published", Duration::from_secs(15), async || {
            scene.api.latest(&own.machine, &signal).await
        })
        .await;
    }
    scene.assert_untouched().await;
}

#[tokio::test]
async fn nobody_borrows_an_identity() {
    let scene = Scene::start().await;
    let (own, other) = (&scene.attacker, &scene.victim);
    let token = scene.api.device_token(&own.machine).await;
    let wrong = "mwd_00000000000000000000000000000000";
    for version in Version::ALL {
        // Its own certificate, another's name.
        let named = Connect { client_id: "x", user: Some(&other.machine), ..Connect::default() };
        let mut connection = own.open(version).await.expect("TLS");
        assert_no_entry(&mut connection, &named, "another's user name").await;

        // No certificate.
        for (user, password) in [
            (None, None),
            (Some(&other.machine), None),
            (Some(&other.machine), Some("")),
            (Some(&other.machine), Some(wrong)),
            (Some(&other.machine), Some(token.as_str())),
            (Some(&own.machine), Some(wrong)),
        ] {
            let user = user.map(String::as_str);
            let connect = Connect { client_id: "x", user, password, ..Connect::default() };
            let mut connection = own.open_without_certificate(version).await.expect("TLS");
            assert_no_entry(&mut connection, &connect, "no certificate").await;
        }
        // The same with the right token works.
        let user = Some(own.machine.as_str());
        let connect =
            Connect { client_id: "x", user, password: Some(&token), ..Connect::default() };
        let mut connection = own.open_without_certificate(version).await.expect("TLS");
        assert_eq!(connection.connect(&connect).await.expect("CONNACK"), 0);
        let code = connection.publish(&other.topic("up/telemetry"), EVIL).await;
        assert!(refused(&code), "a token is no wider than a certificate: {code:?}");
    }
    scene.assert_untouched().await;
}

async fn assert_no_entry(connection: &mut RawMqtt, connect: &Connect<'_>, what: &str) {
    let answer = connection.connect(connect).await;
    assert!(answer.as_ref().map_or(true, |code| *code != 0), "{what}: {answer:?}");
}

#[tokio::test]
async fn no_foreign_or_expired_certificate_is_accepted() {
    let scene = Scene::start().await;
    let victim = &scene.victim;
    let foreign_ca = ca_parts();
    let real = real_ca(&scene.platform);
    let cases = [
        ("of another CA", forged(&victim.machine, &foreign_ca, 2020, 2099)),
        ("expired", forged(&victim.machine, &real, 2020, 2021)),
        ("not yet valid", forged(&victim.machine, &real, 2098, 2099)),
        // Signed by the real CA's key but never issued: its serial number isn't known.
        ("never issued", forged(&victim.machine, &real, 2020, 2099)),
        ("of no machine", forged("admin", &real, 2020, 2099)),
    ];
    for (what, (certificate, key)) in cases {
        let forged = Device { certificate, key, ..victim.clone() };
        for version in Version::ALL {
            let Ok(mut connection) = forged.open(version).await else { continue };
            let connect = Connect {
                client_id: &victim.machine,
                user: Some(&victim.machine),
                ..Connect::default()
            };
            assert_no_entry(&mut connection, &connect, what).await;
        }
    }
    victim.connect(Version::V5).await.ping().await.expect("the real one works");
}

fn ca_parts() -> Issuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Millwright CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Issuer::new(params, KeyPair::generate().unwrap())
}

/// The platform's own CA, read from its data folder: the worst thief there is.
fn real_ca(platform: &Platform) -> Issuer<'static, KeyPair> {
    let mut files = std::fs::read_dir(platform.data_dir().join("keys")).expect("the keys");
    let is_ca = |name: &str| name.starts_with("ca-") && name.ends_with(".pem");
    let file = files.find_map(|file| {
        let path = file.expect("a file").path();
        is_ca(&path.file_name()?.to_string_lossy()).then_some(path)
    });
    let text = std::fs::read(file.expect("the CA's key file")).expect("the CA");
    let certificate = CertificateDer::from_pem_slice(&text).expect("its certificate");
    let key = PrivateKeyDer::from_pem_slice(&text).expect("its key");
    let key = KeyPair::try_from(&key).expect("a usable key");
    Issuer::from_ca_cert_der(&certificate, key).expect("the platform's CA")
}

fn forged(
    name: &str,
    issuer: &Issuer<'_, KeyPair>,
    from_year: i32,
    to_year: i32,
) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = date_time_ymd(from_year, 1, 1);
    params.not_after = date_time_ymd(to_year, 1, 1);
    let certificate = params.signed_by(&key, issuer).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

#[tokio::test]
async fn a_borrowed_client_id_disturbs_nobody() {
    let scene = Scene::start().await;
    for version in Version::ALL {
        let mut victim = scene.victim.connect(version).await;
        let mut attacker = scene.attacker.open(version).await.expect("TLS");
        let connect = Connect { client_id: &scene.victim.machine, ..Connect::default() };
        // Client ids count within a machine: whether it is let in or not, it is itself.
        if attacker.connect(&connect).await.is_ok_and(|code| code == 0) {
            let code = attacker.publish("mw/v1/me/up/telemetry", GOOD).await;
            assert_eq!(code.expect("an acknowledgement"), 0);
            assert_eq!(signals(&scene.api, &scene.attacker.machine).await, ["temperature"]);
        }
        victim.ping().await.expect("the victim is still connected");
    }
    scene.assert_untouched().await;
}

#[tokio::test]
async fn only_a_parent_speaks_for_its_children() {
    let platform = Platform::start().await;
    let api = platform.api().await;
    let parent = Device::enroll(&platform, &api, "gateway").await;
    let stranger = Device::enroll(&platform, &api, "stranger").await;
    let child = json!({
        "name": "old press", "serial_number": "P-1", "parent_id": parent.machine,
    });
    let child = api.create_machine_with(child).await;
    let child = Device::enroll_machine(&platform, &api, &child).await;
    for version in Version::ALL {
        let mut connection = parent.connect(version).await;
        let code = connection.publish(&child.topic("up/telemetry"), GOOD).await;
        assert_eq!(code.expect("an acknowledgement"), 0, "the parent speaks for the child");
        let code = connection.subscribe(&child.topic("down/#")).await.expect("a SUBACK");
        assert!(code <= 1, "the parent listens for the child: {code:#x}");

        for (who, topic) in [
            (&stranger, child.topic("up/telemetry")),
            (&stranger, parent.topic("up/telemetry")),
            (&child, parent.topic("up/telemetry")),
        ] {
            let mut connection = who.connect(version).await;
            let code = connection.publish(&topic, EVIL).await;
            assert!(refused(&code), "{version:?} {topic}: {code:?}");
        }
        for (who, filter) in [(&stranger, child.topic("down/#")), (&child, parent.topic("down/#"))]
        {
            let mut connection = who.connect(version).await;
            let code = connection.subscribe(&filter).await;
            assert!(refused(&code), "{version:?} {filter}: {code:?}");
        }
    }
    assert_eq!(signals(&api, &child.machine).await, ["temperature"]);
    assert_eq!(signals(&api, &parent.machine).await, Vec::<String>::new());
}
