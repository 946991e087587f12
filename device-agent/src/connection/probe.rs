//! Whether the better way is open again, while the other one works.

use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use crate::identity::Identity;
use crate::limits::PROBE_TIMEOUT;
use crate::trusted_time::TimeKeeper;

/// Looks from time to time; ends when a whole TLS handshake has worked: something in between may
/// let a connection be opened and nothing be said on it.
pub(super) async fn mqtt_is_open(identity: &Identity, time: &TimeKeeper, interval: Duration) {
    loop {
        // Not a whole fleet at one moment.
        sleep(interval.mul_f64(0.75 + rand::random::<f64>() / 2.0)).await;
        if timeout(PROBE_TIMEOUT, shake_hands(identity, time)).await.is_ok_and(|shaken| shaken) {
            return;
        }
    }
}

async fn shake_hands(identity: &Identity, time: &TimeKeeper) -> bool {
    let (host, port) = (identity.mqtt.host.clone(), identity.mqtt.port);
    let (Ok(config), Ok(name)) = (identity.tls_client(time), ServerName::try_from(host.clone()))
    else {
        return false;
    };
    let Ok(stream) = TcpStream::connect((host, port)).await else { return false };
    TlsConnector::from(config).connect(name, stream).await.is_ok()
}
