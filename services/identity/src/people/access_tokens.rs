//! Access tokens: short-lived JWTs after RFC 9068, signed with a key that signs nothing else.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use millwright_schemas::{Secret, Timestamp, UserId};
use millwright_store::people::sessions::SessionId;
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::limits::ACCESS_TOKEN_S;

/// File of the key within the data folder.
const KEY_FILE: &str = "keys/sign-in.pem";
const ISSUER: &str = "millwright";
const AUDIENCE: &str = "millwright-api";
/// Media type of an access token (RFC 9068), so that no other JWT passes for one.
const TYPE: &str = "at+jwt";

/// Why the sign-in key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its file can't be read or written.
    #[error("sign-in key {path} can't be used", path = .0.display())]
    File(PathBuf, #[source] std::io::Error),
    /// Its file holds something else.
    #[error("sign-in key {path} is not an Ed25519 key in PEM form: {reason}", path = .0.display(), reason = .1)]
    Key(PathBuf, String),
}

/// A token that isn't accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// Not ours, or changed.
    #[error("not a token of this platform")]
    NotOurs,
    /// Its time is over.
    #[error("token has expired")]
    Expired,
}

/// What an access token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessClaims {
    /// Who.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    sid: Uuid,
    jti: Uuid,
    iat: i64,
    exp: i64,
}

/// The key that access tokens are signed with.
pub struct SignInKey {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for SignInKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SignInKey {
    /// Reads the key from the data folder; makes one at the first start (mode 0600).
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn load_or_create(data_dir: &Path) -> Result<Self, KeyError> {
        let path = data_dir.join(KEY_FILE);
        let pem = match fs::read_to_string(&path) {
            Ok(pem) => pem,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(&path)?,
            Err(error) => return Err(KeyError::File(path, error)),
        };
        Self::from_pem(&pem).map_err(|reason| KeyError::Key(path, reason))
    }

    fn from_pem(pem: &str) -> Result<Self, String> {
        let pair = KeyPair::from_pem_and_sign_algo(pem, &PKCS_ED25519)
            .map_err(|error| error.to_string())?;
        let fingerprint = digest(&SHA256, pair.der_bytes());
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Checked against the time of the call, below.
        validation.validate_exp = false;
        Ok(Self {
            kid: URL_SAFE_NO_PAD.encode(&fingerprint.as_ref()[..12]),
            encoding: EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|e| e.to_string())?,
            decoding: DecodingKey::from_ed_der(pair.der_bytes()),
            validation,
        })
    }

    /// A token for a session, for the next 15 minutes.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue(
        &self,
        claims: AccessClaims,
        now: Timestamp,
    ) -> Result<Secret, jsonwebtoken::errors::Error> {
        let header = Header {
            typ: Some(TYPE.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: claims.user.uuid(),
            sid: claims.session.0,
            jti: Uuid::now_v7(),
            iat: now.seconds(),
            exp: now.seconds() + ACCESS_TOKEN_S,
        };
        jsonwebtoken::encode(&header, &claims, &self.encoding).map(Secret::new)
    }

    /// Checks a token's signature, key, type, issuer, audience and time.
    ///
    /// # Errors
    /// See [`InvalidToken`].
    pub fn check(&self, token: &str, now: Timestamp) -> Result<AccessClaims, InvalidToken> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| InvalidToken::NotOurs)?;
        if data.header.typ.as_deref() != Some(TYPE) || data.header.kid.as_ref() != Some(&self.kid) {
            return Err(InvalidToken::NotOurs);
        }
        if data.claims.exp <= now.seconds() {
            return Err(InvalidToken::Expired);
        }
        Ok(AccessClaims { user: UserId(data.claims.sub), session: SessionId(data.claims.sid) })
    }
}

fn create(path: &Path) -> Result<String, KeyError> {
    let pair = KeyPair::generate_for(&PKCS_ED25519)
        .map_err(|error| KeyError::Key(path.to_owned(), error.to_string()))?;
    let pem = pair.serialize_pem();
    // What is there then may be another's.
    let written = write_private(path, &pem).and_then(|()| fs::read_to_string(path));
    written.map_err(|error| KeyError::File(path.to_owned(), error))
}

/// Writes beside and then gives it its name, so that a power cut leaves no half key. A key that another
/// process has made meanwhile stays: both go on with that one.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let draft = path.with_extension(format!("{}.new", Uuid::now_v7().simple()));
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    match fs::hard_link(&draft, path) {
        Ok(()) => fs::remove_file(draft),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => fs::remove_file(draft),
        // A file system without links.
        Err(_) => fs::rename(draft, path),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn claims() -> AccessClaims {
        AccessClaims { user: UserId(Uuid::now_v7()), session: SessionId(Uuid::now_v7()) }
    }

    #[test]
    fn a_token_works_until_it_ends_and_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let now = Timestamp::from_millis(1_763_775_000_000);
        let claims = claims();
        let token = SignInKey::load_or_create(folder.path()).unwrap().issue(claims, now).unwrap();
        let key = SignInKey::load_or_create(folder.path()).unwrap();
        assert_eq!(key.check(token.expose(), now), Ok(claims));
        let end = now.plus_seconds(ACCESS_TOKEN_S);
        assert_eq!(key.check(token.expose(), end), Err(InvalidToken::Expired));
        let file = fs::metadata(folder.path().join(KEY_FILE)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn processes_that_start_at_once_have_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let start = std::sync::Barrier::new(8);
        let kids: Vec<String> = std::thread::scope(|scope| {
            let open = || {
                start.wait();
                SignInKey::load_or_create(folder.path()).unwrap().kid
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let now = SignInKey::load_or_create(folder.path()).unwrap().kid;
        assert!(kids.iter().all(|kid| *kid == now), "{kids:?}, later {now}");
        let files = fs::read_dir(folder.path().join("keys")).unwrap().count();
        assert_eq!(files, 1, "drafts are removed");
    }

    #[test]
    fn tokens_of_others_are_refused() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let now = Timestamp::from_millis(1_763_775_000_000);
        let ours = SignInKey::load_or_create(one.path()).unwrap();
        let theirs = SignInKey::load_or_create(two.path()).unwrap();
        let token = theirs.issue(claims(), now).unwrap();
        assert_eq!(ours.check(token.expose(), now), Err(InvalidToken::NotOurs));
        // Unsigned, with our claims.
        let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#), {
            token.expose().split('.').nth(1).unwrap()
        });
        assert_eq!(ours.check(&none, now), Err(InvalidToken::NotOurs));
        // Signed by our key, but not an access token.
        let other = Header { kid: Some(ours.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let body = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: Uuid::nil(),
            sid: Uuid::nil(),
            jti: Uuid::nil(),
            iat: now.seconds(),
            exp: now.seconds() + 60,
        };
        let token = jsonwebtoken::encode(&other, &body, &ours.encoding).unwrap();
        assert_eq!(ours.check(&token, now), Err(InvalidToken::NotOurs));
    }
}
