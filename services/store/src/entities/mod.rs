//! One file a table. Telemetry points have no entity: they are written and read by sqlx.

pub mod api_token;
pub mod audit;
pub mod certificate;
pub mod device_token;
pub mod enrollment_code;
pub mod event;
pub mod gap;
pub mod idempotency_key;
pub mod job;
pub mod latest;
pub mod machine;
pub mod machine_counter;
pub mod machine_event;
pub mod machine_status;
pub mod mqtt_session;
pub mod organization;
pub mod organization_tree;
pub mod quarantine;
pub mod refresh_token;
pub mod series;
pub mod site;
pub mod stream_cursor;
pub mod trust_bundle;
pub mod user;
