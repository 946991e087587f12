//! Site, machines and identities: made at the first start, found again at later ones.

use std::path::Path;

use anyhow::{Context, ensure};
use millwright_schemas::api::machines::{CreateMachine, Machine};
use millwright_schemas::api::sites::CreateSite;
use millwright_schemas::{MachineId, SiteId};

use super::api::Api;
use super::calls::{self, AgentIdentity};
use super::fleet::{self, DemoMachine, MACHINES};
use super::folder::{AgentFolder, Folder};
use super::platform::Reachable;
use super::screen::Screen;

/// A machine that is registered, with the folder of its agent.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) machine: &'static DemoMachine,
    pub(super) id: MachineId,
    pub(super) folder: AgentFolder,
}

/// Registers what isn't registered yet.
pub(super) async fn register(
    api: &mut Api,
    folder: &Folder,
    screen: &mut Screen,
) -> anyhow::Result<Vec<Registered>> {
    let known = api.machines().await?;
    let mut site = None;
    let mut registered = Vec::with_capacity(MACHINES.len());
    for machine in &MACHINES {
        let found = known.iter().find(|known| known.serial_number == machine.serial_number);
        let id = match found {
            Some(found) => found.id,
            None => {
                let site = match site {
                    Some(site) => site,
                    None => *site.insert(find_or_create_site(api).await?),
                };
                let created = create(api, machine, site).await?;
                screen.line(&format!("  {} is registered.", machine.name));
                created.id
            }
        };
        registered.push(Registered { machine, id, folder: folder.agent(machine)? });
    }
    Ok(registered)
}

async fn find_or_create_site(api: &mut Api) -> anyhow::Result<SiteId> {
    let sites = api.sites().await?;
    if let Some(site) = sites.iter().find(|site| site.name == fleet::SITE) {
        return Ok(site.id);
    }
    let site = CreateSite {
        name: fleet::SITE.to_owned(),
        time_zone: fleet::SITE_TIME_ZONE.to_owned(),
        organization_id: None,
        external_ids: std::collections::BTreeMap::new(),
    };
    Ok(api.create_site(&site).await?.id)
}

async fn create(api: &mut Api, machine: &DemoMachine, site: SiteId) -> anyhow::Result<Machine> {
    let machine = CreateMachine {
        name: machine.name.to_owned(),
        serial_number: machine.serial_number.to_owned(),
        model: Some(machine.model.to_owned()),
        site_id: Some(site),
        organization_id: None,
        parent_id: None,
        external_ids: std::collections::BTreeMap::new(),
        criticality: None,
    };
    api.create_machine(&machine).await
}

/// Writes an agent's configuration, and lets it enrol if it has no identity yet, or if the
/// platform now listens elsewhere. Gives whether it has enrolled now.
pub(super) async fn enrol(
    api: &mut Api,
    reachable: Reachable,
    program: &Path,
    registered: &Registered,
) -> anyhow::Result<bool> {
    let Registered { machine, id, folder } = registered;
    let file = folder.configuration();
    std::fs::write(&file, machine.configuration())
        .with_context(|| format!("{} can't be written", file.display()))?;
    let known = calls::identity(program, folder).await?;
    if known.as_ref().is_some_and(|known| fits(known, *id, reachable)) {
        return Ok(false);
    }
    let code = api.enrollment_code(*id).await?;
    let url = format!("http://{}", reachable.http);
    let mut arguments = vec!["enroll", "--url", &url, "--code", &code];
    if known.is_some() {
        arguments.push("--force");
    }
    let output = calls::call(program, &arguments, folder)
        .await
        .with_context(|| format!("{} can't enrol", machine.name))?;
    ensure!(
        output.status.success(),
        "{} can't enrol: {}",
        machine.name,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(true)
}

fn fits(known: &AgentIdentity, id: MachineId, reachable: Reachable) -> bool {
    known.id == id
        && known.server_url == format!("http://{}", reachable.http)
        && known.mqtt.ends_with(&format!(":{}", reachable.mqtt.port()))
}
