//! The file that is written: never one that is read, and whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use uuid::Uuid;

use crate::cli::DetectArgs;

/// Where paths lead to what somebody has open already.
const OPEN_ALREADY: [&str; 4] = ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc"];

/// Refuses an output that is one of the files which are read, by whatever path.
pub(super) fn check(args: &DetectArgs) -> anyhow::Result<()> {
    let output = identity(&args.output);
    let read = [("--input", Some(&args.input)), ("--rule", args.rule.as_ref())];
    for (option, path) in read {
        let is_read = output.is_some() && path.is_some_and(|path| identity(path) == output);
        ensure!(
            !is_read,
            "--output: {} is the file of {option}, which it would replace",
            args.output.display()
        );
    }
    Ok(())
}

/// Which regular file it is; `None`: there is none, or it is something else, as a terminal.
fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((file.dev(), file.ino()))
}

/// Writes a file. It is there when all of it is written; until then what was there before stays. What
/// isn't a regular file, has several names, or can't have another one like it beside it, is written as it
/// comes.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&File) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name = || path.display().to_string();
    if let Some(beside) = Beside::create(path) {
        fill(&beside.file)?;
        return beside.replace().with_context(name);
    }
    fill(&File::create(path).with_context(name)?)
}

/// A file beside the one that is to be written. It is gone at the end, whatever happens.
struct Beside {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl Beside {
    fn create(target: &Path) -> Option<Self> {
        if OPEN_ALREADY.iter().any(|open| target.starts_with(open)) {
            return None;
        }
        // A link stays one: what it leads to is replaced.
        let is_there = fs::symlink_metadata(target).is_ok();
        let target = if is_there { target.canonicalize().ok()? } else { target.to_owned() };
        // Who may not write a file can't replace it either.
        let before = match is_there {
            true if target.is_file() => {
                let before = OpenOptions::new().write(true).open(&target).ok()?.metadata().ok()?;
                if before.nlink() > 1 {
                    // By its other names it would stay as it was.
                    return None;
                }
                Some(before)
            }
            true => return None,
            false => None,
        };
        let mut name = OsString::from(".");
        name.push(target.file_name()?);
        // A run that was killed may have had the same number, and its part may still be there.
        name.push(format!(".{}-{}.part", std::process::id(), Uuid::now_v7().simple()));
        let path = target.with_file_name(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path).ok()?;
        let beside = Self { file, path, target };
        if let Some(before) = before {
            beside.become_like(&before).ok()?;
        }
        Some(beside)
    }

    /// Takes over owner, group and rights.
    fn become_like(&self, before: &fs::Metadata) -> io::Result<()> {
        let owner = |of: &fs::Metadata| (of.uid(), of.gid());
        if owner(&self.file.metadata()?) != owner(before) {
            fchown(&self.file, Some(before.uid()), Some(before.gid()))?;
        }
        self.file.set_permissions(before.permissions())
    }

    /// Takes the place of the other file.
    fn replace(self) -> io::Result<()> {
        let renamed = fs::rename(&self.path, &self.target);
        // A file that is mounted by itself can't be replaced.
        renamed.or_else(|_| fs::copy(&self.path, &self.target).map(|_| ()))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // After a success there is none.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stderr)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use anyhow::bail;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn half(mut file: &File) -> anyhow::Result<()> {
        file.write_all(b"half")?;
        bail!("no more")
    }

    #[test]
    fn a_file_that_is_replaced_keeps_its_rights_and_the_links_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("scores.csv"), folder.path().join("link.csv"));
        fs::write(&file, "before").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("scores.csv", &link).unwrap();
        write(&link, |mut file| Ok(file.write_all(b"after")?)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "after");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(folder.path()), ["link.csv", "scores.csv"]);
    }

    #[test]
    fn what_isnt_written_to_its_end_isnt_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scores.csv");
        write(&file, half).unwrap_err();
        assert!(names(folder.path()).is_empty());
        fs::write(&file, "before").unwrap();
        write(&file, half).unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), "before");
        assert_eq!(names(folder.path()), ["scores.csv"]);
    }

    /// Also of one that was killed and had the same number.
    #[test]
    fn what_is_left_of_another_run_keeps_none_from_being_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scores.csv");
        let left = format!(".scores.csv.{}.part", std::process::id());
        fs::write(folder.path().join(&left), "left").unwrap();
        fs::write(&file, "before").unwrap();
        write(&file, half).unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), "before");
        assert_eq!(fs::read_to_string(folder.path().join(&left)).unwrap(), "left");
        assert_eq!(names(folder.path()), [left.as_str(), "scores.csv"]);
    }

    #[test]
    fn a_file_with_several_names_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("scores.csv"), folder.path().join("other.csv"));
        fs::write(&file, "before").unwrap();
        fs::hard_link(&file, &other).unwrap();
        write(&file, |mut file| Ok(file.write_all(b"after")?)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "after");
        assert_eq!(fs::read_to_string(&other).unwrap(), "after");
        assert_eq!(fs::metadata(&file).unwrap().nlink(), 2);
        assert_eq!(names(folder.path()), ["other.csv", "scores.csv"]);
    }

    #[test]
    fn a_file_of_somebody_else_stays_theirs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("scores.csv");
        fs::write(&file, "before").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        if let Err(error) = chown(&file, Some(1), Some(1)) {
            eprintln!("SKIPPED: a file can't be given to somebody else, as root can: {error}");
            return;
        }
        // It is replaced, not written in its place.
        write(&file, half).unwrap_err();
        assert_eq!(fs::read_to_string(&file).unwrap(), "before");
        write(&file, |mut file| Ok(file.write_all(b"after")?)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "after");
        let after = fs::metadata(&file).unwrap();
        assert_eq!((after.uid(), after.gid(), after.mode() & 0o777), (1, 1, 0o640));
    }

    #[test]
    fn a_file_that_can_have_none_beside_it_is_written_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s".repeat(250));
        write(&file, |mut file| Ok(file.write_all(b"scores")?)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "scores");
        let error = write(&folder.path().join("none/scores.csv"), |_| Ok(())).unwrap_err();
        assert!(format!("{error:#}").contains("none/scores.csv: "), "{error:#}");
    }
}
