//! Password hashing: Argon2id with OWASP's parameters, off the async threads, a few at a time.

use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordVerifier as _, Version};
use millwright_schemas::Secret;
use millwright_store::people::users::PasswordHash;
use subtle::ConstantTimeEq as _;
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
    memory: Arc<Memory>,
    /// Checked when there is no such person, so that the answer takes the same time.
    nobody: Arc<PasswordHash>,
}

impl Passwords {
    pub(crate) fn new() -> Result<Self, PasswordError> {
        let memory = Memory::default();
        let nobody = memory.lend(|blocks| hash_now(&secrets::random(""), blocks))?;
        Ok(Self {
            running: Arc::new(Semaphore::new(PASSWORD_CHECKS)),
            waiting: Arc::new(Semaphore::new(PASSWORD_CHECKS_WAITING)),
            memory: Arc::new(memory),
            nobody: Arc::new(nobody),
        })
    }

    /// Hashes a password with a new salt.
    pub(crate) async fn hash(&self, password: Secret) -> Result<PasswordHash, PasswordError> {
        self.run(move |blocks| hash_now(&password, blocks)).await?
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
        let matches = self.run(move |blocks| matches(&password, &hash, blocks)).await??;
        Ok(known && matches)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut [Block]) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place =
            Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn: OwnedSemaphorePermit =
            Arc::clone(&self.running).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        let memory = Arc::clone(&self.memory);
        tokio::task::spawn_blocking(move || {
            // Held by the work itself: who hangs up doesn't free a core that still works.
            let _turn = turn;
            memory.lend(work)
        })
        .await
        .map_err(|error| PasswordError::Hash(error.to_string()))
    }
}

/// Memory to hash in, made once and used again: allocated for each check, the allocator keeps
/// 19 MiB for every thread that ever ran one. As many as checks run at the same time.
#[derive(Default)]
struct Memory(Mutex<Vec<Vec<Block>>>);

impl Memory {
    fn lend<T>(&self, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let idle = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = idle().pop();
        let mut blocks = taken.unwrap_or_else(|| vec![Block::new(); MEMORY_KIB as usize]);
        let done = work(&mut blocks);
        idle().push(blocks);
        done
    }
}

impl std::fmt::Debug for Memory {
    /// Not what is in it: that comes from passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &Secret, blocks: &mut [Block]) -> Result<PasswordHash, PasswordError> {
    let argon2 = argon2()?;
    let salt = Salt::generate();
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2
        .hash_password_into_with_memory(password.expose().as_bytes(), &salt, &mut out, blocks)
        .map_err(failed)?;
    let hash = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2.params()).map_err(failed)?,
        salt: Some(salt),
        hash: Some(Output::new(&out).map_err(failed)?),
    };
    Ok(PasswordHash::new(hash.to_string()))
}

fn matches(
    password: &Secret,
    hash: &PasswordHash,
    blocks: &mut [Block],
) -> Result<bool, PasswordError> {
    let (argon2, password) = (argon2()?, password.expose().as_bytes());
    let Ok(stored) = Phc::new(hash.as_str()) else { return Ok(false) };
    let ours = stored.algorithm == Algorithm::Argon2id.ident()
        && stored.version == Some(Version::V0x13.into())
        && ParamsString::try_from(argon2.params()).is_ok_and(|params| params == stored.params);
    let (Some(salt), Some(expected)) = (&stored.salt, &stored.hash) else { return Ok(false) };
    if !ours {
        // Made by an older release or elsewhere, with a need for memory of its own.
        return Ok(argon2.verify_password(password, &stored).is_ok());
    }
    let mut out = [0; Output::MAX_LENGTH];
    let Some(out) = out.get_mut(..expected.len()) else { return Ok(false) };
    argon2.hash_password_into_with_memory(password, salt, out, blocks).map_err(failed)?;
    Ok(out.ct_eq(expected.as_bytes()).into())
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Hash(error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use argon2::PasswordHasher as _;

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
    async fn a_hash_made_elsewhere_is_checked_with_its_own_parameters() {
        let passwords = Passwords::new().unwrap();
        for (memory, passes) in [(MEMORY_KIB, PASSES), (1024, 1), (MEMORY_KIB, 1)] {
            let params = Params::new(memory, passes, LANES, None).unwrap();
            let elsewhere = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let hash = elsewhere.hash_password(b"correct horse battery").unwrap();
            let check = async |text: &str| {
                let hash = PasswordHash::new(hash.to_string());
                passwords.verify(Secret::new(text), Some(hash)).await.unwrap()
            };
            assert!(check("correct horse battery").await, "{memory} KiB, {passes} passes");
            assert!(!check("correct horse batterx").await, "{memory} KiB, {passes} passes");
        }
        let broken = PasswordHash::new("not a hash".to_owned());
        assert!(!passwords.verify(Secret::new("x"), Some(broken)).await.unwrap());
    }

    #[cfg(target_os = "linux")]
    fn resident_mib() -> u64 {
        let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
        pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096 / (1024 * 1024)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_checks_at_once_need_no_more_memory_than_a_few() {
        let passwords = Passwords::new().unwrap();
        let before = resident_mib();
        let mut most = before;
        for _ in 0..4 {
            let mut checks = tokio::task::JoinSet::new();
            for _ in 0..50 {
                let passwords = passwords.clone();
                checks.spawn(async move { passwords.verify(Secret::new("x"), None).await });
            }
            while let Some(answer) = checks.join_next().await {
                assert!(!answer.unwrap().unwrap());
                most = most.max(resident_mib());
            }
        }
        assert!(most - before < 150, "from {before} to {most} MiB");
        let idle = passwords.memory.0.lock().unwrap().len();
        assert!((1..=PASSWORD_CHECKS).contains(&idle), "{idle} kept");
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
