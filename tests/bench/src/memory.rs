//! What an idle connection costs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::machine::Machine;
use crate::platform::Platform;
use crate::process::anonymous_bytes;

/// Opens connections, lets them be, and compares the platform's memory.
pub(crate) async fn idle_connections(platform: &Platform, machines: &[Arc<Machine>]) -> Result<()> {
    let pid = platform.pid()?;
    // The first connections also fill caches that all share.
    let (warm_up, measured) = machines.split_at(machines.len() / 10);
    let mut open = Vec::new();
    for machine in warm_up {
        open.push(machine.connect().await?);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = anonymous_bytes(pid)?;
    for machine in measured {
        open.push(machine.connect().await?);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = anonymous_bytes(pid)?;
    let each = after.saturating_sub(before) / u64::try_from(measured.len().max(1))?;
    println!(
        "| memory of an idle mTLS connection ({} connections) | {:.1} KiB |",
        measured.len(),
        f64::from(u32::try_from(each)?) / 1024.0,
    );
    drop(open);
    Ok(())
}
