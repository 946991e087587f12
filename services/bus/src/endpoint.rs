//! Where a broker is and how it is entered.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rumqttc::{MqttOptions, TlsConfiguration, Transport};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use url::{Host, Url};

use crate::limits::{INFLIGHT_MESSAGES, KEEP_ALIVE, PACKET_MAX_BYTES};

const DEFAULT_PORT: u16 = 1883;
const DEFAULT_TLS_PORT: u16 = 8883;

/// A user name and a password. Their `Debug` doesn't show the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// New ones that nobody knows: 128 random bits as the name, 256 as the password.
    #[must_use]
    pub fn random() -> Self {
        Self {
            user: hex::encode(rand::random::<[u8; 16]>()),
            password: hex::encode(rand::random::<[u8; 32]>()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where a broker is and how it is entered.
#[derive(Clone)]
pub struct Endpoint {
    /// A host name or an address.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// What the client says who it is.
    pub credentials: Option<Credentials>,
    tls: Option<Arc<ClientConfig>>,
}

impl Endpoint {
    /// A broker on this computer, without TLS.
    #[must_use]
    pub fn loopback(port: u16, credentials: Credentials) -> Self {
        Self { host: "127.0.0.1".to_owned(), port, credentials: Some(credentials), tls: None }
    }

    /// The options of a client with this id, with the limits of the bus.
    pub(crate) fn options(&self, client_id: String) -> MqttOptions {
        let mut options = MqttOptions::new(client_id, &self.host, self.port);
        options
            .set_keep_alive(KEEP_ALIVE)
            .set_clean_session(true)
            .set_inflight(INFLIGHT_MESSAGES)
            .set_max_packet_size(PACKET_MAX_BYTES, PACKET_MAX_BYTES);
        if let Some(Credentials { user, password }) = &self.credentials {
            options.set_credentials(user, password);
        }
        if let Some(tls) = &self.tls {
            let tls = TlsConfiguration::Rustls(Arc::clone(tls));
            options.set_transport(Transport::tls_with_config(tls));
        }
        options
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "mqtts" } else { "mqtt" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

/// Why an external broker can't be used. No message contains the password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBroker {
    /// Not a URL.
    #[error("the bus's URL can't be read")]
    Url(#[from] url::ParseError),
    /// Neither `mqtt` nor `mqtts`.
    #[error("the bus's URL starts with {0:?}: expected mqtt:// or mqtts://")]
    Scheme(String),
    /// No host, or one that TLS can't check.
    #[error("the bus's URL needs a host name, or an IPv4 address")]
    Host,
    /// Something beside scheme, user, password, host and port.
    #[error("the bus's URL has a path, query or fragment, which mean nothing here")]
    Rest,
    /// A user name or password that isn't UTF-8.
    #[error("the user name or password in the bus's URL is not UTF-8")]
    Credentials,
    /// Without TLS over a network.
    #[error(
        "mqtt:// sends the password in the clear and is for this computer only: use mqtts:// for {0}"
    )]
    Plain(String),
    /// A CA file without TLS.
    #[error("a CA file is of use with mqtts:// only")]
    CaWithoutTls,
    /// The CA file can't be used.
    #[error("the bus's CA file {path} can't be used: {reason}")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The system has no root certificates.
    #[error("this system has no usable root certificates: name the bus's CA file ({0})")]
    NoRoots(String),
}

/// A broker that someone else runs: mosquitto, NATS, EMQX…
#[derive(Debug, Clone)]
pub struct ExternalBroker {
    endpoint: Endpoint,
}

impl ExternalBroker {
    /// From `mqtts://user:password@host:port`, with the certificates of the CA file or, without
    /// one, of the system. `mqtt://` is for this computer only.
    ///
    /// # Errors
    /// What is wrong with the URL or the certificates.
    pub fn new(url: &str, ca_file: Option<&Path>) -> Result<Self, InvalidBroker> {
        let url = Url::parse(url)?;
        let secure = match url.scheme() {
            "mqtt" => false,
            "mqtts" => true,
            other => return Err(InvalidBroker::Scheme(other.to_owned())),
        };
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBroker::Rest);
        }
        let host = host(&url, secure)?;
        let tls = match (secure, ca_file) {
            (true, ca_file) => Some(Arc::new(tls_config(ca_file)?)),
            (false, None) => None,
            (false, Some(_)) => return Err(InvalidBroker::CaWithoutTls),
        };
        let port = url.port().unwrap_or(if secure { DEFAULT_TLS_PORT } else { DEFAULT_PORT });
        Ok(Self { endpoint: Endpoint { host, port, credentials: credentials(&url)?, tls } })
    }

    /// Where it is.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// The host, in the spelling that the resolver and TLS both understand.
fn host(url: &Url, secure: bool) -> Result<String, InvalidBroker> {
    let text = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidBroker::Host)?;
    // The URL's scheme isn't a web scheme, so that addresses aren't told from names for us.
    let parsed = Host::parse(text).map_err(|_| InvalidBroker::Host)?;
    let loopback = match &parsed {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => IpAddr::V4(*address).is_loopback(),
        Host::Ipv6(address) => IpAddr::V6(*address).is_loopback(),
    };
    match (secure, &parsed) {
        (false, _) if !loopback => Err(InvalidBroker::Plain(parsed.to_string())),
        // The client takes one spelling for both, and an IPv6 address has two.
        (true, Host::Ipv6(_)) => Err(InvalidBroker::Host),
        _ => Ok(parsed.to_string()),
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, InvalidBroker> {
    if url.username().is_empty() {
        return Ok(None);
    }
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| InvalidBroker::Credentials)
    };
    let user = decode(url.username())?;
    let password = decode(url.password().unwrap_or_default())?;
    Ok(Some(Credentials { user, password }))
}

fn tls_config(ca_file: Option<&Path>) -> Result<ClientConfig, InvalidBroker> {
    let roots = match ca_file {
        Some(path) => roots_of_file(path)?,
        None => roots_of_system()?,
    };
    Ok(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn roots_of_file(path: &Path) -> Result<RootCertStore, InvalidBroker> {
    let unusable = |reason: String| InvalidBroker::CaFile { path: path.to_owned(), reason };
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unusable("it has no certificate".to_owned()));
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, InvalidBroker> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // A system's store may hold certificates that rustls can't read: the others count.
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let reasons: Vec<_> = loaded.errors.iter().map(ToString::to_string).collect();
        return Err(InvalidBroker::NoRoots(reasons.join("; ")));
    }
    Ok(roots)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn broker(url: &str) -> Result<ExternalBroker, InvalidBroker> {
        ExternalBroker::new(url, None)
    }

    #[test]
    fn a_broker_on_this_computer_needs_no_tls() {
        for (url, shown) in [
            ("mqtt://localhost", "mqtt://localhost:1883"),
            ("mqtt://127.0.0.1:1", "mqtt://127.0.0.1:1"),
            ("mqtt://[::1]:99", "mqtt://[::1]:99"),
        ] {
            assert_eq!(broker(url).unwrap().endpoint().to_string(), shown);
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let broker = broker("mqtt://me%40home:p%2Fw%20d@localhost").unwrap();
        let credentials = broker.endpoint().credentials.clone().unwrap();
        assert_eq!((&*credentials.user, &*credentials.password), ("me@home", "p/w d"));
        assert!(!format!("{broker:?} {credentials:?}").contains("p/w"));
    }

    #[test]
    fn what_can_not_be_used_is_refused_without_the_password() {
        for url in [
            "localhost:1883",
            "http://localhost",
            "mqtt://",
            "mqtt://u:secret@example.com",
            "mqtt://u:secret@10.0.0.1:1883",
            "mqtt://u:secret@localhost.example.com",
            "mqtt://u:secret@localhost/path",
            "mqtt://u:secret@localhost?x=1",
            "mqtt://u:%ff@localhost",
            "mqtts://u:secret@[::1]",
        ] {
            let error = broker(url).expect_err(url);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let missing = ExternalBroker::new("mqtts://localhost", Some(Path::new("/missing.pem")));
        assert!(missing.unwrap_err().to_string().contains("/missing.pem"));
    }
}
