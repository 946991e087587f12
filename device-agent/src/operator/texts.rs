//! All texts of the panel, in both languages.

use std::collections::BTreeMap;

use super::panel::Language;

/// Key, English, German.
const TEXTS: &[(&str, &str, &str)] = &[
    ("title", "Machine panel", "Maschinen-Panel"),
    ("skip", "To the content", "Zum Inhalt"),
    ("language_choice", "Language", "Sprache"),
    ("machine", "Machine", "Maschine"),
    ("not_enrolled", "not connected to a platform yet", "noch mit keiner Plattform verbunden"),
    (
        "offline",
        "The agent on this machine doesn't answer. What is shown may be out of date.",
        "Der Agent auf dieser Maschine antwortet nicht. Die Anzeige ist vielleicht veraltet.",
    ),
    (
        "no_script",
        "This page needs JavaScript. Without it: millwright-agent consent list",
        "Diese Seite braucht JavaScript. Ohne: millwright-agent consent list",
    ),
    ("connection.connected", "Connected to the platform", "Mit der Plattform verbunden"),
    ("connection.connecting", "Connecting to the platform", "Verbindung wird aufgebaut"),
    ("connection.waiting", "No connection to the platform", "Keine Verbindung zur Plattform"),
    ("connection.not_enrolled", "Not enrolled", "Nicht angemeldet"),
    ("connection.stopped", "Stopped", "Angehalten"),
    ("connection.unknown", "Connection unknown", "Verbindung unbekannt"),
    ("questions", "Your consent is asked for", "Ihre Zustimmung wird erbeten"),
    ("question.title", "May this be done?", "Darf das getan werden?"),
    ("accept", "Accept", "Zustimmen"),
    ("refuse", "Refuse", "Ablehnen"),
    ("now", "Being done now", "Das geschieht gerade"),
    (
        "now.nothing",
        "Nothing is being done to this machine.",
        "An dieser Maschine geschieht nichts.",
    ),
    ("stop", "Stop", "Stopp"),
    ("stop_all", "Stop everything", "Alles stoppen"),
    ("stopping", "Stopping…", "Wird gestoppt…"),
    ("field.by", "Who", "Wer"),
    ("field.ticket", "Ticket", "Ticket"),
    ("field.purpose", "What for", "Wozu"),
    ("field.args", "With", "Mit"),
    ("field.until", "Valid until", "Gültig bis"),
    ("field.since", "Since", "Seit"),
    ("field.command", "Command", "Befehl"),
    ("no_ticket", "no ticket", "kein Ticket"),
    ("no_purpose", "not said", "nicht angegeben"),
    ("expired", "expired", "abgelaufen"),
    ("class.read", "Only reads", "Liest nur"),
    ("class.configure", "Changes settings", "Ändert Einstellungen"),
    ("class.motion", "Moves the machine", "Bewegt die Maschine"),
    ("class.software", "Changes software", "Ändert Software"),
    ("faults", "Active faults", "Aktive Störungen"),
    ("faults.none", "No active faults.", "Keine aktiven Störungen."),
    (
        "alarms",
        "Alarms of the watching on this machine",
        "Alarme der Überwachung auf dieser Maschine",
    ),
    ("alarms.none", "The rules find all well.", "Die Regeln finden alles in Ordnung."),
    ("severity.critical", "Critical", "Kritisch"),
    ("severity.major", "Major", "Schwer"),
    ("severity.minor", "Minor", "Leicht"),
    ("severity.warning", "Warning", "Warnung"),
    ("severity.indeterminate", "Unrated", "Unbewertet"),
    ("help", "Ask for help", "Hilfe anfordern"),
    (
        "help.hint",
        "Your message goes to the maintenance team.",
        "Ihre Nachricht geht an das Wartungsteam.",
    ),
    ("help.message", "What is the matter?", "Was ist los?"),
    ("help.send", "Send", "Senden"),
    (
        "help.sent",
        "Sent: the maintenance team finds it on a ticket of this machine.",
        "Gesendet: Das Wartungsteam findet sie auf einem Ticket dieser Maschine.",
    ),
    (
        "help.queued",
        "Your message is kept on this machine and goes out as soon as the platform is reached.",
        "Ihre Nachricht ist auf dieser Maschine gespeichert und geht hinaus, sobald die Plattform \
         erreicht wird.",
    ),
    ("log", "What happened here", "Was hier geschehen ist"),
    ("log.none", "Nothing yet.", "Noch nichts."),
    (
        "log.kept",
        "The newest 50 entries. The whole log is kept on this machine: operator.log",
        "Die neuesten 50 Einträge. Das ganze Protokoll liegt auf dieser Maschine: operator.log",
    ),
    ("log_problem", "The local log isn't written", "Das lokale Protokoll wird nicht geschrieben"),
    ("disk_problem", "The disk takes nothing", "Die Festplatte nimmt nichts an"),
    ("what.asked", "Consent asked for", "Zustimmung erbeten"),
    ("what.granted", "Accepted", "Zugestimmt"),
    ("what.refused", "Refused", "Abgelehnt"),
    ("what.called_off", "Question called off", "Frage zurückgezogen"),
    ("what.started", "Started", "Begonnen"),
    ("what.stopped", "Stopped by the operator", "Vom Bediener gestoppt"),
    ("what.ended", "Ended", "Beendet"),
    ("what.help_requested", "Help asked for", "Hilfe angefordert"),
    ("what.entries_lost", "Entries missing", "Einträge fehlen"),
    ("how.panel", "at the panel", "am Panel"),
    ("how.command_line", "by command line", "per Befehlszeile"),
    ("how.agent", "by the agent: too many questions", "vom Agenten: zu viele Fragen"),
    ("outcome.succeeded", "succeeded", "gelungen"),
    ("outcome.failed", "failed", "fehlgeschlagen"),
    ("outcome.timed_out", "took too long", "Zeit überschritten"),
    ("outcome.canceled", "canceled", "abgebrochen"),
    ("outcome.interrupted", "interrupted", "unterbrochen"),
    (
        "error.gone",
        "That is over already: it was answered, has ended or was called off.",
        "Das ist schon vorbei: beantwortet, beendet oder zurückgezogen.",
    ),
    ("error.failed", "That didn't work", "Das hat nicht geklappt"),
];

/// A text by its key.
pub(super) fn text(key: &str, language: Language) -> Option<&'static str> {
    let (_, english, german) = TEXTS.iter().find(|(known, ..)| *known == key)?;
    Some(match language {
        Language::English => english,
        Language::German => german,
    })
}

/// All texts of a language as a JSON object that can stand in HTML.
pub(super) fn json(language: Language) -> String {
    let texts: BTreeMap<_, _> =
        TEXTS.iter().filter_map(|(key, ..)| Some((*key, text(key, language)?))).collect();
    serde_json::to_string(&texts).unwrap_or_default().replace('<', "\\u003c")
}

/// All keys.
#[cfg(test)]
pub(super) fn keys() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(key, ..)| *key)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::BTreeSet;

    use millwright_schemas::wire::command::CommandClass;

    use super::*;

    #[test]
    fn every_key_is_there_once_with_a_text_in_each_language() {
        let mut seen = BTreeSet::new();
        for (key, english, german) in TEXTS {
            assert!(seen.insert(key), "{key} twice");
            assert!(!english.trim().is_empty() && !german.trim().is_empty(), "{key}");
            assert!(
                !english.contains(['<', '"', '&']) && !german.contains(['<', '"', '&']),
                "{key}"
            );
        }
        // Some words are the same in both languages; more would be a forgotten translation.
        let same: Vec<_> = TEXTS.iter().filter(|(_, a, b)| a == b).map(|(key, ..)| *key).collect();
        assert_eq!(same, ["field.ticket"]);
    }

    #[test]
    fn every_class_has_a_text() {
        for class in CommandClass::ALL {
            assert!(text(&format!("class.{class}"), Language::German).is_some(), "{class}");
        }
    }
}
