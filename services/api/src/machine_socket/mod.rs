//! MQTT over WebSocket (MQTT 5, section 6): for machines whose site opens nothing but HTTPS.
//!
//! Only the bytes are carried here; who the machine is and what it may do is the gateway's affair,
//! as on its own port. No cookie and no token of a person counts, so that a page of another site
//! gains nothing by opening one in a browser.

mod carry;
mod chatter;
pub mod frames;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::{SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use actix_web::{FromRequest as _, HttpRequest, HttpResponse, web};
use tokio::io::DuplexStream;

use crate::error::ApiError;
use crate::limits::MACHINE_RETRY_AFTER_S;

/// The sub-protocol that a client must ask for.
const PROTOCOL: &str = "mqtt";

/// Where machines' bytes go: the gateway, as far as this crate knows it.
pub trait MachineDoor: Send + Sync {
    /// Lets a connection in: what is written to the stream is from the machine, what is read is for
    /// it, and dropping it ends the connection. `None`: there is no room.
    fn enter(&self, remote: SocketAddr) -> Option<DuplexStream>;
}

/// The gateway of this process, where it has one. Cheap to clone.
#[derive(Clone, Default)]
pub struct Machines(Option<Arc<dyn MachineDoor>>);

impl Machines {
    /// Machines are let in here.
    #[must_use]
    pub fn through(door: Arc<dyn MachineDoor>) -> Self {
        Self(Some(door))
    }
}

impl fmt::Debug for Machines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Machines").field(&self.0.is_some()).finish()
    }
}

/// Answers a request for a WebSocket and carries its bytes until either side ends.
pub(crate) fn open(
    machines: &Machines,
    request: &HttpRequest,
    body: web::Payload,
) -> Result<HttpResponse, ApiError> {
    if !asks_for_mqtt(request) {
        return Err(ApiError::Malformed(
            "machines connect here by WebSocket, sub-protocol mqtt".to_owned(),
        ));
    }
    let none = || ApiError::NotFound("gateway in this process".to_owned());
    let door = machines.0.as_ref().ok_or_else(none)?;
    let remote = request.peer_addr().ok_or_else(none)?;
    // Only its handshake and its writing half are actix-ws's: see `frames`.
    let nothing = web::Payload::from_request(request, &mut Payload::None).into_inner();
    let nothing = nothing.map_err(|error| ApiError::internal(error.to_string()))?;
    let opened = actix_ws::handle_with_protocols(request, nothing, &[PROTOCOL]);
    let (response, session, _) =
        opened.map_err(|error| ApiError::Malformed(format!("no WebSocket: {error}")))?;
    let full = ApiError::TooMany { retry_after_s: MACHINE_RETRY_AFTER_S };
    let machine = door.enter(remote).ok_or(full)?;
    actix_web::rt::spawn(carry::carry(session, body.into_inner(), machine));
    Ok(response)
}

/// MQTT 5, 6.0.0-3: the client must name the sub-protocol.
fn asks_for_mqtt(request: &HttpRequest) -> bool {
    request.headers().contains_key(UPGRADE)
        && request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).any(|value| {
            value.to_str().is_ok_and(|names| names.split(',').any(|name| name.trim() == PROTOCOL))
        })
}
