//! CONNECT: who it is, what is refused, what the directory is asked.

use std::time::Duration;

use bytestring::ByteString;
use millwright_schemas::topics::{self, UpTopic};
use millwright_schemas::{CertificateSerial, MachineId, Secret};

use super::publish::LastWords;
use super::subscribe::{ChildSet, Subscription};
use crate::limits::{
    CLIENT_ID_MAX_BYTES, CREDENTIAL_MAX_BYTES, SESSION_KEPT_MAX_S, WILL_DELAY_MAX,
};
use crate::wire::{Connect, ConnectRefusal, Version, WillMessage};

/// Who is at the other end, as far as TLS has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// No client certificate.
    Anonymous,
    /// A certificate of our CA.
    Certificate {
        /// Its common name.
        machine: MachineId,
        /// Its serial number.
        serial: CertificateSerial,
    },
    /// A certificate of our CA that names no machine.
    Unusable,
}

/// What a client shows to prove who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// A certificate, checked by TLS but for revocation.
    Certificate(CertificateSerial),
    /// A device token, not yet checked.
    Token(Secret),
    /// A proof of the key of a certificate, not yet checked.
    Proof(Secret),
}

/// Who a client says it is, and the session it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The machine it claims to be.
    pub machine: MachineId,
    /// Its proof.
    pub presented: Presented,
    /// Names the session among the machine's, nothing else.
    pub client_id: String,
    /// Whether an earlier session is to be forgotten.
    pub clean_start: bool,
    /// How long the session is to be remembered after the connection, in seconds; 0: not at all.
    pub kept_s: u32,
    /// Which MQTT it speaks.
    pub version: Version,
}

/// What the session needs to be told before it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Whether the client may connect; answered by [`super::Session::admitted`].
    Admit(Claim),
    /// To remember the session's filters; answered by [`super::Session::remembered`].
    Remember(Vec<Subscription>),
}

/// What an admitted machine may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The machines it also speaks for.
    pub children: ChildSet,
    /// The filters of its earlier session, when there is one that goes on.
    pub earlier: Option<Vec<Subscription>>,
}

/// Why the directory refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Unknown or wrong user name or password.
    #[error("bad credentials")]
    BadCredentials,
    /// Unknown or revoked certificate, or the machine may not connect.
    #[error("not authorised")]
    NotAuthorized,
    /// It can't say.
    #[error("directory is unavailable")]
    Unavailable,
    /// Connections, or refusals, beyond what is allowed in so short a time.
    #[error("too many attempts")]
    TooOften,
}

impl Refused {
    /// A short name for metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadCredentials => "bad_credentials",
            Self::NotAuthorized => "not_authorized",
            Self::Unavailable => "unavailable",
            Self::TooOften => "too_often",
        }
    }

    pub(super) fn on_wire(self) -> ConnectRefusal {
        match self {
            Self::BadCredentials => ConnectRefusal::BadCredentials,
            Self::NotAuthorized => ConnectRefusal::NotAuthorized,
            Self::Unavailable => ConnectRefusal::Unavailable,
            Self::TooOften => ConnectRefusal::Quota,
        }
    }
}

/// An accepted CONNECT that waits for the directory.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) machine: MachineId,
    pub(super) clean_start: bool,
    pub(super) kept_s: u32,
    /// What the client is told of its session's expiry, when it isn't what it asked for.
    pub(super) expiry_s: Option<u32>,
    pub(super) keep_alive_s: u16,
    pub(super) receive_max: u16,
    pub(super) assigned_client_id: Option<ByteString>,
    pub(super) will: Option<LastWords>,
}

/// A refusal and its name for metrics.
pub(super) type Refusal = (ConnectRefusal, &'static str);

/// Checks a CONNECT against everything that needs no database.
pub(super) fn examine(peer: &Peer, connect: Connect) -> Result<(Claim, Pending), Refusal> {
    if connect.extended_authentication {
        return Err((ConnectRefusal::AuthenticationMethod, "authentication_method"));
    }
    if connect.client_id.len() > CLIENT_ID_MAX_BYTES || connect.client_id.contains('\0') {
        return Err((ConnectRefusal::ClientId, "client_id"));
    }
    let (machine, presented) = identify(peer, &connect)?;
    let will = connect.will.map(|will| examine_will(will, connect.version, machine)).transpose()?;
    let assigned_client_id =
        connect.client_id.is_empty().then(|| ByteString::from(machine.to_string()));
    let client_id = assigned_client_id.as_ref().unwrap_or(&connect.client_id).to_string();
    let kept_s = connect.session_expiry_s.min(SESSION_KEPT_MAX_S);
    let expiry_s = (kept_s != connect.session_expiry_s).then_some(kept_s);
    let Connect { clean_start, version, .. } = connect;
    let claim = Claim { machine, presented, client_id, clean_start, kept_s, version };
    let pending = Pending {
        machine,
        clean_start,
        kept_s,
        expiry_s,
        keep_alive_s: connect.keep_alive_s,
        receive_max: connect.receive_max,
        assigned_client_id,
        will,
    };
    Ok((claim, pending))
}

/// A certificate is identity enough; a user name beside it must not name another machine.
fn identify(peer: &Peer, connect: &Connect) -> Result<(MachineId, Presented), Refusal> {
    let bad = (ConnectRefusal::BadCredentials, "bad_credentials");
    let foreign = (ConnectRefusal::NotAuthorized, "foreign_user_name");
    let user_name = connect.user_name.as_deref();
    match peer {
        Peer::Unusable => Err((ConnectRefusal::NotAuthorized, "unusable_certificate")),
        Peer::Certificate { machine, serial } => {
            if user_name.is_some_and(|name| parse_machine(name) != Some(*machine)) {
                return Err(foreign);
            }
            Ok((*machine, Presented::Certificate(serial.clone())))
        }
        Peer::Anonymous => {
            let machine = user_name.and_then(parse_machine).ok_or(bad)?;
            let password = connect.password.as_deref().ok_or(bad)?;
            let token = std::str::from_utf8(password).map_err(|_| bad)?;
            if token.is_empty() || token.len() > CREDENTIAL_MAX_BYTES {
                return Err(bad);
            }
            // No device token has a point in it, and every JWS has.
            let secret = Secret::new(token);
            let is_proof = token.contains('.');
            let presented =
                if is_proof { Presented::Proof(secret) } else { Presented::Token(secret) };
            Ok((machine, presented))
        }
    }
}

/// Only the canonical spelling, as in topics.
fn parse_machine(user_name: &str) -> Option<MachineId> {
    let machine: MachineId = user_name.parse().ok()?;
    (user_name == machine.to_string()).then_some(machine)
}

fn examine_will(
    will: WillMessage,
    version: Version,
    machine: MachineId,
) -> Result<LastWords, Refusal> {
    if will.qos > 1 {
        return Err((ConnectRefusal::QosNotSupported, "will_qos"));
    }
    if will.retain && version == Version::V5 {
        return Err((ConnectRefusal::RetainNotSupported, "will_retain"));
    }
    let UpTopic { machine, channel } = topics::parse_up(&will.topic, machine)
        .map_err(|_| (ConnectRefusal::NotAuthorized, "will_topic"))?;
    let delay = Duration::from_secs(u64::from(will.delay_s)).min(WILL_DELAY_MAX);
    Ok(LastWords { machine, channel, payload: will.payload, delay })
}
