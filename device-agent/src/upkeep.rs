//! Keeping the identity current: waiting for enrolment, renewing, following the trust chain.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use millwright_schemas::api::enrollment::TrustChain;
use rcgen::KeyPair;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::http::{Client, HttpError, Pins};
use crate::identity::Identity;
use crate::limits::{
    ENROLMENT_POLL, RENEWAL_INTERVAL, TRUST_BUNDLES, TRUST_INTERVAL, TRUST_INTERVAL_FAILING,
};
use crate::renew::{RenewError, renew};
use crate::status::StatusBoard;
use crate::trust;
use crate::trusted_time::TimeKeeper;
use crate::{certificates, clock};

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
    /// How old a certificate is.
    pub time: TimeKeeper,
}

impl Upkeep {
    /// Runs until it is dropped.
    pub async fn run(self) {
        let mut identity = self.wait_for_enrolment().await;
        let mut trust_due = Instant::now();
        let mut trust_asked = Instant::now();
        let mut renewal_due = Instant::now();
        let mut next_key = None;
        loop {
            let renew = Instant::now() >= renewal_due && self.needs_renewal(&identity);
            // A renewed certificate may be of a newer CA: know it first.
            if renew || Instant::now() >= trust_due {
                trust_asked = Instant::now();
                trust_due = trust_asked + self.follow_trust(&mut identity).await;
            }
            if renew {
                self.renew(&mut identity, &mut next_key).await;
            }
            if Instant::now() >= renewal_due {
                renewal_due = Instant::now() + RENEWAL_INTERVAL;
            }
            tokio::select! {
                () = sleep_until(renewal_due) => {}
                () = sleep_until(trust_due) => {}
                () = self.failing.notified() => {
                    trust_due = trust_due.min(trust_asked + TRUST_INTERVAL_FAILING);
                }
            }
        }
    }

    async fn wait_for_enrolment(&self) -> Arc<Identity> {
        let mut told = false;
        let mut failed = false;
        loop {
            match Identity::load(&self.data_dir) {
                Ok(Some(identity)) => {
                    let identity = Arc::new(identity);
                    if failed {
                        self.board.update(|status| status.problem = None);
                    }
                    self.publish.send_replace(Some(Arc::clone(&identity)));
                    return identity;
                }
                Ok(None) => {
                    if !std::mem::replace(&mut told, true) {
                        self.tell_how_to_enrol();
                    }
                }
                Err(error) => {
                    failed = true;
                    self.problem(&error);
                }
            }
            sleep(ENROLMENT_POLL).await;
        }
    }

    fn tell_how_to_enrol(&self) {
        tracing::warn!(
            "this machine isn't enrolled: what it measures stays on its disk; enrol it with \
             `millwright-agent enroll --url <platform> --code <code> --data-dir {}`",
            self.data_dir.display()
        );
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

    fn needs_renewal(&self, identity: &Identity) -> bool {
        match certificates::validity(&identity.certificate) {
            Ok(validity) => self.time.best_guess() >= validity.renew_at(),
            Err(error) => {
                self.problem(&error);
                false
            }
        }
    }

    /// The new key is kept after a failure, for the next attempt.
    async fn renew(&self, identity: &mut Arc<Identity>, next_key: &mut Option<KeyPair>) {
        match self.try_renew(identity, next_key).await {
            Ok(renewed) => {
                tracing::info!("certificate renewed");
                *next_key = None;
                self.replace(identity, renewed);
            }
            Err(error) => self.problem(&error),
        }
    }

    async fn try_renew(
        &self,
        identity: &Identity,
        next_key: &mut Option<KeyPair>,
    ) -> Result<Identity, RenewError> {
        let key = match next_key.take() {
            Some(key) => key,
            None => KeyPair::generate()?,
        };
        let key = next_key.insert(key);
        renew(&client(identity)?, identity, key, clock::now()).await
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
