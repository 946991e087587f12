//! What answers at the API's address while the platform waits for its database: that the process
//! lives, and why it isn't ready. Whoever started it would otherwise take it for dead.

use std::collections::BTreeMap;
use std::io;
use std::sync::{PoisonError, RwLock};

use actix_web::dev::ServerHandle;
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, HttpServer, ResponseError as _, web};
use millwright_schemas::api::health::{CheckResult, Readiness};
use tokio::task::JoinHandle;

use crate::error::ApiError;
use crate::limits::{
    CONNECTIONS_PER_WORKER, HANDSHAKE_TIMEOUT, HANDSHAKES_PER_WORKER, REQUEST_HEAD_TIMEOUT,
    WAITING_SHUTDOWN_S,
};
use crate::server::ServerConfig;
use crate::{observe, routes};

/// Answers until it is ended. The door stays open: who comes in between waits.
pub struct Waiting {
    server: ServerHandle,
    task: JoinHandle<io::Result<()>>,
    reason: web::Data<Reason>,
}

/// Why it isn't ready.
struct Reason(RwLock<String>);

impl Waiting {
    /// Begins to answer.
    ///
    /// # Errors
    /// When the listener can't be used.
    pub fn start(door: &ServerConfig, reason: String) -> io::Result<Self> {
        let listener = door.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        let reason = web::Data::new(Reason(RwLock::new(reason)));
        let told = reason.clone();
        let server = HttpServer::new(move || {
            App::new()
                .wrap(from_fn(observe::middleware))
                .app_data(told.clone())
                .service(routes::health::get_health)
                .route("/readyz", web::get().to(get_readiness))
                .default_service(web::to(not_yet))
        })
        .workers(1)
        .max_connections(CONNECTIONS_PER_WORKER)
        .max_connection_rate(HANDSHAKES_PER_WORKER)
        .client_request_timeout(REQUEST_HEAD_TIMEOUT)
        .tls_handshake_timeout(HANDSHAKE_TIMEOUT)
        // The next request is for the platform itself.
        .keep_alive(KeepAlive::Disabled)
        .shutdown_timeout(WAITING_SHUTDOWN_S)
        .disable_signals();
        let server = match &door.tls {
            Some(tls) => server.listen_rustls_0_23(listener, rustls::ServerConfig::clone(tls))?,
            None => server.listen(listener)?,
        };
        let running = server.run();
        Ok(Self { server: running.handle(), task: tokio::spawn(running), reason })
    }

    /// From now on it isn't ready for this reason.
    pub fn tell(&self, reason: String) {
        *self.reason.0.write().unwrap_or_else(PoisonError::into_inner) = reason;
    }

    /// Answers what was asked, and no more.
    pub async fn end(mut self) {
        self.server.stop(true).await;
        let _ = (&mut self.task).await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // The message is sent at once; nobody needs to wait for its effect.
        drop(self.server.stop(false));
    }
}

async fn get_readiness(reason: web::Data<Reason>) -> HttpResponse {
    let reason = reason.0.read().unwrap_or_else(PoisonError::into_inner).clone();
    let database = CheckResult { ok: false, reason: Some(reason) };
    let checks = BTreeMap::from([("database".to_owned(), database)]);
    HttpResponse::ServiceUnavailable().json(Readiness { ready: false, checks })
}

/// Not as an error, which would be logged each time.
async fn not_yet() -> HttpResponse {
    ApiError::Unavailable("the platform waits for its database".into()).error_response()
}
