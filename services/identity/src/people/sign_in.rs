//! What sign-in needs while the platform runs.

use std::net::IpAddr;
use std::path::Path;

use millwright_schemas::Timestamp;

use super::access_tokens::{KeyError, SignInKey};
use super::limits::{ACCOUNT_ATTEMPT_S, ACCOUNT_ATTEMPTS, ADDRESS_ATTEMPT_S, ADDRESS_ATTEMPTS};
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
            by_account: RateLimit::new(ACCOUNT_ATTEMPTS, ACCOUNT_ATTEMPT_S),
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
        if let Some(address) = address {
            self.by_address.take(network(address), now)?;
        }
        self.by_account.take(account.to_lowercase(), now)
    }

    /// How many attempts are left, by the account or the address, whichever has fewer.
    #[must_use]
    pub fn attempts(&self, account: &str, address: Option<IpAddr>, now: Timestamp) -> Attempts {
        let by_account = self.by_account.look(&account.to_lowercase(), now);
        let by_address = address.map(|address| self.by_address.look(&network(address), now));
        match by_address {
            Some(by_address) if by_address.left < by_account.left => by_address,
            _ => by_account,
        }
    }

    /// The attempt succeeded: it doesn't count.
    pub(crate) fn give_attempt_back(&self, account: &str, address: Option<IpAddr>, now: Timestamp) {
        if let Some(address) = address {
            self.by_address.give_back(network(address), now);
        }
        self.by_account.give_back(account.to_lowercase(), now);
    }
}

/// Who has one IPv6 address has 2^64 of them: they count as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}
