//! Whether the platform is ready: named checks that its parts register.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};

use crate::limits::CHECK_TIMEOUT;

type Outcome = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Check = Arc<dyn Fn() -> Outcome + Send + Sync>;

/// The checks behind `/readyz`. Cheap to clone; clones share the checks.
#[derive(Clone, Default)]
pub struct Health {
    checks: Arc<RwLock<Vec<(&'static str, Check)>>>,
}

impl Health {
    /// Adds a check, or replaces the one of that name. Its text says why it isn't ready.
    pub fn register<F>(&self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let mut checks = self.checks.write().unwrap_or_else(PoisonError::into_inner);
        checks.retain(|(known, _)| *known != name);
        checks.push((name, Arc::new(move || Box::pin(check()) as Outcome)));
    }

    /// Runs all checks beside each other.
    pub async fn run(&self) -> Vec<(&'static str, Result<(), String>)> {
        let checks = self.checks.read().unwrap_or_else(PoisonError::into_inner).clone();
        let running = checks.into_iter().map(|(name, check)| async move {
            let result = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            let late = || Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs()));
            (name, result.unwrap_or_else(|_| late()))
        });
        futures_util::future::join_all(running).await
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks = self.checks.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_list().entries(checks.iter().map(|(name, _)| name)).finish()
    }
}
