//! A machine's signals over time.

use actix_web::{get, web};
use millwright_registry::readings;
use millwright_schemas::MachineId;
use millwright_schemas::api::telemetry::{SeriesPoints, TelemetryChart, TelemetrySeries};
use millwright_store::telemetry::reads::chart::{Chart, ChartPoints};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;
use crate::extract::Authenticated;
use crate::query::{Pairs, chart_input};
use crate::state::AppState;

/// Registers the handlers.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config.service(get_telemetry);
}

/// Signals over time, in no more points than asked for: numbers with mean, smallest and largest
/// of each stretch of time; booleans and texts where they change, or, where there are very many values, the
/// ones with which stretches of time begin and end: `resolution` says which.
#[utoipa::path(
    tag = "telemetry",
    params(
        ("id" = MachineId, Path),
        ("signal" = Vec<String>, Query, description = "Names of signals, 1 to 20, each as its own `signal=…`"),
        ("from" = Option<String>, Query, description = "From this time on: RFC 3339 or Unix milliseconds; by default a day before `to`"),
        ("to" = Option<String>, Query, description = "Before this time; by default now"),
        ("points" = Option<u32>, Query, description = "Most points a signal, 1 to 5000; by default 500"),
    ),
    responses((status = 200, description = "One series a signal", body = TelemetryChart))
)]
#[get("/machines/{id}/telemetry")]
async fn get_telemetry(
    state: web::Data<AppState>,
    Authenticated(caller): Authenticated,
    id: web::Path<MachineId>,
    query: web::Query<Pairs>,
) -> Result<web::Json<TelemetryChart>, ApiError> {
    let (input, now) = (chart_input(&query)?, state.now());
    let charts = readings::chart(&state.store, &caller, *id, input, now).await?;
    Ok(web::Json(TelemetryChart { series: charts.into_iter().map(view).collect() }))
}

fn view(chart: Chart) -> TelemetrySeries {
    let ms = |us: i64| us.div_euclid(1_000);
    let points = match chart.points {
        ChartPoints::Numbers(buckets) => SeriesPoints::Numbers(
            buckets.into_iter().map(|b| (ms(b.ts), b.avg, b.min, b.max)).collect(),
        ),
        ChartPoints::Booleans(points) => {
            SeriesPoints::Booleans(points.into_iter().map(|(ts, value)| (ms(ts), value)).collect())
        }
        ChartPoints::Texts(points) => {
            SeriesPoints::Texts(points.into_iter().map(|(ts, value)| (ms(ts), value)).collect())
        }
    };
    TelemetrySeries {
        signal: chart.signal,
        unit: chart.unit,
        kind: chart.kind,
        resolution: std::time::Duration::from_micros(chart.resolution_us.unsigned_abs())
            .as_secs_f64(),
        truncated: chart.truncated,
        points,
    }
}
