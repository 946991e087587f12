//! What the operating system says of processes.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Clock ticks a second in `/proc`; fixed at 100 on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A line of `/proc/…/stat`, as far as it matters here. Times in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    pid: u32,
    parent: u32,
    /// Of the process itself.
    own: u64,
    /// Of its children that have ended and that it has waited for, and of theirs.
    ended: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // The program's name may contain spaces and parentheses: count from its last one.
        let (head, tail) = text.rsplit_once(')')?;
        let pid = head.split_once(' ')?.0.parse().ok()?;
        let fields: Vec<&str> = tail.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            own: ticks(11)? + ticks(12)?,
            ended: ticks(13)? + ticks(14)?,
        })
    }

    fn read(pid: u32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }
}

/// Ticks of these processes, of all their living descendants, and of the descendants that have
/// ended. An ended process is counted by who waited for it, a living one by itself, so none twice.
fn tree_ticks(all: &[Stat], roots: &[u32]) -> u64 {
    let mut children: HashMap<u32, Vec<&Stat>> = HashMap::new();
    for stat in all {
        children.entry(stat.parent).or_default().push(stat);
    }
    let mut open: Vec<&Stat> = all.iter().filter(|stat| roots.contains(&stat.pid)).collect();
    let (mut seen, mut ticks) = (HashSet::new(), 0);
    while let Some(stat) = open.pop() {
        if seen.insert(stat.pid) {
            ticks += stat.own + stat.ended;
            open.extend(children.get(&stat.pid).into_iter().flatten());
        }
    }
    ticks
}

/// Processor time that these processes and all their descendants have used, in seconds.
pub(crate) fn tree_cpu_seconds(roots: &[u32]) -> Result<f64> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        // One that ends while we look is counted by its parent from then on.
        all.extend(name.to_str().and_then(|name| name.parse().ok()).and_then(Stat::read));
    }
    for root in roots {
        anyhow::ensure!(all.iter().any(|stat| stat.pid == *root), "process {root} has ended");
    }
    #[allow(clippy::cast_precision_loss, reason = "ticks of hours")]
    Ok(tree_ticks(&all, roots) as f64 / TICKS_PER_SECOND)
}

/// Processor time that this process itself has used, in seconds.
pub(crate) fn own_cpu_seconds() -> Result<f64> {
    let stat = Stat::read(std::process::id()).context("/proc/self/stat")?;
    #[allow(clippy::cast_precision_loss, reason = "ticks of hours")]
    Ok(stat.own as f64 / TICKS_PER_SECOND)
}

/// Memory of a process that nobody else uses, in bytes (resident, without file pages).
pub(crate) fn anonymous_bytes(pid: u32) -> Result<u64> {
    status_kib(pid, "RssAnon:").map(|kib| kib * 1024)
}

/// All resident memory of a process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    status_kib(pid, "VmRSS:").map(|kib| kib * 1024)
}

fn status_kib(pid: u32, key: &str) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(key)).context("/proc/…/status")?;
    Ok(line.split_whitespace().nth(1).context("status")?.parse()?)
}

/// Processes that want a processor, averaged over the last minute.
pub(crate) fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}

/// Allows this process, and those it starts, as many open files as the system lets it have.
/// Returns how many.
pub(crate) fn raise_open_files() -> Result<u64> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_whatever_the_programs_name() {
        let line = "42 (a (b) c) S 7 42 42 0 -1 4194304 1 2 3 4 100 20 30 5 20 0 9 0 1 2 3";
        let stat = Stat { pid: 42, parent: 7, own: 120, ended: 35 };
        assert_eq!(Stat::parse(line), Some(stat));
        assert_eq!(Stat::parse("42 (cut"), None);
        assert_eq!(Stat::parse("42 (cut) S 7"), None);
    }

    fn stat(pid: u32, parent: u32, own: u64, ended: u64) -> Stat {
        Stat { pid, parent, own, ended }
    }

    #[test]
    fn a_tree_counts_each_process_once() {
        let all = [
            stat(1, 0, 1_000, 1_000),
            stat(10, 1, 5, 7),
            stat(11, 10, 2, 0),
            stat(12, 11, 1, 3),
            stat(20, 1, 100, 0),
        ];
        assert_eq!(tree_ticks(&all, &[10]), 5 + 7 + 2 + 1 + 3);
        assert_eq!(tree_ticks(&all, &[10, 11, 20]), 18 + 100);
        assert_eq!(tree_ticks(&all, &[99]), 0);
    }

    #[test]
    fn a_childs_work_stays_counted_when_it_has_ended() {
        let roots = [std::process::id()];
        let before = tree_cpu_seconds(&roots).unwrap();
        let work = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let mut child = std::process::Command::new("sh").args(["-c", work]).spawn().unwrap();
        assert!(child.wait().unwrap().success());
        assert!(tree_cpu_seconds(&roots).unwrap() > before + 0.02);
    }
}
