//! The table of machines as text. Pure.

use std::time::Duration;

/// Between columns.
const GAP: &str = "  ";
/// Widest column of names.
const NAME_MAX: usize = 28;
/// Widest column of states.
const STATE_MAX: usize = 16;

/// What a line says by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Heading,
    Good,
    Faded,
    Bad,
}

/// A machine as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) contact: Contact,
    /// The newest values, the most telling first.
    pub(super) values: Vec<String>,
    /// The active alarms, with their tickets.
    pub(super) alarms: Vec<String>,
}

/// How a machine and its agent are doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contact {
    /// Registered, and nothing heard of it yet.
    Never,
    /// Connected; something was last received so long ago.
    Online(Duration),
    /// Not connected; something was last received so long ago.
    Offline(Duration),
    /// Its agent has ended and is started again after so long.
    Restarting(Duration),
}

/// A piece of a line.
pub(super) type Span = (Tone, String);

/// The table's lines, laid out for `width` characters.
pub(super) fn render(rows: &[Row], width: usize) -> Vec<Vec<Span>> {
    let name = column(rows.iter().map(|row| row.name.chars().count()), "MACHINE", NAME_MAX);
    let states: Vec<(Tone, String)> = rows.iter().map(|row| state(row.contact)).collect();
    let state = column(states.iter().map(|(_, text)| text.chars().count()), "CONTACT", STATE_MAX);
    let rest = width.saturating_sub(name + state + 3 * GAP.len());
    let values = rest * 2 / 3;
    let alarms = rest - values;

    let mut lines = vec![vec![(
        Tone::Heading,
        [fit("MACHINE", name), fit("CONTACT", state), fit("VALUES", values), fit("ALARMS", alarms)]
            .join(GAP)
            .trim_end()
            .to_owned(),
    )]];
    for (row, (tone, text)) in rows.iter().zip(states) {
        let alarm = if row.alarms.is_empty() {
            (Tone::Faded, "none".to_owned())
        } else {
            (Tone::Bad, row.alarms.join(", "))
        };
        lines.push(vec![
            (Tone::Plain, fit(&row.name, name) + GAP),
            (tone, fit(&text, state) + GAP),
            (Tone::Plain, fit(&whole_values(&row.values, values), values) + GAP),
            (alarm.0, cut(&alarm.1, alarms)),
        ]);
    }
    lines
}

/// As much of a line as fits.
pub(super) fn clip(line: &[Span], width: usize) -> Vec<Span> {
    let mut left = width;
    let clipped = line.iter().map(|(tone, text)| {
        let text: String = text.chars().take(left).collect();
        left -= text.chars().count();
        (*tone, text)
    });
    clipped.collect()
}

/// How many machines are connected and have values.
pub(super) fn complete(rows: &[Row]) -> usize {
    let good = |row: &&Row| matches!(row.contact, Contact::Online(_)) && !row.values.is_empty();
    rows.iter().filter(good).count()
}

fn column(widths: impl Iterator<Item = usize>, heading: &str, max: usize) -> usize {
    widths.max().unwrap_or(0).max(heading.len()).min(max)
}

fn state(contact: Contact) -> (Tone, String) {
    match contact {
        Contact::Never => (Tone::Faded, "not yet".to_owned()),
        Contact::Online(age) => (Tone::Good, format!("online {}", short(age))),
        Contact::Offline(age) => (Tone::Bad, format!("offline {}", short(age))),
        Contact::Restarting(after) => (Tone::Bad, format!("restart in {}", short(after))),
    }
}

/// A time in at most four characters and its unit.
fn short(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// As many values as fit; a value is never shown in part.
fn whole_values(values: &[String], width: usize) -> String {
    let mut text = String::new();
    for value in values {
        let joint = if text.is_empty() { "" } else { " · " };
        if text.chars().count() + joint.chars().count() + value.chars().count() > width {
            break;
        }
        text.push_str(joint);
        text.push_str(value);
    }
    text
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        short.push('…');
    }
    short
}

fn fit(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let missing = width - text.chars().count();
    text + &" ".repeat(missing)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rows() -> Vec<Row> {
        let row = |name: &str, contact, values: &[&str], alarms: &[&str]| Row {
            name: name.to_owned(),
            contact,
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            alarms: alarms.iter().map(|alarm| (*alarm).to_owned()).collect(),
        };
        let seconds = Duration::from_secs;
        vec![
            row("Mill 3 · Hall A", Contact::Online(seconds(1)), &["load 61.2 %", "idle"], &[]),
            row("Elevator", Contact::Offline(seconds(300)), &["floor 4"], &["DR-7", "DR-9"]),
            row("New", Contact::Never, &[], &[]),
            row("Broken", Contact::Restarting(seconds(4)), &[], &[]),
        ]
    }

    fn text(width: usize) -> Vec<String> {
        let join = |line: &Vec<Span>| line.iter().map(|(_, text)| text.as_str()).collect();
        render(&rows(), width).iter().map(join).collect()
    }

    #[test]
    fn the_table_reads_well() {
        let lines: Vec<String> = text(80).iter().map(|line| line.trim_end().to_owned()).collect();
        assert_eq!(
            lines,
            [
                "MACHINE          CONTACT         VALUES                          ALARMS",
                "Mill 3 · Hall A  online 1 s      load 61.2 % · idle              none",
                "Elevator         offline 5 min   floor 4                         DR-7, DR-9",
                "New              not yet                                         none",
                "Broken           restart in 4 s                                  none",
            ]
            .map(str::to_owned)
        );
        assert_eq!(complete(&rows()), 1);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [0, 10, 40, 50, 60, 80, 200] {
            for line in render(&rows(), width) {
                let clipped: String =
                    clip(&line, width).into_iter().map(|(_, text)| text).collect();
                assert!(clipped.chars().count() <= width, "{width}: {clipped:?}");
            }
        }
    }
}
