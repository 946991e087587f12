//! Bundles: what is in one, and how the next is made of it.

use millwright_schemas::Timestamp;
use millwright_schemas::wire::trust::{Jwks, TrustBundle};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::TrustError;
use crate::machines::authority::{self, Authority};
use crate::machines::command_key::{self, CommandKey};
use crate::machines::keys::KeyFolder;
use crate::machines::limits::TRUSTED_KEYS_MAX;

/// The first bundle, with new keys.
pub(super) fn first(folder: &KeyFolder, now: Timestamp) -> Result<TrustBundle, TrustError> {
    let mut bundle = TrustBundle {
        version: 1,
        iat: now.seconds(),
        command_keys: Jwks { keys: Vec::new() },
        ca_certificates: String::new(),
    };
    add_command_key(folder, &mut bundle)?;
    add_authority(folder, &mut bundle, now)?;
    Ok(bundle)
}

/// The next bundle, which trusts the same until it is changed.
pub(super) fn successor(bundle: &TrustBundle, now: Timestamp) -> TrustBundle {
    TrustBundle { version: bundle.version + 1, iat: now.seconds(), ..bundle.clone() }
}

/// Makes a command key, trusted after all others.
pub(super) fn add_command_key(
    folder: &KeyFolder,
    bundle: &mut TrustBundle,
) -> Result<(), TrustError> {
    if bundle.command_keys.keys.len() >= TRUSTED_KEYS_MAX {
        return Err(TrustError::TooMany);
    }
    let (key, text) =
        CommandKey::generate().map_err(|source| TrustError::command_key("new", source))?;
    folder.write(&command_key::file_name(&key.jwk().kid), &text)?;
    bundle.command_keys.keys.push(key.jwk().clone());
    Ok(())
}

/// Makes a CA, trusted after all others.
pub(super) fn add_authority(
    folder: &KeyFolder,
    bundle: &mut TrustBundle,
    now: Timestamp,
) -> Result<(), TrustError> {
    let authority =
        Authority::generate(now).map_err(|source| TrustError::authority("new", source))?;
    let name = authority::file_name(&authority::fingerprint(authority.certificate()));
    folder.write(&name, &authority.to_key_file())?;
    bundle.ca_certificates.push_str(authority.certificate_pem());
    Ok(())
}

/// The CAs without the one of this fingerprint, PEM.
pub(super) fn without(authorities: &[Authority], fingerprint: &str) -> String {
    authorities
        .iter()
        .filter(|authority| {
            hex::encode(authority::fingerprint(authority.certificate())) != fingerprint
        })
        .map(Authority::certificate_pem)
        .collect()
}

/// Names of the command keys, oldest first.
pub(super) fn kids(bundle: &TrustBundle) -> Vec<String> {
    bundle.command_keys.keys.iter().map(|key| key.kid.clone()).collect()
}

/// The CAs, oldest first.
pub(super) fn certificates(
    bundle: &TrustBundle,
) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    CertificateDer::pem_slice_iter(bundle.ca_certificates.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|_| TrustError::Bundle(bundle.version, "its CAs aren't certificates"))
}

/// The key files that a bundle needs.
pub(super) fn files(bundle: &TrustBundle) -> Result<Vec<String>, TrustError> {
    let keys = bundle.command_keys.keys.iter().map(|key| command_key::file_name(&key.kid));
    let cas = certificates(bundle)?;
    let cas = cas.iter().map(|der| authority::file_name(&authority::fingerprint(der)));
    Ok(keys.chain(cas).collect())
}
