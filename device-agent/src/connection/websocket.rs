//! What a connection over WebSocket needs: its address, and the proof that stands in for the
//! client's certificate, as TLS may end at a proxy.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use millwright_schemas::Timestamp;
use millwright_schemas::api::enrollment::TrustChain;
use millwright_schemas::wire::connect::{ConnectClaims, PROOF_LIFE_MAX_S, PROOF_TYP};
use reqwest::Url;

use crate::certificates;
use crate::http::{Client, HttpError, Pins, check_url};
use crate::identity::{Identity, IdentityError};
use crate::trusted_time::{TimeKeeper, TimeState};

/// Where machines connect, below the platform's URL.
const PATH: &str = "/mqtt";

/// Why there can be no connection over WebSocket.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebSocketError {
    #[error(transparent)]
    Url(#[from] HttpError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("the proof of the certificate's key can't be made: {0}")]
    Proof(#[from] jsonwebtoken::errors::Error),
}

/// All of it.
#[derive(Debug)]
pub(super) struct WebSocketLink {
    pub(super) url: String,
    pub(super) is_encrypted: bool,
    pub(super) proof: String,
}

impl WebSocketLink {
    /// Prepares a connection at the platform's URL, under the rules of every other call to it.
    pub(super) async fn prepare(
        identity: &Identity,
        time: &TimeKeeper,
    ) -> Result<Self, WebSocketError> {
        let base = check_url(&identity.server_url, identity.insecure_http)?;
        let now = signing_time(identity, time).await;
        let proof = sign(identity, &base, now)?;
        let is_encrypted = base.scheme() == "https";
        let scheme = if is_encrypted { "wss" } else { "ws" };
        let rest = base.as_str().trim_start_matches(base.scheme()).trim_end_matches('/');
        Ok(Self { url: format!("{scheme}{rest}{PATH}"), is_encrypted, proof })
    }
}

/// The time to sign with. A machine whose time isn't signed yet signs with the platform's, as for a
/// renewal: its clock may be unset.
async fn signing_time(identity: &Identity, time: &TimeKeeper) -> Timestamp {
    let known = time.best_guess();
    if time.state() == TimeState::Signed {
        return known;
    }
    match server_time(identity).await {
        Ok(Some(date)) => Timestamp::from_millis(date.saturating_mul(1_000)),
        Ok(None) => known,
        Err(error) => {
            tracing::debug!(%error, "the platform's time isn't known");
            known
        }
    }
}

async fn server_time(identity: &Identity) -> Result<Option<i64>, HttpError> {
    let authorities = certificates::parse_bundle(&identity.trust.ca_certificates, "the CA bundle");
    let pins = Pins::Certificates(authorities.unwrap_or_default());
    let client = Client::new(&identity.server_url, identity.insecure_http, pins)?;
    let path = format!("/trust?after={}", identity.trust.version);
    Ok(client.get::<TrustChain>(&path).await?.date)
}

fn sign(identity: &Identity, base: &Url, now: Timestamp) -> Result<String, WebSocketError> {
    let certificate = certificates::serial(&identity.certificate).map_err(IdentityError::from)?;
    let claims = ConnectClaims {
        sub: identity.machine_id,
        certificate,
        aud: base.host_str().unwrap_or_default().to_ascii_lowercase(),
        iat: now.seconds(),
        exp: now.seconds().saturating_add(PROOF_LIFE_MAX_S),
    };
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some(PROOF_TYP.to_owned());
    let key = EncodingKey::from_ec_pem(identity.private_key.as_bytes())?;
    Ok(jsonwebtoken::encode(&header, &claims, &key)?)
}
