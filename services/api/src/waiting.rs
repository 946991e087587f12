//! What answers at the API's address while the platform waits for its database: that the process
//! lives, and why it isn't ready. Whoever started it would otherwise take it for dead.

use std::collections::BTreeMap;
use std::io;
use std::sync::{PoisonError, RwLock};

use actix_web::dev::ServerHandle;
use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::{App, HttpResponse, ResponseError as _, web};
use millwright_schemas::api::health::{CheckResult, Readiness};
use tokio::task::JoinHandle;

use crate::door::{self, Behind, Door};
use crate::error::ApiError;
use crate::limits::WAITING_SHUTDOWN_S;
use crate::observe::DoorMetrics;
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
    pub fn start(config: &ServerConfig, reason: String) -> io::Result<Self> {
        let listener = config.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        let reason = web::Data::new(Reason(RwLock::new(reason)));
        let told = reason.clone();
        let app = move || {
            App::new()
                .wrap(from_fn(observe::middleware))
                .app_data(told.clone())
                .service(routes::health::get_health)
                .route("/readyz", web::get().to(get_readiness))
                .default_service(web::to(not_yet))
        };
        let refusals = DoorMetrics::unregistered().map_err(io::Error::other)?;
        // The next request is for the platform itself.
        let keep_alive = KeepAlive::Disabled;
        let behind = Behind { workers: 1, keep_alive, shutdown_s: WAITING_SHUTDOWN_S };
        let running =
            door::serve(listener, Door::new(config.tls.as_deref(), refusals), behind, app)?;
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
