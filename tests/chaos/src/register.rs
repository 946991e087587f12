//! Registers the simulated machines.

use std::sync::Arc;

use anyhow::Context as _;
use millwright_tests::{Api, device};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::machine::Identity;

/// Of so many machines one has a certificate, the others a token.
const CERTIFICATE_EVERY: u32 = 4;
/// Machines that are registered at once.
const REGISTERED_AT_ONCE: usize = 8;

/// The first has a certificate, and with it the CA that all trust.
pub(crate) async fn machines(api: &Api, count: u32) -> anyhow::Result<Vec<Identity>> {
    let (first, ca) = with_certificate(api, 0).await?;
    let anonymous = device::tls(&ca, None);
    let mut machines = vec![first];
    let mut registering = JoinSet::new();
    for number in 1..count {
        while registering.len() >= REGISTERED_AT_ONCE {
            machines.push(registering.join_next().await.context("one is registered")???);
        }
        let (api, anonymous) = (api.clone(), Arc::clone(&anonymous));
        registering.spawn(async move {
            if number.is_multiple_of(CERTIFICATE_EVERY) {
                return Ok(with_certificate(&api, number).await?.0);
            }
            let id = api.create_machine(&format!("machine-{number}")).await;
            let token = api.device_token(&id).await;
            let machine: Uuid = id.parse()?;
            anyhow::Ok(Identity {
                root: root(machine),
                machine,
                tls: anonymous,
                token: Some(token),
            })
        });
    }
    while let Some(machine) = registering.join_next().await {
        machines.push(machine??);
    }
    // In whatever order they were registered.
    machines.sort_by_key(|identity| identity.machine);
    Ok(machines)
}

async fn with_certificate(api: &Api, number: u32) -> anyhow::Result<(Identity, String)> {
    let id = api.create_machine(&format!("machine-{number}")).await;
    let code = api.enrollment_code(&id).await;
    let (key, csr) = device::request();
    let answer = api.post("/enroll", &json!({ "code": code, "csr": csr })).await?;
    let text = |name: &str| answer[name].as_str().with_context(|| name.to_owned());
    let (certificate, ca) = (text("certificate")?, text("ca_certificates")?);
    let key = key.serialize_pem();
    let identity = Identity {
        machine: id.parse()?,
        root: text("topic_root")?.to_owned(),
        tls: device::tls(ca, Some((certificate, &key))),
        token: None,
    };
    Ok((identity, ca.to_owned()))
}

fn root(machine: Uuid) -> String {
    let id = machine.to_string();
    format!("mw/v1/{}/{id}", &id[id.len() - 2..])
}
