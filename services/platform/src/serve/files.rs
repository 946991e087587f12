//! Open files: each connection is one, and the database needs some too.

use millwright_gateway::limits::CONNECTIONS_MAX;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Files that machines' connections must leave: database, HTTP, bus, logs.
const RESERVE: usize = 512;

/// Enough for all connections, of machines and by HTTP; more would only cost those who walk through all
/// numbers.
const WANTED: u64 = 49_152;

/// Raises the number of files that this process may open as far as it is allowed to. The usual
/// limit of a shell is meant for programs with few connections.
pub(crate) fn raise_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        setrlimit(Resource::RLIMIT_NOFILE, soft.max(hard.min(WANTED)), hard)
    });
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files can't be raised");
    }
}

/// How many machines may be connected, so that the files last for everything else.
pub(crate) fn connections_max() -> usize {
    let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let connections = allowed(most);
    if connections < CONNECTIONS_MAX {
        tracing::warn!(
            files = limit,
            connections,
            "the limit of open files (ulimit -n) allows fewer connections than the platform"
        );
    }
    connections
}

/// At least half of the files, where there are very few.
fn allowed(files: usize) -> usize {
    files.saturating_sub(RESERVE).max(files / 2).min(CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_everything_else() {
        assert_eq!(allowed(256), 128);
        assert_eq!(allowed(2_048), 1_536);
        assert_eq!(allowed(1_000_000), CONNECTIONS_MAX);
    }
}
