//! Wills through real sockets: whose is published, and whose is void.

use millwright_gateway::presence::Presence;
use millwright_schemas::MachineId;

use crate::packets::{Connect, DISCONNECT, WILL, Will, disconnect_v5, v5};
use crate::site::{Papers, Site};

fn with_will(delay_s: u32) -> Connect<'static> {
    Connect { will: Some(Will { delay_s, ..WILL }), ..v5() }
}

async fn connect_and_lose(site: &mut Site, (machine, papers): &(MachineId, Papers), delay_s: u32) {
    drop(site.connect(papers, &with_will(delay_s)).await);
    site.notice(*machine, Presence::Disconnected("lost")).await;
}

#[tokio::test]
async fn wills_that_one_machine_leaves_do_not_delay_those_of_others() {
    let mut site = Site::start().await;
    let (attacker, victim) = (site.machine().await, site.machine().await);
    for _ in 0..40 {
        connect_and_lose(&mut site, &attacker, 3_600).await;
    }
    for delay_s in [0, 1] {
        connect_and_lose(&mut site, &victim, delay_s).await;
        assert_eq!(site.message().await.uplink.machine, victim.0);
    }
    assert!(site.no_message_waits());
}

#[tokio::test]
async fn a_machine_that_came_back_voids_its_delayed_will() {
    let mut site = Site::start().await;
    let (back, away) = (site.machine().await, site.machine().await);
    connect_and_lose(&mut site, &back, 1).await;
    let mut client = site.connect(&back.1, &v5()).await;
    client.send(&DISCONNECT).await;
    client.expect_end().await;
    // Due later, so by then the first one would have come.
    connect_and_lose(&mut site, &away, 1).await;
    assert_eq!(site.message().await.uplink.machine, away.0);
    assert!(site.no_message_waits());
}

#[tokio::test]
async fn no_will_after_a_takeover_or_a_revocation() {
    let mut site = Site::start().await;
    let (machine, papers) = site.machine().await;
    let mut first = site.connect(&papers, &with_will(0)).await;
    let mut second = site.connect(&papers, &with_will(0)).await;
    first.expect(&disconnect_v5(0x8E)).await;
    // The end comes after the will would have.
    first.expect_end().await;
    site.revoke_all(machine).await;
    site.directory.wake();
    second.expect(&disconnect_v5(0x98)).await;
    second.expect_end().await;
    assert!(site.no_message_waits());
}
