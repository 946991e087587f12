//! The demo from start to end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use millwright_schemas::{MachineId, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::agents::{self, Agents};
use super::api::Api;
use super::calls;
use super::folder::Folder;
use super::limits::{POLL_INTERVAL, PRINT_INTERVAL};
use super::platform::{Platform, Reachable};
use super::poll::{self, Look};
use super::rules;
use super::scenes::Scenes;
use super::screen::Screen;
use super::setup::{self, Registered};
use super::story::{Place, Story};
use super::table::{self, Row, Span, Tone};
use super::welcome::{self, Welcome};
use crate::cli::DemoArgs;

/// Runs the demo until it is told to stop, or something it can't go on without fails.
pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<()> {
    let mut stop = StopSignals::new()?;
    let mut screen = Screen::new();
    let mut running = Running::default();
    let outcome = tokio::select! {
        outcome = work(&args, &mut running, &mut screen) => outcome,
        () = stop.received() => Ok(()),
    };
    if running.platform.is_some() {
        screen.line("\nStopping …");
        tokio::select! {
            () = running.stop() => {}
            // Asked twice: what is still there is killed when it is dropped.
            () = stop.received() => screen.line("Stopping at once."),
        }
    }
    if outcome.is_ok() {
        let data = args.data_dir.display();
        screen.line(&format!("Stopped. The data stays in {data}; the next start goes on with it."));
    }
    outcome
}

/// What has been started so far.
#[derive(Debug, Default)]
struct Running {
    platform: Option<Platform>,
    agents: Agents,
}

impl Running {
    /// Agents first, so that they can still send what they have.
    async fn stop(&mut self) {
        self.agents.stop().await;
        if let Some(platform) = &mut self.platform {
            platform.stop().await;
        }
    }
}

/// Sets everything up, then shows it. Gives `Ok` only when its time is over.
async fn work(args: &DemoArgs, running: &mut Running, screen: &mut Screen) -> anyhow::Result<()> {
    let program = agents::find_program(args.agent.as_deref())?;
    let folder = Folder::open(&args.data_dir)?;
    let password = folder.admin_password()?;

    screen.line("Millwright demo: the platform and eight agents on this computer.");
    screen.line("  Starting the platform …");
    let platform = running.platform.insert(Platform::start(args, &folder, &password)?);
    let reachable = platform.ready().await?;
    let mut api = Api::new(reachable.http, &password)?;
    api.sign_in().await?;
    folder.remember_password(&password)?;
    let fleet = setup::register(&mut api, &folder, screen).await?;
    for registered in &fleet {
        if setup::enrol(&mut api, reachable, &program, registered).await? {
            screen.line(&format!("  {} has enrolled.", registered.machine.name));
        }
        running.agents.start(&program, registered.folder.clone())?;
    }
    let panels = panels(&program, &fleet).await?;
    greet(screen, reachable, &password, &folder, &program, &fleet, &panels)?;
    let show = Show {
        scenes: Scenes::new(program.clone(), Duration::from_secs(args.trouble_every_s)),
        story: Story::new(
            format!("http://{}", reachable.http),
            program.to_string_lossy().into_owned(),
        ),
        places: places(&fleet, panels),
        rules_made: false,
    };
    tokio::select! {
        outcome = show.run(&mut api, running, screen, &fleet) => outcome,
        () = time_is_over(args.for_s) => Ok(()),
    }
}

/// Addresses of the machines' panels, in the fleet's order.
async fn panels(program: &Path, fleet: &[Registered]) -> anyhow::Result<Vec<Option<String>>> {
    let mut panels = Vec::with_capacity(fleet.len());
    for registered in fleet {
        panels.push(calls::panel(program, &registered.folder).await?);
    }
    Ok(panels)
}

fn places(fleet: &[Registered], panels: Vec<Option<String>>) -> BTreeMap<MachineId, Place> {
    let place = |(registered, panel): (&Registered, Option<String>)| {
        let place = Place {
            name: registered.machine.name.to_owned(),
            panel,
            data: registered.folder.data().display().to_string(),
            remedies: BTreeMap::new(),
        };
        (registered.id, place)
    };
    fleet.iter().zip(panels).map(place).collect()
}

fn greet(
    screen: &mut Screen,
    reachable: Reachable,
    password: &str,
    folder: &Folder,
    program: &Path,
    fleet: &[Registered],
    panels: &[Option<String>],
) -> anyhow::Result<()> {
    let host = fleet.first().context("the fleet has machines")?;
    let names = fleet.iter().map(|registered| registered.machine.name);
    let lines = welcome::lines(&Welcome {
        http: reachable.http,
        mqtt: reachable.mqtt,
        password,
        folder,
        host: &host.folder,
        agent_program: &program.to_string_lossy(),
        panels: &names.zip(panels.iter().map(Option::as_deref)).collect::<Vec<_>>(),
    });
    for line in lines {
        screen.line(&line);
    }
    screen.line("");
    Ok(())
}

/// What goes on once everything runs.
#[derive(Debug)]
struct Show {
    scenes: Scenes,
    story: Story,
    places: BTreeMap<MachineId, Place>,
    rules_made: bool,
}

impl Show {
    /// Shows the table, makes troubles and tells the story, until the platform fails.
    async fn run(
        mut self,
        api: &mut Api,
        running: &mut Running,
        screen: &mut Screen,
        fleet: &[Registered],
    ) -> anyhow::Result<()> {
        let mut resized = signal(SignalKind::window_change())?;
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let started = tokio::time::Instant::now();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = resized.recv() => screen.resized(),
            }
            if let Some(platform) = &mut running.platform {
                platform.check()?;
            }
            let states = running.agents.look_after()?;
            // A request that fails once is no reason to end: the next look shows more.
            match poll::look(api, fleet, &states, &self.story, now()).await {
                Ok(look) => {
                    self.go_on(api, running, screen, fleet, &look).await;
                    let lines = lines(&look.rows, screen.width());
                    screen.table(&lines, table::complete(&look.rows) == look.rows.len());
                    if started.elapsed() >= PRINT_INTERVAL {
                        screen.print_incomplete(&lines);
                    }
                }
                Err(error) => tracing::debug!(error = format!("{error:#}"), "poll"),
            }
        }
    }

    async fn go_on(
        &mut self,
        api: &mut Api,
        running: &mut Running,
        screen: &mut Screen,
        fleet: &[Registered],
        look: &Look,
    ) {
        if !self.rules_made {
            match rules::make(api).await {
                Ok(()) => self.rules_made = true,
                Err(error) => tracing::debug!(error = format!("{error:#}"), "rules"),
            }
        }
        let troubled = look.troubled(fleet);
        for error in self.scenes.go_on(&troubled, fleet, &mut running.agents).await {
            screen.tell(&format!("A trouble can't be made: {error:#}"));
        }
        for machine in look.seen.alarms.iter().map(|alarm| alarm.machine_id) {
            let Some(place) = self.places.get_mut(&machine) else { continue };
            if place.remedies.is_empty()
                && let Ok(remedies) = poll::remedies(api, machine).await
            {
                place.remedies = remedies;
            }
        }
        for line in self.story.go_on(&look.seen, &self.places, self.scenes.wait()) {
            screen.tell(&line);
        }
    }
}

fn lines(rows: &[Row], width: usize) -> Vec<Vec<Span>> {
    let complete = table::complete(rows);
    let alarms: usize = rows.iter().map(|row| row.alarms.len()).sum();
    let alarms = match alarms {
        0 => "no alarms".to_owned(),
        1 => "1 alarm".to_owned(),
        alarms => format!("{alarms} alarms"),
    };
    let time = now().to_chrono().format("%H:%M:%S");
    let head = format!("{complete} of {} machines report · {alarms} · {time} UTC", rows.len());
    let mut lines = vec![vec![(Tone::Plain, head)]];
    lines.extend(table::render(rows, width));
    lines
}

fn now() -> Timestamp {
    Timestamp::from_chrono(chrono::Utc::now())
}

async fn time_is_over(after_s: Option<u64>) {
    match after_s {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

/// Ctrl-C, SIGTERM, and the end of the terminal.
#[derive(Debug)]
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopSignals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
