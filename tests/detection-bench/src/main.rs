//! Measures the detectors on data that nobody of this project made.

mod data;
mod healthy;
mod multivariate;
mod nab;
mod plot;
mod report;
mod speed;
mod univariate;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::report::Report;

/// Measures Millwright's detectors: NAB, SKAB and azure-pdm, speed and state.
#[derive(Debug, Parser)]
#[command(name = "millwright-detection-bench", version, about, max_term_width = 100)]
struct Args {
    /// Folder of the data sets. [default: ../shared/data from the project's root]
    #[arg(long, value_name = "DIR", env = "MILLWRIGHT_DATASETS")]
    datasets: Option<PathBuf>,
    /// Folder for JSON and plots.
    #[arg(long, value_name = "DIR", default_value = "target/bench-detection")]
    output: PathBuf,
    /// Only these; may be repeated. [default: all but `tried`]
    #[arg(long, value_enum)]
    only: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The Numenta Anomaly Benchmark, univariate.
    Nab,
    /// The Skoltech Anomaly Benchmark, multivariate.
    Skab,
    /// Failures of components, multivariate.
    Azure,
    /// Samples a second and bytes of state.
    Speed,
    /// Machines that are well, by the pace of their samples, live.
    Healthy,
    /// What other settings reach.
    Tried,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let wanted = |part: Part| match args.only.as_slice() {
        [] => part != Part::Tried,
        only => only.contains(&part),
    };
    let mut report = Report::new(&args.output);
    if wanted(Part::Speed) {
        speed::measure(&mut report)?;
    }
    if wanted(Part::Healthy) {
        healthy::measure(&mut report)?;
    }
    if [Part::Nab, Part::Skab, Part::Azure, Part::Tried].into_iter().any(wanted) {
        let folder = data::folder(args.datasets.clone())?;
        if wanted(Part::Nab) || wanted(Part::Tried) {
            let streams = data::nab(&folder)?;
            if wanted(Part::Nab) {
                univariate::measure(&streams, &mut report);
            }
            if wanted(Part::Tried) {
                univariate::tried(&streams, &mut report);
            }
        }
        if wanted(Part::Skab) || wanted(Part::Tried) {
            let files = multivariate::skab(&folder)?;
            if wanted(Part::Skab) {
                multivariate::measure_skab(&files, &mut report)?;
            }
            if wanted(Part::Tried) {
                multivariate::tried(&files, &mut report)?;
            }
        }
        if wanted(Part::Azure) {
            multivariate::measure_azure(&folder, &mut report)?;
        }
    }
    print(&report.finish()?);
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the program's result")]
fn print(text: &str) {
    println!("{text}");
}
