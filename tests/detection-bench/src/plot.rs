//! Small plots: values, scores, and where the anomalies are.

use std::fmt::Write as _;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 110.0;
const LEFT: f64 = 10.0;
const TOP: f64 = 24.0;

/// Runs of rows that are anomalies.
pub(crate) fn runs(labels: &[bool]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (row, _) in labels.iter().enumerate().filter(|(_, anomaly)| **anomaly) {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == row => *last = row,
            _ => runs.push((row, row)),
        }
    }
    runs
}

/// A plot of a stream: its values, its scores (the dashed line is the alarm's), grey: labelled.
pub(crate) fn svg(
    title: &str,
    values: Option<&[f64]>,
    scores: &[f64],
    windows: &[(usize, usize)],
) -> String {
    let panels = if values.is_some() { 2.0 } else { 1.0 };
    let bottom = TOP + panels * (HEIGHT + 10.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {bottom}\" font-family=\"sans-serif\" font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"{LEFT}\" y=\"16\">{title}</text>\n",
        WIDTH + 2.0 * LEFT,
    );
    #[allow(clippy::cast_precision_loss, reason = "rows are few")]
    let x = |row: usize| LEFT + WIDTH * row as f64 / scores.len().max(2) as f64;
    for (first, last) in windows {
        let (from, to) = (x(*first), x(*last + 1));
        let height = bottom - TOP - 10.0;
        let _ = writeln!(
            svg,
            "<rect x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{height}\" fill=\"#ddd\"/>",
            to - from
        );
    }
    let mut top = TOP;
    if let Some(values) = values {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        line(&mut svg, values, low, high, top, "#1864ab");
        top += HEIGHT + 10.0;
    }
    line(&mut svg, scores, 0.0, 1.0, top, "#c92a2a");
    let alarm = top + HEIGHT / 2.0;
    let _ = writeln!(
        svg,
        "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{alarm}\" y2=\"{alarm}\" stroke=\"#666\" stroke-dasharray=\"4 4\"/>\n</svg>",
        LEFT + WIDTH
    );
    svg
}

/// At most one point a pixel column: the lowest and the highest.
#[allow(clippy::cast_precision_loss, reason = "rows are few")]
fn line(svg: &mut String, values: &[f64], low: f64, high: f64, top: f64, colour: &str) {
    let range = if high > low { high - low } else { 1.0 };
    let chunk = values.len().div_ceil(450).max(1);
    let mut points = String::new();
    for (index, part) in values.chunks(chunk).enumerate() {
        let x = LEFT + WIDTH * (index * chunk) as f64 / values.len().max(2) as f64;
        let lowest = part.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = part.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for value in [lowest, highest] {
            let y = top + HEIGHT * (1.0 - (value - low) / range);
            let _ = write!(points, "{x:.1},{y:.1} ");
        }
    }
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"/>",
        points.trim_end()
    );
}
