//! Enrolment: from a code to an identity.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use millwright_schemas::api::enrollment::{EnrollRequest, EnrollResponse};
use millwright_schemas::enrollment::EnrollmentCode;
use millwright_schemas::{MachineId, topics};
use rcgen::{CertificateParams, KeyPair};
use serde::{Deserialize, Serialize};

use crate::certificates::{self, CertificateError};
use crate::http::{Client, HttpError, Pins};
use crate::identity::{Identity, IdentityError, Trust, shown_name};
use crate::private_file;

const PENDING_FILE: &str = "pending-enrollment.json";

/// What the command line gives.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The platform's address.
    pub url: String,
    /// The code.
    pub code: EnrollmentCode,
    /// Where the identity goes.
    pub data_dir: PathBuf,
    /// Replace an existing identity.
    pub force: bool,
    /// Allow plain HTTP off loopback.
    pub insecure_http: bool,
}

/// Why a machine isn't enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrollError {
    /// It has an identity already.
    #[error("{data_dir} is enrolled as machine {machine} already; --force replaces that identity")]
    Enrolled {
        /// The data folder.
        data_dir: PathBuf,
        /// Who it is.
        machine: MachineId,
    },
    /// The data folder can't be used.
    #[error("{path}: {source}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The platform couldn't be asked, or refuses.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// No CA of the answer is the one that the code names.
    #[error(
        "the server isn't the one that made this code: none of its CAs has the fingerprint {0}"
    )]
    WrongAuthority(String),
    /// The answer's certificate is unusable.
    #[error("the platform's answer can't be used")]
    Certificate(#[from] CertificateError),
    /// The answer contradicts itself.
    #[error("the platform's answer can't be used: topic root {found:?} isn't {expected:?}")]
    TopicRoot {
        /// As the machine's id demands.
        expected: String,
        /// As answered.
        found: String,
    },
    /// Reading or writing the identity failed.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Making a key or a request failed.
    #[error("a key can't be made: {0}")]
    Key(#[from] rcgen::Error),
}

/// The key of an enrolment that hasn't ended, so that the same code can be sent again after a
/// lost answer: the platform answers the same key the same for 15 minutes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pending {
    /// SHA-256 of the code.
    code: String,
    /// PKCS #8 PEM.
    private_key: String,
}

/// Enrols: makes a key, sends the code, checks the answer, stores the identity.
///
/// # Errors
/// See [`EnrollError`]; an existing identity then stays.
pub async fn enroll(enrolment: &Enrolment) -> Result<Identity, EnrollError> {
    let data_dir = &enrolment.data_dir;
    let previous = match Identity::load(data_dir) {
        Ok(previous) => previous,
        // With --force an unreadable identity is no obstacle.
        Err(error) if enrolment.force => {
            tracing::warn!(%error, "the old identity is replaced");
            None
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(identity) = &previous
        && !enrolment.force
    {
        let machine = identity.machine_id;
        return Err(EnrollError::Enrolled { data_dir: data_dir.clone(), machine });
    }
    let pins = Pins::Fingerprint(enrolment.code.ca_fingerprint().to_owned());
    let client = Client::new(&enrolment.url, enrolment.insecure_http, pins)?;
    private_file::make_folder(data_dir)
        .map_err(|source| EnrollError::File { path: data_dir.clone(), source })?;
    let key = pending_key(data_dir, &enrolment.code)?;
    let csr = CertificateParams::default().serialize_request(&key)?.pem()?;
    let request = EnrollRequest { code: enrolment.code.to_string(), csr };
    let answer: EnrollResponse = client.post("/enroll", &request).await?.body;
    let identity = check(enrolment, answer, &key)?;
    set_outbox_aside(data_dir, previous.as_ref(), &identity)?;
    identity.store(data_dir)?;
    let pending = data_dir.join(PENDING_FILE);
    if let Err(error) = fs::remove_file(&pending) {
        tracing::warn!(path = %pending.display(), %error, "can't be removed");
    }
    Ok(identity)
}

fn pending_key(data_dir: &Path, code: &EnrollmentCode) -> Result<KeyPair, EnrollError> {
    let path = data_dir.join(PENDING_FILE);
    let hash = certificates::fingerprint(code.to_string().as_bytes());
    if let Ok(content) = fs::read(&path)
        && let Ok(pending) = serde_json::from_slice::<Pending>(&content)
        && pending.code == hash
        && let Ok(key) = KeyPair::from_pem(&pending.private_key)
    {
        return Ok(key);
    }
    let key = KeyPair::generate()?;
    let pending = Pending { code: hash, private_key: key.serialize_pem() };
    let content = serde_json::to_vec(&pending)
        .map_err(|error| EnrollError::File { path: path.clone(), source: error.into() })?;
    private_file::write(&path, &content).map_err(|source| EnrollError::File { path, source })?;
    Ok(key)
}

/// Believes nothing that the code's fingerprint and our own key don't vouch for.
fn check(
    enrolment: &Enrolment,
    answer: EnrollResponse,
    key: &KeyPair,
) -> Result<Identity, EnrollError> {
    let fingerprint = enrolment.code.ca_fingerprint();
    let mut authorities = certificates::parse_bundle(&answer.ca_certificates, "ca_certificates")?;
    authorities.retain(|authority| certificates::fingerprint(authority) == fingerprint);
    if authorities.is_empty() {
        return Err(EnrollError::WrongAuthority(fingerprint.to_owned()));
    }
    certificates::check_issued(&answer.certificate, &authorities, key, answer.machine_id)?;
    let expected = topics::root(answer.machine_id);
    if answer.topic_root != expected {
        return Err(EnrollError::TopicRoot { expected, found: answer.topic_root });
    }
    Ok(Identity {
        server_url: enrolment.url.clone(),
        insecure_http: enrolment.insecure_http,
        machine_id: answer.machine_id,
        machine_name: shown_name(answer.machine_name.as_deref()),
        mqtt: answer.mqtt,
        topic_root: answer.topic_root,
        private_key: key.serialize_pem(),
        certificate: answer.certificate,
        trust: Trust {
            version: answer.trust_version,
            command_keys: answer.command_keys,
            ca_certificates: answer.ca_certificates,
        },
    })
}

/// What waits in the outbox is the old machine's: another machine must not send it as its own.
fn set_outbox_aside(
    data_dir: &Path,
    previous: Option<&Identity>,
    identity: &Identity,
) -> Result<(), EnrollError> {
    let Some(previous) = previous.filter(|previous| previous.machine_id != identity.machine_id)
    else {
        return Ok(());
    };
    let outbox = crate::data_folder::outbox_path(data_dir);
    let aside = data_dir.join(format!("outbox-{}.redb", previous.machine_id));
    match fs::rename(&outbox, &aside) {
        Ok(()) => {
            tracing::warn!(path = %aside.display(), "the old machine's outbox is set aside");
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(EnrollError::File { path: outbox, source }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_same_code_uses_the_same_key_again() {
        let folder = tempfile::tempdir().unwrap();
        let code = EnrollmentCode::new([1; 16], [2; 32]);
        let first = pending_key(folder.path(), &code).unwrap().serialize_pem();
        assert_eq!(pending_key(folder.path(), &code).unwrap().serialize_pem(), first);
        let other = EnrollmentCode::new([3; 16], [2; 32]);
        assert_ne!(pending_key(folder.path(), &other).unwrap().serialize_pem(), first);
        let content = fs::read_to_string(folder.path().join(PENDING_FILE)).unwrap();
        assert!(!content.contains(code.secret()) && !content.contains(other.secret()));
    }
}
