//! Counts over very many rows: one at a time, and what was counted is kept for a while, so that whoever looks
//! again, or beside others, costs nothing.

use std::future::Future;
use std::time::{Duration, Instant};

use millwright_schemas::MachineId;
use tokio::sync::Mutex;

use super::growth::Counted;
use super::storage::SignalSize;
use crate::{Scope, StoreError};

/// How long a count is kept.
const KEPT: Duration = Duration::from_secs(300);
/// Counts of each kind that are kept; beyond it the oldest is dropped.
const KEPT_MAX: usize = 16;

/// What this process has counted lately.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(super) growth: Kept<Scope, Counted>,
    pub(super) sizes: Kept<MachineId, Vec<SignalSize>>,
}

/// Counts by what they are of, oldest first.
#[derive(Debug)]
pub(super) struct Kept<K, T>(Mutex<Vec<(K, Instant, T)>>);

impl<K, T> Default for Kept<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: PartialEq, T: Clone> Kept<K, T> {
    /// What was counted, and how long ago; it is counted now when nothing is kept of it.
    pub(super) async fn get(
        &self,
        key: K,
        count: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<(T, Duration), StoreError> {
        // Held while it is counted: who wants the same waits for it, and who wants another its turn.
        let mut kept = self.0.lock().await;
        kept.retain(|(_, at, _)| at.elapsed() < KEPT);
        if let Some((_, at, counted)) = kept.iter().find(|(known, _, _)| *known == key) {
            return Ok((counted.clone(), at.elapsed()));
        }
        let at = Instant::now();
        let counted = count.await?;
        if kept.len() >= KEPT_MAX {
            kept.remove(0);
        }
        kept.push((key, at, counted.clone()));
        Ok((counted, Duration::ZERO))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_count_is_kept_and_a_failure_is_not() {
        let kept: Kept<usize, usize> = Kept::default();
        let fails = async { Err(StoreError::Schema("no".to_owned())) };
        assert!(kept.get(1, fails).await.is_err());
        assert_eq!(kept.get(1, async { Ok(10) }).await.unwrap().0, 10);
        assert_eq!(kept.get(1, async { Ok(99) }).await.unwrap().0, 10);
        for key in 2..=KEPT_MAX + 1 {
            kept.get(key, async move { Ok(key) }).await.unwrap();
        }
        assert_eq!(kept.get(1, async { Ok(11) }).await.unwrap().0, 11, "the oldest was dropped");
    }
}
