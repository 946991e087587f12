//! What a command prints: part by part, bounded. Pure.

use millwright_schemas::limits::COMMAND_OUTPUT_MAX_BYTES;
use millwright_schemas::wire::command::CommandReport;
use millwright_store::commands::StoredCommand;

/// Appends a report's output, unless it is there already. False: nothing has changed.
pub(crate) fn append(stored: &mut StoredCommand, report: &CommandReport) -> bool {
    let Some(new) = report.output.as_deref() else { return false };
    // A machine that doesn't count its parts sends each once.
    let part = report.part.map_or(stored.output_parts, i64::from);
    if part < stored.output_parts {
        return false;
    }
    let missing = part > stored.output_parts;
    stored.output_parts = part + 1;
    let mut text = stored.command.output.take().unwrap_or_default();
    text.push_str(new);
    let (text, cut) = bounded(text);
    stored.command.output = Some(text);
    stored.command.output_cut |= cut || missing || report.output_cut;
    true
}

/// The text, cut in the middle when it is too long, and whether it was.
pub(crate) fn bounded(text: String) -> (String, bool) {
    if text.len() <= COMMAND_OUTPUT_MAX_BYTES {
        return (text, false);
    }
    let half = COMMAND_OUTPUT_MAX_BYTES / 2;
    let head = text.floor_char_boundary(half);
    let tail = text.ceil_char_boundary(text.len() - half);
    (format!("{}{}", &text[..head], &text[tail..]), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_loses_its_middle() {
        let text = format!("begin{}ä{}end", "x".repeat(40_000), "y".repeat(40_000));
        let (kept, cut) = bounded(text);
        assert!(cut && kept.len() <= COMMAND_OUTPUT_MAX_BYTES);
        assert!(kept.starts_with("begin") && kept.ends_with("end"));
        let umlauts = "ä".repeat(COMMAND_OUTPUT_MAX_BYTES);
        let (kept, _) = bounded(umlauts);
        assert!(kept.len() <= COMMAND_OUTPUT_MAX_BYTES && kept.chars().all(|c| c == 'ä'));
        assert_eq!(bounded("short".to_owned()), ("short".to_owned(), false));
    }
}
