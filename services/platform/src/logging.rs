//! Logs to standard error; traces to an OTLP endpoint when one is given.

use std::io::IsTerminal;

use anyhow::Context;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// Parts that say too much at `info`.
const QUIET: [&str; 5] =
    ["rumqttd=error", "rumqttc=warn", "sqlx=warn", "sea_orm_migration=warn", "actix_server=warn"];

/// Sends what is still to be sent when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Logging {
    traces: Option<SdkTracerProvider>,
}

impl Drop for Logging {
    fn drop(&mut self) {
        if let Some(traces) = &self.traces {
            let _ = traces.shutdown();
        }
    }
}

/// Starts logging for the process. Call it before the async runtime starts: the exporter has a
/// thread and a blocking client of its own.
pub(crate) fn start(filter: &str, json: bool, otlp: Option<&str>) -> anyhow::Result<Logging> {
    let quiet = QUIET.join(",");
    let filter = EnvFilter::try_new(format!("{quiet},{filter}"))
        .with_context(|| format!("--log {filter:?} is not a log filter"))?;
    let colours = std::io::stderr().is_terminal();
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let lines = if json { lines.json().boxed() } else { lines.with_target(true).boxed() };
    let traces = otlp.map(exporter).transpose()?;
    let spans = traces
        .as_ref()
        .map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("millwright")));
    tracing_subscriber::registry().with(filter).with(lines).with(spans).try_init()?;
    Ok(Logging { traces })
}

fn exporter(endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .build()
        .with_context(|| format!("--otlp {endpoint:?} can't be used"))?;
    let resource = Resource::builder().with_service_name("millwright").build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}
