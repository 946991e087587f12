//! The description of the API, gathered from the handlers themselves.

use actix_web::App;
use utoipa::OpenApi as _;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, ResponseBuilder};
use utoipa_actix_web::AppExt as _;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::routes;
use millwright_schemas::api::alarms::AlarmStateFilter;
use millwright_schemas::api::commands::CommandStateFilter;
use millwright_schemas::api::problem::{PROBLEM_JSON, Problem};
use millwright_schemas::api::tickets::TicketStateFilter;

/// Where the REST API is.
pub const BASE_PATH: &str = "/api/v1";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Millwright",
        description = "Machines, what they measure and what is wrong with them. Times are RFC \
            3339, UTC; ids are UUIDs; lists come in pages (`limit`, `cursor`, `next_cursor`). \
            Errors are problems after RFC 9457. A POST with an `Idempotency-Key` is done at most \
            once in 24 hours (of a caller's last 10,000 keys): a repeat is answered like the \
            first, with `Idempotency-Replayed: true`; 409 while the first runs, when its answer \
            isn't kept (it showed a secret, or was large), and when it was interrupted and its \
            outcome is unknown: then look whether it was done before you use a new key; 422 for \
            another request. What failed may be tried again with its key. \
            Updates need `If-Match` with the ETag of what was read. A request's body has at most 1 MiB, \
            40 KiB where no sign-in is needed (413), and arrives within 30 seconds (408).",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    // Filters stand in parameters only, which don't bring their types along.
    components(schemas(Problem, AlarmStateFilter, CommandStateFilter, TicketStateFilter)),
    security(("bearer" = [])),
    tags(
        (name = "auth", description = "Sign-in of people"),
        (name = "users", description = "People"),
        (name = "api-tokens", description = "Tokens for scripts and integrations"),
        (name = "audit", description = "What was done by whom"),
        (name = "organizations", description = "Organizations and sites"),
        (name = "machines", description = "Machines"),
        (name = "commands", description = "What machines are told to do, and what came of it"),
        (name = "alarms", description = "What is wrong with machines"),
        (name = "tickets", description = "Work on machines"),
        (name = "enrollment", description = "How machines get and keep their identity"),
        (name = "telemetry", description = "What machines measure and report, and what was lost"),
        (name = "rules", description = "What is watched in machines' signals"),
        (name = "events", description = "What has changed on the platform"),
        (name = "health", description = "Whether the platform works"),
    ),
)]
struct Description;

/// The whole description. Written to `schemas/generated/openapi.json` by `xtask`.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, mut description) = App::new()
        .into_utoipa_app()
        .openapi(Description::openapi())
        .service(utoipa_actix_web::scope(BASE_PATH).configure(rest))
        .configure(routes::health::configure)
        .configure(routes::machine_socket::configure)
        .split_for_parts();
    env!("CARGO_PKG_VERSION").clone_into(&mut description.info.version);
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    description.components.get_or_insert_default().add_security_scheme("bearer", bearer);
    for operation in description.paths.paths.values_mut().flat_map(operations_mut) {
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        let response =
            ResponseBuilder::new().description("A problem").content(PROBLEM_JSON, problem);
        operation.responses.responses.entry("default".to_owned()).or_insert(response.into());
    }
    description
}

/// Everything below `/api/v1`. A new module of routes is added here.
pub(crate) fn rest(config: &mut ServiceConfig<'_>) {
    config
        .configure(routes::auth::configure)
        .configure(routes::users::configure)
        .configure(routes::api_tokens::configure)
        .configure(routes::audit::configure)
        .configure(routes::organizations::configure)
        .configure(routes::sites::configure)
        .configure(routes::machines::configure)
        .configure(routes::commands::configure)
        .configure(routes::maintenance::configure)
        .configure(routes::relearn::configure)
        .configure(routes::learning::configure)
        .configure(routes::alarms::configure)
        .configure(routes::revisions::configure)
        .configure(routes::tickets::configure)
        .configure(routes::policies::configure)
        .configure(routes::enrollment::configure)
        .configure(routes::credentials::configure)
        .configure(routes::trust::configure)
        .configure(routes::signals::configure)
        .configure(routes::telemetry::configure)
        .configure(routes::storage::configure)
        .configure(routes::machine_events::configure)
        .configure(routes::loss::configure)
        .configure(routes::quarantine::configure)
        .configure(routes::backtests::configure)
        .configure(routes::rules::configure)
        .configure(routes::events::configure)
        .configure(routes::streams::configure);
}

/// The operations of a path with the names of their methods.
pub(crate) fn operations(item: &PathItem) -> Vec<(&'static str, &Operation)> {
    let all = [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("DELETE", &item.delete),
        ("PATCH", &item.patch),
    ];
    all.into_iter().filter_map(|(name, operation)| Some((name, operation.as_ref()?))).collect()
}

fn operations_mut(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch]
        .into_iter()
        .flatten()
}
