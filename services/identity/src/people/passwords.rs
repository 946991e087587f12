//! Password hashing: Argon2id with OWASP's parameters, off the async threads, a few at a time.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use millwright_schemas::Secret;
use millwright_store::people::users::PasswordHash;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::{PASSWORD_CHECKS, PASSWORD_CHECKS_WAITING};
use super::secrets;

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;

/// Why a password couldn't be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many are waiting.
    #[error("too many sign-ins at this moment")]
    Busy,
    /// The hash can't be made.
    #[error("password can't be hashed: {0}")]
    Hash(String),
}

/// Hashes and checks passwords. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    /// Checked when there is no such person, so that the answer takes the same time.
    nobody: Arc<PasswordHash>,
}

impl Passwords {
    pub(crate) fn new() -> Result<Self, PasswordError> {
        Ok(Self {
            running: Arc::new(Semaphore::new(PASSWORD_CHECKS)),
            waiting: Arc::new(Semaphore::new(PASSWORD_CHECKS_WAITING)),
            nobody: Arc::new(hash_now(&secrets::random(""))?),
        })
    }

    /// Hashes a password with a new salt.
    pub(crate) async fn hash(&self, password: Secret) -> Result<PasswordHash, PasswordError> {
        self.run(move || hash_now(&password)).await?
    }

    /// Whether the password is the one that was hashed. Without a hash the answer is no, after
    /// the same time.
    pub(crate) async fn verify(
        &self,
        password: Secret,
        hash: Option<PasswordHash>,
    ) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| (*self.nobody).clone());
        let matches = self
            .run(move || {
                argon2()
                    .map(|argon2| {
                        argon2.verify_password(password.expose().as_bytes(), hash.as_str()).is_ok()
                    })
                    .unwrap_or(false)
            })
            .await?;
        Ok(known && matches)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place =
            Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn: OwnedSemaphorePermit =
            Arc::clone(&self.running).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        tokio::task::spawn_blocking(move || {
            // Held by the work itself: who hangs up doesn't free a core that still works.
            let _turn = turn;
            work()
        })
        .await
        .map_err(|error| PasswordError::Hash(error.to_string()))
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &Secret) -> Result<PasswordHash, PasswordError> {
    let hash = argon2()?
        .hash_password(password.expose().as_bytes())
        .map_err(|error| PasswordError::Hash(error.to_string()))?;
    Ok(PasswordHash::new(hash.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_of_a_known_person_is_right() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash(Secret::new("correct horse battery")).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        let check = |text: &str, hash| passwords.verify(Secret::new(text), hash);
        assert!(check("correct horse battery", Some(hash.clone())).await.unwrap());
        assert!(!check("correct horse batterx", Some(hash)).await.unwrap());
        assert!(!check("correct horse battery", None).await.unwrap());
    }

    #[tokio::test]
    async fn beyond_the_queue_it_is_busy() {
        let passwords = Passwords::new().unwrap();
        let _all = Arc::clone(&passwords.waiting)
            .try_acquire_many_owned(u32::try_from(PASSWORD_CHECKS_WAITING).unwrap())
            .unwrap();
        let result = passwords.verify(Secret::new("x"), None).await;
        assert!(matches!(result, Err(PasswordError::Busy)));
    }
}
