//! Where the demo writes: a terminal that is drawn in place, or a file that is appended to.

use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use super::limits::PRINT_INTERVAL;
use super::table::{Span, Tone, clip};

/// Lines and columns when nothing says how large the terminal is.
const DEFAULT_SIZE: (usize, usize) = (40, 100);

/// Standard output.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: bool,
    colours: bool,
    /// Lines and columns.
    size: (usize, usize),
    /// Lines of the table that stand on the terminal.
    drawn: usize,
    printed: Option<Instant>,
}

impl Screen {
    /// Finds out what standard output is.
    pub(super) fn new() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let colours = terminal && std::env::var_os("NO_COLOR").is_none();
        Self { terminal, colours, size: size(terminal), drawn: 0, printed: None }
    }

    /// The terminal may have another size.
    pub(super) fn resized(&mut self) {
        self.size = size(self.terminal);
        // What stands there was wrapped anew: begin below it.
        self.drawn = 0;
    }

    /// The width in characters.
    pub(super) const fn width(&self) -> usize {
        self.size.1
    }

    /// Writes a line for good.
    pub(super) fn line(&mut self, text: &str) {
        self.drawn = 0;
        self.write(&format!("{text}\n"));
    }

    /// Writes a line for good where the table stands; the next table stands below it.
    pub(super) fn tell(&mut self, text: &str) {
        let over = match self.drawn {
            0 => String::new(),
            drawn => format!("\x1b[{drawn}A\r\x1b[J"),
        };
        self.drawn = 0;
        let text =
            if self.colours { format!("\x1b[1m» {text}\x1b[0m") } else { format!("» {text}") };
        self.write(&format!("{over}{text}\n\n"));
    }

    /// Shows the table: in place, or now and then where that isn't possible.
    pub(super) fn table(&mut self, lines: &[Vec<Span>], complete: bool) {
        if self.terminal {
            self.draw(lines);
        } else if self.is_due(complete) {
            self.print(lines);
        }
    }

    fn is_due(&mut self, complete: bool) -> bool {
        let now = Instant::now();
        let due = match self.printed {
            None => complete,
            Some(last) => now - last >= PRINT_INTERVAL,
        };
        if due {
            self.printed = Some(now);
        }
        due
    }

    /// Printed once although something is missing, where nothing has been printed yet.
    pub(super) fn print_incomplete(&mut self, lines: &[Vec<Span>]) {
        if !self.terminal && self.printed.is_none() {
            self.printed = Some(Instant::now());
            self.print(lines);
        }
    }

    fn print(&self, lines: &[Vec<Span>]) {
        self.write(&lines.iter().map(|line| self.paint(line) + "\n").collect::<String>());
    }

    fn draw(&mut self, lines: &[Vec<Span>]) {
        let mut text = String::from("\x1b[?25l");
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        // A line that wraps, or one above the top, would be out of reach next time.
        let (height, width) = self.size;
        let lines = &lines[..lines.len().min(height.saturating_sub(1))];
        for line in lines {
            text.push_str("\r\x1b[2K");
            text.push_str(&self.paint(&clip(line, width)));
            text.push('\n');
        }
        text.push_str("\x1b[J");
        self.drawn = lines.len();
        self.write(&text);
    }

    fn paint(&self, line: &[Span]) -> String {
        let paint = |(tone, text): &Span| match tone {
            _ if !self.colours => text.clone(),
            Tone::Plain => text.clone(),
            Tone::Heading => format!("\x1b[1m{text}\x1b[0m"),
            Tone::Good => format!("\x1b[32m{text}\x1b[0m"),
            Tone::Faded => format!("\x1b[2m{text}\x1b[0m"),
            Tone::Bad => format!("\x1b[31m{text}\x1b[0m"),
        };
        line.iter().map(paint).collect()
    }

    /// A closed output ends nothing: who started the demo may have stopped reading.
    fn write(&self, text: &str) {
        let mut output = std::io::stdout().lock();
        let _ = output.write_all(text.as_bytes());
        let _ = output.flush();
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.terminal {
            self.write("\x1b[?25h");
        }
    }
}

/// Lines and columns of the terminal: from `stty`, else from the environment.
fn size(terminal: bool) -> (usize, usize) {
    let asked = || {
        let output = Command::new("stty").arg("size").stdin(Stdio::inherit()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (lines, columns) = text.trim().split_once(' ')?;
        Some((lines.parse().ok()?, columns.parse().ok()?))
    };
    let named = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (lines, columns) = if terminal { asked() } else { None }.unwrap_or((
        named("LINES").unwrap_or(DEFAULT_SIZE.0),
        named("COLUMNS").unwrap_or(DEFAULT_SIZE.1),
    ));
    // Some terminals say 0 when they don't know.
    let known = |number, default| if number == 0 { default } else { number };
    (known(lines, DEFAULT_SIZE.0), known(columns, DEFAULT_SIZE.1))
}
