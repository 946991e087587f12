//! `millwright backup` and `millwright restore`: what is asked for, how far it is, what came of it.

use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use millwright_store::backup::{self, BackupError, Manifest, Restored, Watch, postgres, sqlite};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{BackupArgs, BackupCommand, RestoreArgs};
use crate::worker::now;

/// Between two lines about the same step.
const TELL_EVERY: Duration = Duration::from_secs(3);
/// What the program ends with when the file of the backup is at fault.
pub(crate) const EXIT_DAMAGED: u8 = 3;

/// Set by Ctrl-C and `kill`: the work is called off and leaves nothing behind.
static STOP: AtomicBool = AtomicBool::new(false);

/// Makes a backup, or checks one.
pub(crate) async fn run(args: BackupArgs) -> anyhow::Result<()> {
    let watch = watch()?;
    if let Some(BackupCommand::Verify { file, temp_dir }) = args.command {
        let manifest = backup::verify(&file, temp_dir.as_deref(), &watch).await?;
        return say(&format!("{} is whole: {}", file.display(), summary(&manifest)));
    }
    let output = args.output.clone().context("--output is missing")?;
    if args.with_keys {
        tell("the backup holds the platform's private keys: keep it as safe as they are");
    }
    let checked = if args.no_verify { "written, not checked" } else { "written and checked" };
    let manifest = make(args, &watch).await?;
    say(&format!("{} is {checked}: {}", output.display(), summary(&manifest)))
}

async fn make(args: BackupArgs, watch: &Watch) -> anyhow::Result<Manifest> {
    let BackupArgs { data_dir, with_keys, .. } = args;
    let (output, verify) = (args.output.unwrap_or_default(), !args.no_verify);
    let now = now();
    Ok(match postgres_url(args.database)? {
        None => {
            let order = sqlite::Backup { data_dir, output, with_keys, verify, now };
            sqlite::backup(order, watch).await?
        }
        Some(url) => {
            let order = postgres::Backup { url, data_dir, output, with_keys, verify, now };
            postgres::backup(order, watch).await?
        }
    })
}

/// Puts a backup in place.
pub(crate) async fn restore(args: RestoreArgs) -> anyhow::Result<()> {
    let watch = watch()?;
    let RestoreArgs { input, data_dir, replace, .. } = args;
    let (from, folder, now) = (input.clone(), data_dir.clone(), now());
    let restored = match postgres_url(args.database)? {
        None => {
            let order = sqlite::Restore { input, data_dir, replace, now };
            sqlite::restore(order, &watch).await?
        }
        Some(url) => {
            let order = postgres::Restore { input, url, data_dir, replace, now };
            postgres::restore(order, &watch).await?
        }
    };
    say(&told(&from, &folder, &restored))
}

fn told(input: &Path, data_dir: &Path, restored: &Restored) -> String {
    let Restored { manifest, mark, replaced, has_keys } = restored;
    let mut text = format!(
        "Restored from {}: {}\n\
         Ended by it: {} connections, {} open commands (outcome unknown), {} sign-in sessions, \
         {} enrolment codes.",
        input.display(),
        summary(manifest),
        mark.connections,
        mark.commands,
        mark.sessions,
        mark.codes,
    );
    if let Some(replaced) = replaced {
        text.push_str(&format!("\nThe database that was there is kept as {}.", replaced.display()));
    }
    if !has_keys {
        text.push_str(&format!(
            "\nThe keys are not in the backup: put them into {} before you start the platform.",
            data_dir.join("keys").display()
        ));
    }
    text
}

fn summary(manifest: &Manifest) -> String {
    let keys = if manifest.has_keys() { "with keys" } else { "without keys" };
    format!(
        "{} of {}, {} rows, events up to position {}, {keys}",
        manifest.database,
        manifest.created_at,
        manifest.rows(),
        manifest.last_position
    )
}

/// A server's address; without one the database is in the data folder.
fn postgres_url(database: Option<String>) -> anyhow::Result<Option<String>> {
    match database {
        Some(url) if !url.starts_with("postgres://") && !url.starts_with("postgresql://") => {
            // Without what may be a password.
            let scheme = url.split_once("://").map_or("…", |(scheme, _)| scheme);
            bail!("--database {scheme}://…: is not a URL that starts with postgres://")
        }
        database => Ok(database),
    }
}

/// Tells every few seconds how far it is, and calls it off when the program is to end.
fn watch() -> anyhow::Result<Watch> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
        let mut signal = signal(kind).context("signals can't be heard")?;
        tokio::spawn(async move {
            if signal.recv().await.is_some() {
                STOP.store(true, Ordering::Relaxed);
            }
        });
    }
    let last = Mutex::new((String::new(), Instant::now()));
    Ok(Watch::new(move |step, done, all| {
        let Ok(mut last) = last.lock() else { return false };
        if last.0 != step || last.1.elapsed() >= TELL_EVERY {
            *last = (step.to_owned(), Instant::now());
            tell(&progress(step, done, all));
        }
        !STOP.load(Ordering::Relaxed)
    }))
}

fn progress(step: &str, done: u64, all: u64) -> String {
    match done.saturating_mul(100).checked_div(all) {
        Some(percent) => format!("{step}: {} %", percent.min(100)),
        None => format!("{step} …"),
    }
}

#[allow(clippy::print_stderr, reason = "for who waits; results go to standard output")]
fn tell(line: &str) {
    eprintln!("millwright: {line}");
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// The program's end after an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<BackupError>() {
        Some(error) if error.is_damage() => EXIT_DAMAGED,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_told_in_percent_where_the_whole_is_known() {
        assert_eq!(progress("copying", 1, 3), "copying: 33 %");
        // A database that has grown meanwhile.
        assert_eq!(progress("copying", 4, 3), "copying: 100 %");
        assert_eq!(progress("checking", 0, 0), "checking …");
    }
}
