//! Who waits for a long work: is told how far it is, and can call it off.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::BackupError;

/// Is told the step, what is done of it and how much it is in all; answers whether to go on.
type Look = dyn Fn(&str, u64, u64) -> bool + Send + Sync;

/// Follows a backup or a restore. Cheap to clone.
#[derive(Clone)]
pub struct Watch(Arc<Look>);

impl Watch {
    /// Calls `look` often, with the step, what is done of it and how much it is in all (bytes or
    /// rows; 0: not known). The work is called off once it answers `false`.
    pub fn new(look: impl Fn(&str, u64, u64) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(look))
    }

    /// Nobody waits.
    #[must_use]
    pub fn nobody() -> Self {
        Self::new(|_, _, _| true)
    }

    /// Tells how far it is.
    pub(crate) fn tell(
        &self,
        step: &str,
        done: u64,
        all: u64,
        path: &Path,
    ) -> Result<(), BackupError> {
        if (self.0)(step, done, all) { Ok(()) } else { Err(BackupError::Stopped(path.to_owned())) }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch(…)")
    }
}
