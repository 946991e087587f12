//! What is generated from the types of `millwright-schemas` and the handlers of the API, and
//! whether it is current.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use millwright_schemas::wire::command::{
    CancelClaims, Capabilities, CommandClaims, CommandReport, TimeClaims, TimeRequested,
};
use millwright_schemas::wire::connect::ConnectClaims;
use millwright_schemas::wire::events::{
    EventMessage, FaultCleared, FaultRaised, FaultSnapshot, OutboxDropped,
};
use millwright_schemas::wire::rules::{AlarmLocal, ConfigClaims, RulesApplied};
use millwright_schemas::wire::telemetry::TelemetryMessage;
use millwright_schemas::wire::trust::TrustBundle;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;

use crate::{asyncapi, permissions, yaml};

const FOLDER: &str = "schemas/generated";

/// File name to content.
type Files = BTreeMap<String, String>;

/// Writes all files, removes those that are no longer generated, and names what it wrote.
pub(crate) fn write(root: &Path) -> anyhow::Result<Vec<String>> {
    let files = generate()?;
    let folder = root.join(FOLDER);
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for name in present(&folder)?.into_keys().filter(|name| !files.contains_key(name)) {
        fs::remove_file(folder.join(&name)).with_context(|| name.clone())?;
    }
    for (name, content) in &files {
        fs::write(folder.join(name), content).with_context(|| name.clone())?;
    }
    let permissions = root.join(permissions::FILE);
    fs::write(&permissions, permissions::page())
        .with_context(|| permissions.display().to_string())?;
    let names = files.into_keys().map(|name| format!("{FOLDER}/{name}"));
    Ok(names.chain([permissions::FILE.to_owned()]).collect())
}

/// What is missing, different or too many.
pub(crate) fn stale(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut findings = differences(&generate()?, &present(&root.join(FOLDER))?);
    if fs::read_to_string(root.join(permissions::FILE)).ok() != Some(permissions::page()) {
        findings.push(format!("{} is stale: run make generate", permissions::FILE));
    }
    Ok(findings)
}

fn differences(expected: &Files, present: &Files) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, content) in expected {
        match present.get(name) {
            Some(found) if found == content => {}
            Some(_) => findings.push(format!("{FOLDER}/{name} is stale: run make generate")),
            None => findings.push(format!("{FOLDER}/{name} is missing: run make generate")),
        }
    }
    for name in present.keys().filter(|name| !expected.contains_key(*name)) {
        findings.push(format!("{FOLDER}/{name} is no longer generated: run make generate"));
    }
    findings
}

fn present(folder: &Path) -> anyhow::Result<Files> {
    let mut files = Files::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let content = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        files.insert(name, content);
    }
    Ok(files)
}

fn generate() -> anyhow::Result<Files> {
    let mut files = Files::from([
        schema::<TelemetryMessage>("telemetry")?,
        schema::<EventMessage>("event")?,
        schema::<FaultRaised>("fault-raised")?,
        schema::<FaultCleared>("fault-cleared")?,
        schema::<FaultSnapshot>("fault-snapshot")?,
        schema::<OutboxDropped>("outbox-dropped")?,
        schema::<TrustBundle>("trust-bundle")?,
        schema::<ConnectClaims>("connect-claims")?,
        schema::<CommandClaims>("command-claims")?,
        schema::<CancelClaims>("cancel-claims")?,
        schema::<TimeClaims>("time-claims")?,
        schema::<TimeRequested>("time-requested")?,
        schema::<ConfigClaims>("config-claims")?,
        schema::<RulesApplied>("rules-applied")?,
        schema::<AlarmLocal>("alarm-local")?,
        schema::<CommandReport>("command-report")?,
        schema::<Capabilities>("agent-capabilities")?,
    ]);
    files.insert("openapi.json".to_owned(), pretty(&millwright_api::openapi::openapi())?);
    files.insert("asyncapi.yaml".to_owned(), yaml::document(&asyncapi::document()));
    Ok(files)
}

fn schema<T: JsonSchema>(name: &str) -> anyhow::Result<(String, String)> {
    Ok((format!("{name}.schema.json"), pretty(&schema_for!(T))?))
}

fn pretty(value: &impl Serialize) -> anyhow::Result<String> {
    // Through a value, so that the order of keys is always the same.
    let value = serde_json::to_value(value)?;
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_same_types_give_the_same_files() {
        assert_eq!(generate().unwrap(), generate().unwrap());
    }

    #[test]
    fn a_file_that_is_not_current_is_named() {
        let expected = generate().unwrap();
        assert_eq!(differences(&expected, &expected), Vec::<String>::new());

        let mut found = expected.clone();
        found.get_mut("telemetry.schema.json").unwrap().push(' ');
        found.remove("asyncapi.yaml");
        found.insert("old.json".to_owned(), String::new());
        let findings = differences(&expected, &found);
        assert_eq!(findings.len(), 3);
        assert!(findings[0].contains("asyncapi.yaml is missing"));
        assert!(findings[1].contains("telemetry.schema.json is stale"));
        assert!(findings[2].contains("old.json is no longer generated"));
    }
}
