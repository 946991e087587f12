//! Whether the platform is ready: named checks that its parts register. Most must pass; some only
//! inform, about parts without which work goes on.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use millwright_store::StoreError;

use crate::limits::CHECK_TIMEOUT;

/// What is told of a database that can't be used.
const DATABASE_AWAY: &str = "the database doesn't answer; the platform's log says why";

type Outcome = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;
type Check = Arc<dyn Fn() -> Outcome + Send + Sync>;

#[derive(Clone)]
struct Registered {
    name: &'static str,
    required: bool,
    check: Check,
}

/// What a check has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub name: &'static str,
    /// Whether the platform is ready only when it passes.
    pub required: bool,
    /// Passed, or why not.
    pub result: Result<(), String>,
}

/// The checks behind `/readyz`. Cheap to clone; clones share the checks.
#[derive(Clone, Default)]
pub struct Health {
    checks: Arc<RwLock<Vec<Registered>>>,
    /// Whether the database didn't answer when it was asked last.
    is_database_away: Arc<AtomicBool>,
}

impl Health {
    /// Adds a check, or replaces the one of that name. Its text says why it isn't ready, to anybody who
    /// asks: what a database or the system says goes to the log instead.
    pub fn register<F>(&self, name: &'static str, check: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.put(name, true, Arc::new(move || Box::pin(check())));
    }

    /// Adds a check that is shown but makes nothing unready, or replaces the one of that name:
    /// for what the platform works without, if more slowly.
    pub fn register_informational<F>(
        &self,
        name: &'static str,
        check: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.put(name, false, Arc::new(move || Box::pin(check())));
    }

    fn put(&self, name: &'static str, required: bool, check: Check) {
        let mut checks = self.checks.write().unwrap_or_else(PoisonError::into_inner);
        checks.retain(|known| known.name != name);
        checks.push(Registered { name, required, check });
    }

    /// What anybody may know of how the database has answered. What it says itself can hold names, addresses
    /// and statements: that is logged, once until it answers again.
    pub(crate) fn database(&self, answer: Result<(), StoreError>) -> Result<(), String> {
        let was_away = self.is_database_away.swap(answer.is_err(), Ordering::Relaxed);
        answer.map_err(|error| {
            if !was_away {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the database doesn't answer");
            }
            DATABASE_AWAY.to_owned()
        })
    }

    /// Runs all checks beside each other.
    pub async fn run(&self) -> Vec<Finding> {
        let checks = self.checks.read().unwrap_or_else(PoisonError::into_inner).clone();
        let running = checks.into_iter().map(|Registered { name, required, check }| async move {
            let result = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            let late = || Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs()));
            Finding { name, required, result: result.unwrap_or_else(|_| late()) }
        });
        futures_util::future::join_all(running).await
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let checks = self.checks.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_list().entries(checks.iter().map(|check| check.name)).finish()
    }
}
