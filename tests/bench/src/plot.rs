//! A line chart as SVG, written by hand: no library is worth so little.

use std::fmt::Write as _;

use crate::stats::readable;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 380.0;
/// Room for what stands beside the axes.
const LEFT: f64 = 78.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 104.0;
/// Names in a row below.
const NAMES: usize = 3;
/// Told apart by people who see colours otherwise, too.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// A line with its name; points by x.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Line {
    pub(crate) fn new(name: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.into(), points }
    }
}

/// What is drawn: x in powers, y from 0.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) x: String,
    pub(crate) y: String,
    pub(crate) lines: Vec<Line>,
}

impl Plot {
    /// The picture; empty when there is nothing to draw.
    pub(crate) fn svg(&self) -> String {
        let all = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let (low, high) = all().fold((f64::MAX, f64::MIN), |(low, high), (x, _)| {
            (low.min(x.log10()), high.max(x.log10()))
        });
        let top = ceiling(all().map(|(_, y)| y).fold(0.0, f64::max));
        if low > high {
            return String::new();
        }
        let span = (high - low).max(1e-9);
        let x = |value: f64| LEFT + (value.log10() - low) / span * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
        );
        text(&mut out, (LEFT, 22.0), "start", &format!("{} ({})", self.title, self.y));
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            let at = y(value);
            let _ = writeln!(
                out,
                "<path d=\"M{LEFT:.1} {at:.1}H{:.1}\" stroke=\"#dddddd\"/>",
                WIDTH - RIGHT
            );
            text(&mut out, (LEFT - 8.0, at + 4.0), "end", &readable(value));
        }
        let mut marks: Vec<f64> = all().map(|(x, _)| x).collect();
        marks.sort_by(f64::total_cmp);
        marks.dedup();
        for mark in marks {
            text(&mut out, (x(mark), HEIGHT - BOTTOM + 18.0), "middle", &readable(mark));
        }
        let middle = LEFT + (WIDTH - LEFT - RIGHT) / 2.0;
        text(&mut out, (middle, HEIGHT - BOTTOM + 38.0), "middle", &self.x);
        let places = (0..).map(|place: usize| (place % NAMES, place / NAMES));
        let coloured = self.lines.iter().zip(COLOURS.iter().cycle());
        for ((line, colour), (column, row)) in coloured.zip(places) {
            let mut path = String::new();
            for (index, point) in line.points.iter().enumerate() {
                let letter = if index == 0 { 'M' } else { 'L' };
                let _ = write!(path, "{letter}{:.1} {:.1}", x(point.0), y(point.1));
                let _ = writeln!(
                    out,
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"{colour}\"/>",
                    x(point.0),
                    y(point.1)
                );
            }
            let _ = writeln!(
                out,
                "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
            #[allow(clippy::cast_precision_loss, reason = "a handful")]
            let (column, row) = (column as f64, row as f64);
            let left = LEFT + column * (WIDTH - LEFT) / 3.0;
            let at = HEIGHT - 38.0 + 20.0 * row;
            let _ = writeln!(
                out,
                "<path d=\"M{left:.1} {at:.1}h18\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
            text(&mut out, (left + 24.0, at + 4.0), "start", &line.name);
        }
        out.push_str("</svg>\n");
        out
    }
}

fn text(out: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
}

/// The next round number that isn't below.
fn ceiling(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let rounds = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0];
    rounds.iter().map(|round| round * power).find(|round| *round >= value).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        assert_eq!(ceiling(0.0), 1.0);
        assert_eq!(ceiling(7.1), 8.0);
        assert_eq!(ceiling(130.0), 160.0);
    }

    #[test]
    fn a_chart_has_all_its_points_and_names() {
        let line = |name: &str, scale: f64| Line {
            name: name.to_owned(),
            points: vec![(100.0, scale), (1_000.0, 2.0 * scale), (10_000.0, 2.5 * scale)],
        };
        let plot = Plot {
            title: "cost & size".to_owned(),
            x: "machines".to_owned(),
            y: "µs".to_owned(),
            lines: vec![line("a<b", 1.0), line("other", 3.0)],
        };
        let svg = plot.svg();
        assert_eq!(svg.matches("<circle").count(), 6);
        assert!(
            svg.contains("cost &amp; size") && svg.contains("a&lt;b") && svg.contains("10,000")
        );
        assert!(Plot { lines: Vec::new(), ..plot }.svg().is_empty());
    }
}
