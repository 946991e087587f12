//! What a restore changes in the state that it brings back.
//!
//! The platform goes on from an older state, while machines, people and readers have gone on from
//! the newer one. What they remember and the database doesn't must not be taken for something else:
//!
//! - **Connections** are over: the gateways that held them are gone.
//! - **Commands that were open** may have run since, or not, and their reports have been
//!   acknowledged, so that the machine won't send them again. They become `interrupted`, outcome
//!   unknown, and never go out again. New ones get a place in the machine's order beyond any that
//!   was given, since agents refuse places that have passed.
//! - **Rules on machines**: what a machine was given since may have the same version as what it is
//!   given next. Versions go on beyond any that was given.
//! - **Sign-in sessions** end: a refresh token that was used since would be good once more.
//! - **Enrolment codes** end, for the same reason.
//! - **Events** go on at a position beyond any that was ever given, with `platform.restored`, so that
//!   a reader who has seen later events than the backup holds misses none of what comes.
//!
//! Only columns are named that were there from their table's beginning, because the backup's schema
//! may be older than the program's.

use std::path::Path;

use millwright_core::access::Actor;
use millwright_core::audit::{AuditRecord, RECORD_VERSION, Subject};
use millwright_schemas::{EventId, OrganizationId, Timestamp};
use serde_json::{Map, Value};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::error::database;
use super::{BackupError, Manifest};
use crate::StoreError;

/// Name of the audit record and of the domain event.
pub const RESTORED: &str = "platform.restored";
/// Why connections ended.
pub const REASON: &str = "platform restored from a backup";
/// What is said of commands whose outcome is unknown.
const COMMAND_ERROR: &str =
    "the platform was restored from a backup; look on the machine what became of it";
/// States of commands that aren't final.
const OPEN_COMMANDS: &str = "('awaiting_approval', 'queued', 'sent', 'received', \
     'awaiting_consent', 'running', 'unconfirmed')";

/// The migration that brought commands.
const WITH_COMMANDS: &str = "m0002_operations";
/// The migration that brought rules to machines.
const WITH_MACHINE_RULES: &str = "m0013_machine_rules";

/// What a restore has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    /// Connections that were open.
    pub connections: u64,
    /// Commands that were open.
    pub commands: u64,
    /// Refresh tokens that were good.
    pub sessions: u64,
    /// Enrolment codes that were good.
    pub codes: u64,
    /// Position of the event that tells of the restore; 0: there is no organization yet.
    pub position: i64,
}

/// Why the state can't be changed.
#[derive(Debug)]
pub(super) enum MarkError {
    Sqlx(sqlx::Error),
    Store(StoreError),
}

impl MarkError {
    pub(super) fn at(self, path: &Path) -> BackupError {
        const FAILED: &str = "the restored database can't be prepared";
        match self {
            Self::Sqlx(error) => database(path, FAILED)(error),
            Self::Store(source) => BackupError::Database { doing: FAILED, source },
        }
    }
}

impl From<sqlx::Error> for MarkError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

/// A position beyond any that was given: positions count up by one from 1, or from the milliseconds
/// of an earlier restore, and no platform writes a thousand events a second for good.
fn leap(last: i64, now: Timestamp) -> i64 {
    last.saturating_add(1).max(now.millis())
}

/// What is written about it, ready for both databases.
struct Notes {
    event: Uuid,
    record: Uuid,
    actor: String,
    subject: Subject,
    details: String,
    canonical: Vec<u8>,
}

fn notes(
    organization: Uuid,
    manifest: &Manifest,
    mark: &Mark,
    now: Timestamp,
) -> Result<Notes, MarkError> {
    let corrupt =
        |error: &dyn std::fmt::Display| MarkError::Store(StoreError::corrupt("audit", error));
    let details = Map::from_iter([
        ("backup_created_at".to_owned(), Value::from(manifest.created_at.to_string())),
        ("backup_last_position".to_owned(), manifest.last_position.into()),
        ("backup_program".to_owned(), manifest.program.clone().into()),
        ("commands_interrupted".to_owned(), mark.commands.into()),
        ("enrollment_codes_ended".to_owned(), mark.codes.into()),
        ("sessions_ended".to_owned(), mark.sessions.into()),
    ]);
    let subject = Subject::new("platform", organization);
    let record = AuditRecord {
        v: RECORD_VERSION,
        id: EventId(Uuid::now_v7()),
        at: now,
        organization: OrganizationId(organization),
        actor: Actor::Platform,
        action: RESTORED.to_owned(),
        subject: subject.clone(),
        details: details.clone(),
    };
    Ok(Notes {
        event: Uuid::now_v7(),
        record: record.id.uuid(),
        actor: serde_json::to_string(&Actor::Platform).map_err(|error| corrupt(&error))?,
        subject,
        details: Value::Object(details).to_string(),
        canonical: record.canonical().map_err(|error| corrupt(&error))?,
    })
}

/// What both databases understand, in one transaction of the caller's.
macro_rules! apply {
    ($name:ident, $connection:ty) => {
        /// Changes a restored database; within a transaction.
        pub(super) async fn $name(
            tx: &mut $connection,
            manifest: &Manifest,
            now: Timestamp,
        ) -> Result<Mark, MarkError> {
            let us = now.micros();
            let mut mark = Mark::default();
            let connections = sqlx::query(
                "UPDATE machine_status SET connected = FALSE, disconnected_at = $1, \
                 disconnect_reason = $2 WHERE connected = TRUE",
            );
            let connections = connections.bind(us).bind(REASON).execute(&mut *tx).await?;
            mark.connections = connections.rows_affected();
            if manifest.migrations.iter().any(|name| name == WITH_COMMANDS) {
                // Seconds, as a place that no machine has reached: as positions of events, below.
                let places =
                    sqlx::query("UPDATE machine_capabilities SET last_ord = $1 WHERE last_ord < $1");
                places.bind(now.seconds()).execute(&mut *tx).await?;
                let sql = format!(
                    "UPDATE commands SET state = 'interrupted', error = $1, ended_at = $2, \
                     updated_at = $2, version = version + 1 WHERE state IN {OPEN_COMMANDS}"
                );
                let commands = sqlx::query(AssertSqlSafe(sql)).bind(COMMAND_ERROR).bind(us);
                mark.commands = commands.execute(&mut *tx).await?.rows_affected();
            }
            if manifest.migrations.iter().any(|name| name == WITH_MACHINE_RULES) {
                let versions =
                    sqlx::query("UPDATE machine_rules SET version = $1 WHERE version < $1");
                versions.bind(now.seconds()).execute(&mut *tx).await?;
            }
            let sessions =
                sqlx::query("UPDATE refresh_tokens SET revoked_at = $1 WHERE revoked_at IS NULL");
            mark.sessions = sessions.bind(us).execute(&mut *tx).await?.rows_affected();
            let codes =
                sqlx::query("UPDATE enrollment_codes SET expires_at = $1 WHERE expires_at > $1");
            mark.codes = codes.bind(us).execute(&mut *tx).await?.rows_affected();

            let root: Option<Uuid> = sqlx::query_scalar(
                "SELECT id FROM organizations WHERE parent_id IS NULL ORDER BY created_at, id LIMIT 1",
            )
            .fetch_optional(&mut *tx)
            .await?;
            let Some(root) = root else { return Ok(mark) };
            mark.position = leap(manifest.last_position, now);
            let notes = notes(root, manifest, &mark, now)?;
            sqlx::query(
                "INSERT INTO audit (id, organization_id, at, action, actor, subject_kind, \
                 subject_id, record) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(notes.record)
            .bind(root)
            .bind(us)
            .bind(RESTORED)
            .bind(&notes.actor)
            .bind(&notes.subject.kind)
            .bind(&notes.subject.id)
            .bind(&notes.canonical)
            .execute(&mut *tx)
            .await?;
            sqlx::query(
                "INSERT INTO events (id, position, organization_id, type, subject_kind, \
                 subject_id, actor, data, occurred_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            )
            .bind(notes.event)
            .bind(mark.position)
            .bind(root)
            .bind(RESTORED)
            .bind(&notes.subject.kind)
            .bind(&notes.subject.id)
            .bind(&notes.actor)
            .bind(&notes.details)
            .bind(us)
            .execute(&mut *tx)
            .await?;
            Ok(mark)
        }
    };
}

apply!(sqlite, SqliteConnection);
apply!(postgres, PgConnection);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_go_on_beyond_all_that_were_given() {
        let now = Timestamp::from_millis(1_763_775_000_000);
        assert_eq!(leap(41, now), 1_763_775_000_000);
        // Restored once, and a few events since.
        assert_eq!(leap(1_763_775_000_007, now), 1_763_775_000_008);
        // A clock that is unset doesn't go back.
        assert_eq!(leap(41, Timestamp::from_millis(0)), 42);
    }
}
