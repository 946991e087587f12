//! The machines' MQTT contract as an AsyncAPI 3 document, from the types that both sides use.

use millwright_schemas::MachineId;
use millwright_schemas::topics::{self, DownChannel, UpChannel};
use millwright_schemas::wire::command::{
    CancelClaims, Capabilities, CommandClaims, CommandReport, TimeClaims, TimeRequested,
};
use millwright_schemas::wire::events::{
    EventMessage, EventType, FaultCleared, FaultRaised, FaultSnapshot, OutboxDropped,
};
use millwright_schemas::wire::rules::{AlarmLocal, ConfigClaims, RulesApplied};
use millwright_schemas::wire::telemetry::TelemetryMessage;
use schemars::JsonSchema;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

/// Any machine: its id and shard are replaced by the parameters' names.
const SAMPLE: &str = "0198b2c4-7c1e-7000-8000-0123456789ab";

/// The whole document.
pub(crate) fn document() -> Value {
    // Draft 7 is what AsyncAPI's own schemas are.
    let settings = SchemaSettings::draft07()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut schemas = settings.into_generator();
    let messages = messages(&mut schemas);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Millwright machines",
            "version": "1",
            "description": "What machines and the platform say to each other over MQTT 3.1.1 or 5 \
                with TLS, QoS 1. A message is acknowledged (PUBACK) after it is stored. \
                `mw/v1/me` is an alias for a machine's own root.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "platform": server(), "websocket": websocket() },
        "channels": channels(),
        "operations": operations(),
        "components": {
            "messages": messages,
            "parameters": {
                "machine": { "description": "The machine's id, a UUID in its usual spelling." },
                "shard": { "description": "The last two hexadecimal digits of the machine's id." },
            },
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "certificate": {
                    "type": "X509",
                    "description": "A client certificate from the enrolment; its common name is \
                        the machine's id.",
                },
                "device_token": {
                    "type": "userPassword",
                    "description": "User name: the machine's id; password: a device token.",
                },
                "certificate_proof": {
                    "type": "userPassword",
                    "description": "User name: the machine's id; password: a JWS by the key of \
                        its certificate, see connect-claims.schema.json. For where TLS ends at a \
                        proxy.",
                },
            },
        },
    })
}

fn server() -> Value {
    json!({
        "host": "localhost:8883",
        "protocol": "mqtts",
        "description": "Host and port are told at enrolment.",
        "security": [
            { "$ref": "#/components/securitySchemes/certificate" },
            { "$ref": "#/components/securitySchemes/device_token" },
        ],
    })
}

fn websocket() -> Value {
    json!({
        "host": "localhost:8080",
        "pathname": "/mqtt",
        "protocol": "wss",
        "description": "The same over WebSocket, sub-protocol mqtt, on the port of the REST API.",
        "security": [
            { "$ref": "#/components/securitySchemes/device_token" },
            { "$ref": "#/components/securitySchemes/certificate_proof" },
        ],
    })
}

/// What machines publish: channel, message, and what it is.
fn up() -> [(UpChannel, &'static str, &'static str); 2] {
    [
        (UpChannel::Telemetry, "telemetry", "Samples of a machine's signals."),
        (UpChannel::Events, "event", "Faults, reports on commands, and the agent's own events."),
    ]
}

/// What the platform publishes: channel, the message's JWS type, and what it is.
fn down() -> [(DownChannel, &'static str); 4] {
    DownChannel::ALL.map(|channel| {
        let text = match channel {
            DownChannel::Command => "An order, signed, with its machine and its expiry.",
            DownChannel::Cancel => "Takes an order back, signed.",
            DownChannel::Time => "The time, signed, for a machine whose clock is unset.",
            DownChannel::Config => "The rules that the machine is to watch by itself, signed.",
        };
        (channel, text)
    })
}

fn channels() -> Value {
    let machine = sample();
    let mut channels = Map::new();
    for (channel, message, description) in up() {
        let topic = topics::up(machine, channel.clone());
        channels.insert(channel.to_string(), self::channel(&topic, message, description));
    }
    for (channel, description) in down() {
        let topic = topics::down(machine, channel);
        let name = channel.as_str();
        channels.insert(name.to_owned(), self::channel(&topic, name, description));
    }
    Value::Object(channels)
}

fn channel(topic: &str, message: &str, description: &str) -> Value {
    let root = topics::root(sample());
    let pattern = root
        .replace(SAMPLE, "{machine}")
        .replace(&format!("/{}/", topics::shard(sample())), "/{shard}/");
    json!({
        "address": topic.replace(&root, &pattern),
        "description": description,
        "messages": { message: { "$ref": format!("#/components/messages/{message}") } },
        "parameters": {
            "machine": { "$ref": "#/components/parameters/machine" },
            "shard": { "$ref": "#/components/parameters/shard" },
        },
    })
}

/// From the platform's side: it receives what goes up and sends what goes down.
fn operations() -> Value {
    let mut operations = Map::new();
    for (channel, message, summary) in up() {
        let operation = operation("receive", channel.as_str(), message, summary);
        operations.insert(format!("receive_{channel}"), operation);
    }
    for (channel, summary) in down() {
        let name = channel.as_str();
        operations.insert(format!("send_{name}"), operation("send", name, name, summary));
    }
    Value::Object(operations)
}

fn operation(action: &str, channel: &str, message: &str, summary: &str) -> Value {
    json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "summary": summary,
        "messages": [{ "$ref": format!("#/channels/{channel}/messages/{message}") }],
        "bindings": { "mqtt": { "qos": 1, "retain": false } },
    })
}

fn messages(schemas: &mut SchemaGenerator) -> Value {
    let mut messages = Map::new();
    messages.insert(
        "telemetry".to_owned(),
        json!({
            "title": "Samples",
            "payload": reference::<TelemetryMessage>(schemas),
        }),
    );
    messages.insert(
        "event".to_owned(),
        json!({
            "title": "An event",
            "description": format!("Types: {}.", EventType::KNOWN.join(", ")),
            "payload": reference::<EventMessage>(schemas),
            "x-data-by-type": {
                "fault.raised": reference::<FaultRaised>(schemas),
                "fault.cleared": reference::<FaultCleared>(schemas),
                "fault.snapshot": reference::<FaultSnapshot>(schemas),
                "outbox.dropped": reference::<OutboxDropped>(schemas),
                "command.*": reference::<CommandReport>(schemas),
                "agent.capabilities": reference::<Capabilities>(schemas),
                "time.requested": reference::<TimeRequested>(schemas),
                "rules.applied": reference::<RulesApplied>(schemas),
                "alarm.local": reference::<AlarmLocal>(schemas),
            },
        }),
    );
    let claims = Map::from_iter([
        ("command".to_owned(), reference::<CommandClaims>(schemas)),
        ("cancel".to_owned(), reference::<CancelClaims>(schemas)),
        ("time".to_owned(), reference::<TimeClaims>(schemas)),
        ("config".to_owned(), reference::<ConfigClaims>(schemas)),
    ]);
    for (channel, title) in down() {
        let mut message = json!({
            "title": title,
            "contentType": "application/jose",
            "payload": {
                "type": "string",
                "description": "A compact JWS (RFC 7515), signed with EdDSA by a key that the \
                    machine trusts.",
                "pattern": "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$",
            },
        });
        if let Some(claims) = claims.get(channel.as_str()) {
            message["x-claims"] = claims.clone();
        }
        messages.insert(channel.as_str().to_owned(), message);
    }
    Value::Object(messages)
}

fn reference<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

#[expect(clippy::expect_used, reason = "a constant, read by each test")]
fn sample() -> MachineId {
    SAMPLE.parse().expect("a UUID")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_parameters_for_machine_and_shard() {
        let document = document();
        let address = |channel: &str| document["channels"][channel]["address"].clone();
        assert_eq!(address("telemetry"), "mw/v1/{shard}/{machine}/up/telemetry");
        assert_eq!(address("command"), "mw/v1/{shard}/{machine}/down/command");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut open = vec![&document];
        let mut references = 0;
        while let Some(value) = open.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(target)) = fields.get("$ref") {
                        let pointer = target.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{target}");
                        references += 1;
                    }
                    open.extend(fields.values());
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
        assert!(references > 30, "only {references}");
    }
}
