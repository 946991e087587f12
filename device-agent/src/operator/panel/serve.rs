//! The panel's server: few connections, small buffers, and nobody waits for ever.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{PanelSocket, api, guard, pages};
use crate::limits::{
    PANEL_BODY_BYTES, PANEL_BUFFER_BYTES, PANEL_CONNECTIONS, PANEL_IDLE, PANEL_RETRY,
};
use crate::status_source::StatusSource;

/// What the panel shows and where the operator's word goes. Cheap to clone.
#[derive(Clone)]
pub struct Panel(pub(super) Arc<Shared>);

pub(super) struct Shared {
    /// All that it shows.
    pub(super) source: StatusSource,
    /// Given to the page, asked of every change: another site's page can't read it.
    pub(super) token: String,
}

impl Panel {
    /// A panel with a token of its own.
    #[must_use]
    pub fn new(source: StatusSource) -> Self {
        let token = hex::encode(rand::random::<[u8; 32]>());
        Self(Arc::new(Shared { source, token }))
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/", get(pages::page))
            .route("/panel.js", get(pages::script))
            .route("/panel.css", get(pages::style))
            .route("/icon.svg", get(pages::icon))
            .route("/api/state", get(api::state))
            .route("/api/log", get(api::log))
            .route("/api/decide", post(api::decide))
            .route("/api/stop", post(api::stop))
            .route("/api/help", post(api::help))
            .fallback(api::not_found)
            .method_not_allowed_fallback(api::not_allowed)
            .layer(DefaultBodyLimit::max(PANEL_BODY_BYTES))
            .layer(from_fn_with_state(self.clone(), guard::admit))
            .layer(from_fn(guard::harden))
            .with_state(self.clone())
    }

    /// Runs until it is dropped.
    pub async fn run(self, socket: PanelSocket) {
        let router = self.router();
        let places = Arc::new(Semaphore::new(PANEL_CONNECTIONS));
        // Ends with this task: a browser's open connection must not hold up the agent's stopping.
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match socket.listener.accept().await {
                Ok((stream, _)) => {
                    let router = router.clone();
                    connections.spawn(async move {
                        serve(stream, router).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "panel");
                    sleep(PANEL_RETRY).await;
                }
            }
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also between two requests of a connection.
        .header_read_timeout(PANEL_IDLE)
        .max_buf_size(PANEL_BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "connection to the panel");
    }
}
