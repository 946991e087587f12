//! Keeping the identity current: waiting for enrolment, renewing, following the trust chain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millwright_schemas::api::enrollment::TrustChain;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::certificates;
use crate::http::{Client, HttpError, Pins};
use crate::identity::Identity;
use crate::limits::{
    ENROLMENT_POLL, RENEWAL_INTERVAL, TRUST_BUNDLES, TRUST_INTERVAL, TRUST_INTERVAL_FAILING,
};
use crate::renew::renew;
use crate::status::StatusBoard;
use crate::trust;

/// The identity as it is now; `None` until the machine is enrolled.
pub type IdentityWatch = watch::Receiver<Option<Arc<Identity>>>;

/// Looks after the identity; the only writer of its file while the agent runs.
pub struct Upkeep {
    /// Where the file is.
    pub data_dir: PathBuf,
    /// Tells everybody else.
    pub publish: watch::Sender<Option<Arc<Identity>>>,
    /// Rung when a connection failed: the trust or the certificate may be outdated.
    pub failing: Arc<Notify>,
    /// Shows what went wrong.
    pub board: StatusBoard,
}

impl Upkeep {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let mut identity = self.wait_for_enrolment().await;
        let mut trust_due = Instant::now();
        let mut trust_asked: Option<Instant> = None;
        let mut renewal_due = Instant::now();
        loop {
            if Instant::now() >= trust_due {
                trust_asked = Some(Instant::now());
                trust_due = Instant::now() + self.follow_trust(&mut identity).await;
            }
            if Instant::now() >= renewal_due {
                self.renew_if_due(&mut identity).await;
                renewal_due = Instant::now() + RENEWAL_INTERVAL;
            }
            tokio::select! {
                () = sleep_until(renewal_due) => {}
                () = sleep_until(trust_due) => {}
                () = self.failing.notified() => {
                    let earliest = trust_asked.map(|asked| asked + TRUST_INTERVAL_FAILING);
                    trust_due = trust_due.min(earliest.unwrap_or_else(Instant::now));
                }
            }
        }
    }

    async fn wait_for_enrolment(&self) -> Arc<Identity> {
        loop {
            match Identity::load(&self.data_dir) {
                Ok(Some(identity)) => {
                    let identity = Arc::new(identity);
                    self.board.update(|status| status.problem = None);
                    self.publish.send_replace(Some(Arc::clone(&identity)));
                    return identity;
                }
                Ok(None) => {}
                Err(error) => self.problem(&error),
            }
            sleep(ENROLMENT_POLL).await;
        }
    }

    /// Returns how long to wait until the next time.
    async fn follow_trust(&self, identity: &mut Arc<Identity>) -> Duration {
        let path = format!("/trust?after={}", identity.trust.version);
        let chain = match client(identity) {
            Ok(client) => client.get::<TrustChain>(&path).await,
            Err(error) => Err(error),
        };
        let mut bundles = match chain {
            Ok(reply) => reply.body.bundles,
            Err(error) => {
                tracing::warn!(%error, "the trust chain can't be asked for");
                return TRUST_INTERVAL_FAILING;
            }
        };
        bundles.truncate(TRUST_BUNDLES);
        let (trust, error) = trust::follow(&identity.trust, &bundles);
        if let Some(error) = &error {
            tracing::error!(%error, "a trust bundle isn't believed");
            self.board.update(|status| status.problem = Some(error.to_string()));
        }
        if trust.version != identity.trust.version {
            tracing::info!(version = trust.version, "trust bundle accepted");
            self.replace(identity, Identity { trust, ..Identity::clone(identity) });
        }
        if error.is_some() { TRUST_INTERVAL_FAILING } else { TRUST_INTERVAL }
    }

    async fn renew_if_due(&self, identity: &mut Arc<Identity>) {
        let now = crate::clock::now();
        match certificates::validity(&identity.certificate) {
            Ok(validity) if now < validity.renew_at() => return,
            Ok(_) => {}
            Err(error) => return self.problem(&error),
        }
        let renewed = match client(identity) {
            Ok(client) => renew(&client, identity, now).await,
            Err(error) => Err(error.into()),
        };
        match renewed {
            Ok(renewed) => {
                tracing::info!("certificate renewed");
                self.replace(identity, renewed);
            }
            Err(error) => self.problem(&error),
        }
    }

    /// First the file, then everybody: a crash between the two loses nothing.
    fn replace(&self, identity: &mut Arc<Identity>, new: Identity) {
        match new.store(&self.data_dir) {
            Ok(()) => {
                self.board.update(|status| status.problem = None);
                *identity = Arc::new(new);
                self.publish.send_replace(Some(Arc::clone(identity)));
            }
            Err(error) => self.problem(&error),
        }
    }

    fn problem(&self, error: &(dyn std::error::Error + 'static)) {
        tracing::error!(error, "the identity can't be kept current");
        self.board.update(|status| status.problem = Some(error.to_string()));
    }
}

fn client(identity: &Identity) -> Result<Client, HttpError> {
    let authorities = certificates::parse_bundle(&identity.trust.ca_certificates, "the CA bundle")
        .unwrap_or_default();
    Client::new(&identity.server_url, identity.insecure_http, Pins::Certificates(authorities))
}
