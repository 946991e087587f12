//! What sign-in needs while the platform runs.

use std::net::IpAddr;
use std::path::Path;

use millwright_schemas::Timestamp;

use crate::networks::network;

use super::access_tokens::{KeyError, SignInKey};
use super::limits::{
    ACCOUNT_ALL_ATTEMPT_S, ACCOUNT_ALL_ATTEMPTS, ACCOUNT_ATTEMPT_S, ACCOUNT_ATTEMPTS,
    ADDRESS_ATTEMPT_S, ADDRESS_ATTEMPTS,
};
use super::passwords::{PasswordError, Passwords};
use super::rate_limit::{Attempts, RateLimit};

/// Why sign-in can't start.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Hashing doesn't work here.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// The sign-in key, password hashing and the counts of failed attempts. One a process.
#[derive(Debug)]
pub struct People {
    pub(crate) key: SignInKey,
    pub(crate) passwords: Passwords,
    /// An account from one address: tight.
    by_both: RateLimit<(String, Option<IpAddr>)>,
    /// An account from anywhere: loose, or anyone could lock anyone out.
    by_account: RateLimit<String>,
    by_address: RateLimit<IpAddr>,
}

impl People {
    /// Loads the sign-in key from the data folder or makes one.
    ///
    /// # Errors
    /// See [`SetUpError`].
    pub fn set_up(data_dir: &Path) -> Result<Self, SetUpError> {
        Ok(Self {
            key: SignInKey::load_or_create(data_dir)?,
            passwords: Passwords::new()?,
            by_both: RateLimit::new(ACCOUNT_ATTEMPTS, ACCOUNT_ATTEMPT_S),
            by_account: RateLimit::new(ACCOUNT_ALL_ATTEMPTS, ACCOUNT_ALL_ATTEMPT_S),
            by_address: RateLimit::new(ADDRESS_ATTEMPTS, ADDRESS_ATTEMPT_S),
        })
    }

    /// Takes one attempt of an account and an address; otherwise the seconds to wait.
    pub(crate) fn take_attempt(
        &self,
        account: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), u32> {
        let (account, address) = (account.to_lowercase(), address.map(network));
        if let Some(address) = address {
            self.by_address.take(address, now)?;
        }
        // Before the account alone: who is refused here uses up nothing of others.
        self.by_both.take((account.clone(), address), now)?;
        self.by_account.take(account, now)
    }

    /// How many attempts are left, by whichever count has the fewest.
    #[must_use]
    pub fn attempts(&self, account: &str, address: Option<IpAddr>, now: Timestamp) -> Attempts {
        let (account, address) = (account.to_lowercase(), address.map(network));
        let by_account = self.by_account.look(&account, now);
        let by_both = self.by_both.look(&(account, address), now);
        let by_address = address.map(|address| self.by_address.look(&address, now));
        let fewer = |a: Attempts, b: Attempts| if b.left < a.left { b } else { a };
        by_address.into_iter().fold(fewer(by_both, by_account), fewer)
    }

    /// The attempt succeeded: it doesn't count.
    pub(crate) fn give_attempt_back(&self, account: &str, address: Option<IpAddr>, now: Timestamp) {
        let (account, address) = (account.to_lowercase(), address.map(network));
        if let Some(address) = address {
            self.by_address.give_back(address, now);
        }
        self.by_both.give_back((account.clone(), address), now);
        self.by_account.give_back(account, now);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "admin@localhost";

    fn people() -> (tempfile::TempDir, People) {
        let folder = tempfile::tempdir().unwrap();
        let people = People::set_up(folder.path()).unwrap();
        (folder, people)
    }

    #[test]
    fn one_address_cannot_keep_another_out_of_an_account() {
        let (_folder, people) = people();
        let (there, here) = ("192.0.2.1".parse().ok(), "192.0.2.2".parse().ok());
        let start = Timestamp::from_millis(0);
        // An hour of attempts, four each second.
        for quarter in 0..4 * 3_600 {
            let now = start.plus_seconds(quarter / 4);
            let _ = people.take_attempt(ACCOUNT, there, now);
        }
        let now = start.plus_seconds(3_600);
        assert!(people.take_attempt("Admin@localhost", there, now).is_err());
        assert_eq!(people.attempts(ACCOUNT, there, now).left, 0);
        assert_eq!(people.take_attempt(ACCOUNT, here, now), Ok(()));
        assert_eq!(people.attempts(ACCOUNT, here, now).left, 9);
    }

    #[test]
    fn many_addresses_together_run_out_of_attempts_at_an_account() {
        let (_folder, people) = people();
        let now = Timestamp::from_millis(0);
        let from = |n: u32| Some(IpAddr::from(std::net::Ipv4Addr::from_bits(n)));
        assert!((0..100).all(|n| people.take_attempt(ACCOUNT, from(n), now).is_ok()));
        assert_eq!(people.take_attempt(ACCOUNT, from(100), now), Err(2));
        assert_eq!(people.attempts(ACCOUNT, from(100), now).left, 0);
        people.give_attempt_back(ACCOUNT, from(0), now);
        assert_eq!(people.take_attempt(ACCOUNT, from(100), now), Ok(()));
    }
}
