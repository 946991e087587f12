//! TLS of both doors: the MQTT server's certificate, from the platform's own CA and renewed by
//! itself, and the HTTPS server's, from files.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use millwright_gateway::tls::{TlsMaterial, TlsSetting, server_config};
use millwright_identity::machines::Trust;
use millwright_schemas::Timestamp;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;
use crate::worker::now;

/// Longest wait between two looks at the certificate.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);
/// Pause after a certificate couldn't be issued.
const FAILURE_PAUSE: Duration = Duration::from_secs(30);
/// A certificate is renewed when less than this share of its life is left.
const RENEW_SHARE: i64 = 3;

/// Issues a certificate for these hosts; the CAs that machines' certificates may come from are
/// those that are trusted now. Also tells when it should be renewed.
pub(crate) fn issue(trust: &Trust, hosts: &[String]) -> anyhow::Result<(ServerConfig, Timestamp)> {
    let (state, issued_at) = (trust.current(), now());
    let certificate = state
        .issue_server_certificate(hosts, issued_at)
        .with_context(|| format!("no certificate can be issued for {}", hosts.join(", ")))?;
    let life = certificate.not_after.micros_since(issued_at);
    let renew_at = certificate.not_after.plus_micros(-life / RENEW_SHARE);
    let material = TlsMaterial {
        chain: certificate.chain,
        key: certificate.key,
        authorities: state.authorities(),
    };
    Ok((server_config(material)?, renew_at))
}

/// Replaces the certificate and the trusted CAs when they change or the certificate ages.
pub(crate) async fn keep_current(
    trust: Trust,
    hosts: Vec<String>,
    setting: TlsSetting,
    mut renew_at: Timestamp,
    stop: CancellationToken,
) {
    let mut changes = trust.subscribe();
    changes.mark_unchanged();
    loop {
        let left = renew_at.micros_since(now()).max(0).unsigned_abs();
        let wait = Duration::from_micros(left).min(LOOK_AGAIN);
        let changed = tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.changed() => match changed {
                Ok(()) => true,
                Err(_) => return,
            },
            () = tokio::time::sleep(wait) => false,
        };
        if !changed && now() < renew_at {
            continue;
        }
        match issue(&trust, &hosts) {
            Ok((config, next)) => {
                setting.replace(config);
                renew_at = next;
                tracing::info!(renew_at = %next, "MQTT server certificate issued");
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "MQTT server certificate");
                renew_at = now();
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

/// HTTPS with this chain and key.
pub(crate) fn https(files: &TlsFiles) -> anyhow::Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(&files.cert)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .with_context(|| format!("--tls-cert {}", files.cert.display()))?;
    if chain.is_empty() {
        bail!("--tls-cert {}: no certificate in it", files.cert.display());
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("--tls-key {}", files.key.display()))?;
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .context("--tls-cert and --tls-key don't fit together")?;
    Ok(Arc::new(config))
}
