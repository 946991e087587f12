//! Connections: generations, sessions, first contact, children, review.

use std::collections::HashSet;

use millwright_identity::machines::connections::{
    self, Closing, OpenError, Opened, Opening, Register, Remembering,
};
use millwright_identity::machines::{certificates, device_tokens};
use millwright_schemas::api::credentials::RevokeCertificate;
use millwright_schemas::api::machines::MachineState;
use millwright_schemas::{MachineId, Timestamp};
use millwright_store::machines::connections::{NewConnection, generations};
use millwright_store::machines::revocations::Credential;
use tokio::task::JoinSet;

use crate::harness::{Platform, now};

async fn token(platform: &Platform, machine: MachineId) -> Credential {
    let admin = platform.admin();
    let made = device_tokens::create(&platform.store, &admin, machine, now()).await.unwrap();
    Credential::DeviceToken(made.id)
}

fn opening(machine: MachineId, credential: &Credential, clean_start: bool) -> Opening {
    Opening {
        connection: NewConnection {
            machine,
            gateway: "gw-1".to_owned(),
            client_id: "client".to_owned(),
            protocol: "5".to_owned(),
            remote_address: "192.0.2.1:1".to_owned(),
            at: now(),
        },
        credential: credential.clone(),
        clean_start,
        kept: false,
    }
}

fn register(platform: &Platform) -> Register {
    Register::start(platform.store.clone())
}

async fn open(platform: &Platform, machine: MachineId, credential: &Credential) -> Opened {
    register(platform).open(opening(machine, credential, false)).await.unwrap()
}

async fn close(platform: &Platform, machine: MachineId, generation: i64, kept_s: u32) -> bool {
    let closing = Closing {
        machine,
        generation,
        client_id: "client".to_owned(),
        reason: "keep-alive",
        kept_s,
        at: now(),
    };
    register(platform).close(closing).await.unwrap()
}

#[tokio::test]
async fn the_first_contact_commissions_and_shows() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let credential = token(&platform, machine).await;
    assert_eq!(open(&platform, machine, &credential).await.generation, 1);
    let found = platform.get(machine).await;
    assert_eq!(found.state, MachineState::Commissioned);
    assert_eq!(found.version, 2);
    assert!(found.connection.connected);
    assert_eq!(found.connection.protocol.as_deref(), Some("5"));
    assert_eq!(platform.audited("machine.commissioned").await.len(), 1);
    let admin = platform.admin();
    let listed = device_tokens::list(&platform.store, &admin, machine).await.unwrap();
    assert_eq!(listed.items[0].last_used_at, Some(now()));

    open(&platform, machine, &credential).await;
    assert_eq!(platform.get(machine).await.version, 2, "only the first");
}

#[tokio::test]
async fn a_later_connection_fences_the_earlier() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let credential = token(&platform, machine).await;
    let first = open(&platform, machine, &credential).await.generation;
    let second = open(&platform, machine, &credential).await.generation;
    assert!(second > first);
    assert!(!close(&platform, machine, first, 0).await, "the later one stays");
    assert!(platform.get(machine).await.connection.connected);
    let known = generations(&platform.store, &[machine]).await.unwrap();
    assert_eq!(known[&machine], second);
    assert!(close(&platform, machine, second, 0).await);
    let connection = platform.get(machine).await.connection;
    assert!(!connection.connected);
    assert_eq!(connection.reason.as_deref(), Some("keep-alive"));
    assert!(!close(&platform, machine, second, 0).await, "once");
}

#[tokio::test]
async fn a_session_goes_on_while_it_is_kept() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let credential = token(&platform, machine).await;
    let filters = vec![("mw/v1/me/down/#".to_owned(), 1)];
    let register = register(&platform);
    let generation = open(&platform, machine, &credential).await.generation;
    let put = |generation| {
        let client_id = "client".to_owned();
        let filters = filters.clone();
        register.remember(Remembering { machine, generation, client_id, filters, at: now() })
    };
    assert!(put(generation).await.unwrap());
    assert!(!put(generation - 1).await.unwrap(), "an earlier connection remembers nothing");
    close(&platform, machine, generation, 60).await;

    let at = |time: Timestamp, client_id: &str| {
        let mut opening = opening(machine, &credential, false);
        opening.connection.at = time;
        opening.connection.client_id = client_id.to_owned();
        register.open(opening)
    };
    assert_eq!(at(now(), "other").await.unwrap().earlier, None, "another session");
    let resumed = at(now().plus_seconds(59), "client").await.unwrap();
    assert_eq!(resumed.earlier.as_ref(), Some(&filters));
    close(&platform, machine, resumed.generation, 60).await;
    assert_eq!(at(now().plus_seconds(60), "client").await.unwrap().earlier, None, "expired");

    put(resumed.generation + 1).await.unwrap();
    let clean = register.open(opening(machine, &credential, true)).await.unwrap();
    assert_eq!(clean.earlier, None);
    assert_eq!(open(&platform, machine, &credential).await.earlier, None, "forgotten");
}

#[tokio::test]
async fn a_credential_revoked_meanwhile_opens_nothing() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    platform.enrolled(machine).await;
    let (store, admin) = (&platform.store, platform.admin());
    let serial = certificates::list(store, &admin, machine).await.unwrap().items.remove(0).serial;
    let credential = Credential::Certificate(serial.clone());
    open(&platform, machine, &credential).await;
    let other = platform.machine().await;
    let reason = RevokeCertificate { reason: "stolen".to_owned() };
    certificates::revoke(store, &admin, machine, &serial, &reason, now()).await.unwrap();
    for machine in [machine, other] {
        let result = register(&platform).open(opening(machine, &credential, false)).await;
        assert!(matches!(result, Err(OpenError::Revoked)), "{result:?}");
    }
}

#[tokio::test]
async fn what_comes_together_is_answered_each_by_itself() {
    let platform = Platform::start().await;
    let register = register(&platform);
    let mut openings = Vec::new();
    for _ in 0..20 {
        let machine = platform.machine().await;
        openings.push(opening(machine, &token(&platform, machine).await, false));
    }
    let strange = openings[3].credential.clone();
    openings.push(Opening { credential: strange, ..openings[4].clone() });
    let refused = openings[7].connection.machine;
    let mut peer = platform.folder.peer().await;
    let id = peer.id(refused.uuid());
    peer.refuse("machine_status", Some(&format!("NEW.machine_id = {id}")), "not this one").await;

    let mut asked = JoinSet::new();
    for opening in openings {
        let register = register.clone();
        asked.spawn(async move { (opening.connection.machine, register.open(opening).await) });
    }
    let (mut opened, mut revoked) = (Vec::new(), 0);
    for (machine, result) in asked.join_all().await {
        match result {
            Ok(one) => opened.push((machine, one.generation)),
            Err(OpenError::Revoked) => revoked += 1,
            Err(OpenError::Busy) => panic!("there is room"),
            Err(OpenError::Store(error)) => {
                assert_eq!(machine, refused, "{error}");
                assert!(!error.is_transient(), "{error:?}");
            }
        }
    }
    assert_eq!((opened.len(), revoked), (19, 1));
    for (machine, generation) in opened {
        assert_eq!(generation, 1, "once");
        assert!(platform.get(machine).await.connection.connected);
    }
    assert!(!platform.get(refused).await.connection.connected);

    peer.accept("machine_status").await;
    let credential = token(&platform, refused).await;
    assert_eq!(open(&platform, refused, &credential).await.generation, 1);
}

#[tokio::test]
async fn thousands_of_ends_refuse_nobody_who_comes_back() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let credential = token(&platform, machine).await;
    let register = register(&platform);
    let opened = register.open(opening(machine, &credential, false)).await.unwrap();
    let closing = Closing {
        machine,
        generation: opened.generation,
        client_id: "client".to_owned(),
        reason: "cut",
        kept_s: 0,
        at: now(),
    };
    let mut ends = JoinSet::new();
    for _ in 0..6_000 {
        let (register, closing) = (register.clone(), closing.clone());
        ends.spawn(async move { register.close(closing).await });
    }
    // They fill their queue.
    tokio::task::yield_now().await;
    let again = register.open(opening(machine, &credential, false)).await.unwrap();
    assert_eq!(again.generation, opened.generation + 1);
    for _ in 0..1_000 {
        ends.join_next().await.unwrap().unwrap().unwrap();
    }
    assert!(platform.get(machine).await.connection.connected, "they were of the connection before");
}

#[tokio::test]
async fn a_kept_session_exists_from_its_first_connection_on() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let credential = token(&platform, machine).await;
    let kept = Opening { kept: true, ..opening(machine, &credential, true) };
    let opened = register(&platform).open(kept).await.unwrap();
    assert_eq!(opened.earlier, None);
    close(&platform, machine, opened.generation, 60).await;
    assert_eq!(open(&platform, machine, &credential).await.earlier, Some(Vec::new()));
}

#[tokio::test]
async fn a_gateway_that_starts_anew_has_no_connections() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    let credential = token(&platform, machine).await;
    open(&platform, machine, &credential).await;
    let store = &platform.store;
    assert!(connections::reset(store, "gw-2", now()).await.unwrap().is_empty());
    assert_eq!(connections::reset(store, "gw-1", now()).await.unwrap(), [machine]);
    assert!(!platform.get(machine).await.connection.connected);
}

#[tokio::test]
async fn a_review_tells_what_is_true_now() {
    let platform = Platform::start().await;
    let gateway = platform.machine().await;
    let child = platform.machine_of(platform.root, Some(gateway)).await;
    let credential = token(&platform, gateway).await;
    let opened = open(&platform, gateway, &credential).await;
    assert_eq!(opened.children, [child]);
    let gone = Credential::DeviceToken(millwright_schemas::DeviceTokenId(uuid::Uuid::nil()));
    let live = [(gateway, credential.clone()), (child, gone)];
    let review = connections::review(&platform.store, &live, now()).await.unwrap();
    assert_eq!(review.generations[&gateway], opened.generation);
    assert_eq!(review.accepted, HashSet::from([credential]));
    assert!(review.expired.is_empty());
    assert_eq!(review.children[&gateway], HashSet::from([child]));
    assert_eq!(review.children.get(&child), None);
}

#[tokio::test]
async fn an_expired_certificate_is_no_longer_accepted() {
    let platform = Platform::start().await;
    let machine = platform.machine().await;
    platform.enrolled(machine).await;
    let (store, admin) = (&platform.store, platform.admin());
    let certificate = certificates::list(store, &admin, machine).await.unwrap().items.remove(0);
    let credential = Credential::Certificate(certificate.serial.clone());
    let live = [(machine, credential.clone()), (machine, token(&platform, machine).await)];
    let review = async |at| connections::review(store, &live, at).await.unwrap();

    let last = review(certificate.not_after).await;
    assert_eq!((last.accepted.len(), last.expired.len()), (2, 0));
    let after = Timestamp::from_micros(certificate.not_after.micros() + 1);
    let expired = review(after).await;
    assert_eq!(expired.expired, HashSet::from([credential.clone()]));
    assert_eq!(expired.accepted, HashSet::from([live[1].1.clone()]), "tokens don't expire");

    let mut late = opening(machine, &credential, true);
    late.connection.at = after;
    let result = register(&platform).open(late).await;
    assert!(matches!(result, Err(OpenError::Revoked)), "{result:?}");

    let reason = RevokeCertificate { reason: "stolen".to_owned() };
    certificates::revoke(store, &admin, machine, &certificate.serial, &reason, now())
        .await
        .unwrap();
    assert!(review(after).await.expired.is_empty(), "revoked says more");
}
