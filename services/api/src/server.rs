//! The HTTP server.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{ResourceDef, Server};
use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpRequest, HttpResponse, web};
use socket2::{SockRef, TcpKeepalive};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt as _;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::body::BodyRules;
use crate::door::{self, Behind, Door};
use crate::error::ApiError;
use crate::limits::{BODY_MAX_BYTES, KEEP_ALIVE, SHUTDOWN_S, TCP_KEEPALIVE, UNREAD_TIMEOUT};
use crate::observe::{DoorMetrics, RequestMetrics, SignInMetrics};
use crate::openapi::{BASE_PATH, openapi, operations, rest};
use crate::state::AppState;
use crate::streams::Streams;
use crate::{body, dashboard, idempotency, observe, routes};

/// How the server listens.
#[derive(Debug)]
pub struct ServerConfig {
    /// Where to listen, from [`listen`].
    pub listener: TcpListener,
    /// With it, HTTPS; without, plain HTTP.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Threads that answer requests.
    pub workers: usize,
    /// How long a request's body may take to arrive: [`crate::limits::BODY_TIMEOUT`], but for tests.
    pub body_timeout: Duration,
}

/// A server that listens; it answers once `server` is polled.
pub struct Api {
    /// The server: a future that ends when it was stopped through its handle.
    pub server: Server,
    /// Where it listens.
    pub address: SocketAddr,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Takes the address; port 0 takes a free one.
///
/// # Errors
/// When it can't be had; the text names it.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).map_err(|error| {
        io::Error::new(error.kind(), format!("can't listen on {address}: {error}"))
    })?;
    set_up(&listener)?;
    Ok(listener)
}

/// Connections inherit the options of their listener.
fn set_up(listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    // A PUBACK is small, and a machine waits for it.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(TCP_KEEPALIVE))?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket.set_tcp_user_timeout(Some(UNREAD_TIMEOUT))?;
    Ok(())
}

/// Starts to answer. Stop it with `server.handle().stop(true)`: running requests get five
/// seconds to end. It takes no signals; that is the program's affair.
///
/// # Errors
/// When the listener can't be used, or a metric is registered twice.
pub fn run(config: ServerConfig, state: AppState) -> io::Result<Api> {
    let ServerConfig { listener, tls, workers, body_timeout } = config;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;

    let metrics = RequestMetrics::register(&state.metrics).map_err(io::Error::other)?;
    let metrics = web::Data::new(metrics);
    let sign_ins = SignInMetrics::register(&state.metrics).map_err(io::Error::other)?;
    let sign_ins = web::Data::new(sign_ins);
    let refusals = DoorMetrics::register(&state.metrics).map_err(io::Error::other)?;
    let state = web::Data::new(state);
    let streams = web::Data::new(Streams::default());
    let described = openapi();
    let rules = web::Data::new(BodyRules::new(body_timeout, &described));
    let description = web::Data::new(Description::new(&described));
    let app = move || {
        let (app, _) = App::new()
            .wrap(from_fn(idempotency::middleware))
            .wrap(from_fn(observe::middleware))
            .wrap(Compress::default())
            .wrap(from_fn(body::middleware))
            .into_utoipa_app()
            .app_data(state.clone())
            .app_data(metrics.clone())
            .app_data(sign_ins.clone())
            .app_data(streams.clone())
            .app_data(description.clone())
            .app_data(rules.clone())
            .app_data(web::PayloadConfig::new(BODY_MAX_BYTES))
            .app_data(web::QueryConfig::default().error_handler(|e, _| ApiError::from(e).into()))
            .app_data(web::PathConfig::default().error_handler(|e, _| ApiError::from(e).into()))
            .service(utoipa_actix_web::scope(BASE_PATH).configure(rest).configure(|config| {
                config.route("/openapi.json", web::get().to(get_openapi));
            }))
            .configure(routes::health::configure)
            .configure(routes::machine_socket::configure)
            .split_for_parts();
        app.configure(documentation).default_service(web::to(fallback))
    };
    let behind = Behind { workers, keep_alive: KEEP_ALIVE.into(), shutdown_s: SHUTDOWN_S };
    let server = door::serve(listener, Door::new(tls.as_deref(), refusals), behind, app)?;
    Ok(Api { server, address })
}

/// The description as JSON, and what paths there are.
struct Description {
    json: web::Bytes,
    routes: Vec<(ResourceDef, Vec<&'static str>)>,
}

impl Description {
    fn new(description: &OpenApi) -> Self {
        let methods = |item| operations(item).into_iter().map(|(method, _)| method).collect();
        let paths = description.paths.paths.iter();
        Self {
            json: serde_json::to_vec(description).unwrap_or_default().into(),
            routes: paths.map(|(path, item)| (ResourceDef::new(&**path), methods(item))).collect(),
        }
    }
}

fn documentation(config: &mut web::ServiceConfig) {
    let swagger = SwaggerConfig::from("/openapi.json")
        // The default asks a server elsewhere.
        .validator_url("none");
    config
        .route("/openapi.json", web::get().to(get_openapi))
        .route("/docs", web::get().to(redirect_to_docs))
        .service(SwaggerUi::new("/docs/{_:.*}").config(swagger));
}

async fn get_openapi(description: web::Data<Description>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(description.json.clone())
}

async fn redirect_to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header(("Location", "/docs/")).finish()
}

/// The dashboard's, or no such path, or not with this method.
async fn fallback(
    request: HttpRequest,
    description: web::Data<Description>,
) -> Result<HttpResponse, ApiError> {
    if let Some(answer) = dashboard::answer(&request) {
        return Ok(answer);
    }
    let mut methods: Vec<&str> = description
        .routes
        .iter()
        .filter(|(path, _)| path.is_match(request.path()))
        .flat_map(|(_, methods)| methods.iter().copied())
        .collect();
    methods.dedup();
    if methods.is_empty() {
        return Err(ApiError::NotFound("page".to_owned()));
    }
    Err(ApiError::MethodNotAllowed(methods.join(", ")))
}
