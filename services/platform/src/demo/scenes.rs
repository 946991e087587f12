//! Plays what the director decides, by the agents' command line and their processes alone.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::agents::Agents;
use super::calls;
use super::director::{Act, Director, Trouble};
use super::setup::Registered;

/// Code and component of the fault that comes and goes.
const FAN: [&str; 4] = ["--code", "H-31", "--source", "fan.1"];

/// The troubles that are being played.
#[derive(Debug)]
pub(super) struct Scenes {
    program: PathBuf,
    started: Instant,
    director: Director,
    playing: Vec<Scene>,
}

/// One of them.
#[derive(Debug)]
struct Scene {
    trouble: Trouble,
    began: Instant,
    /// Steps that are done.
    done: usize,
}

impl Scenes {
    /// Nothing is played yet; time counts from now.
    pub(super) fn new(program: PathBuf, every: Duration) -> Self {
        let director = Director::new(every);
        Self { program, started: Instant::now(), director, playing: Vec::new() }
    }

    /// How long it is until the next trouble.
    pub(super) fn wait(&self) -> Duration {
        self.director.wait(self.started.elapsed())
    }

    /// Begins what is to begin and does what is due. `troubled`: serial numbers of machines with
    /// an open fault or ticket. Gives what couldn't be done.
    pub(super) async fn go_on(
        &mut self,
        troubled: &BTreeSet<&str>,
        fleet: &[Registered],
        agents: &mut Agents,
    ) -> Vec<anyhow::Error> {
        let playing = &self.playing;
        let begins = self.director.begin(self.started.elapsed(), |machine| {
            troubled.contains(machine)
                || playing.iter().any(|scene| scene.trouble.machine() == machine)
        });
        if let Some(trouble) = begins {
            tracing::debug!(?trouble, "begins");
            self.playing.push(Scene { trouble, began: Instant::now(), done: 0 });
        }
        let mut failed = Vec::new();
        for scene in &mut self.playing {
            let steps = scene.trouble.steps();
            while let Some((after, act)) = steps.get(scene.done) {
                if scene.began.elapsed() < Duration::from_secs(*after) {
                    break;
                }
                scene.done += 1;
                if let Err(error) = perform(&self.program, scene.trouble, *act, fleet, agents).await
                {
                    failed.push(error.context(format!("{:?}", scene.trouble)));
                }
            }
        }
        self.playing.retain(|scene| scene.done < scene.trouble.steps().len());
        failed
    }
}

async fn perform(
    program: &std::path::Path,
    trouble: Trouble,
    act: Act,
    fleet: &[Registered],
    agents: &mut Agents,
) -> anyhow::Result<()> {
    let is_it = |machine: &Registered| machine.machine.serial_number == trouble.machine();
    let index = fleet.iter().position(is_it).context("the fleet has this machine")?;
    let mut arguments: Vec<&str> = Vec::new();
    match act {
        Act::StopAgent => {
            agents.hold(index).await;
            return Ok(());
        }
        Act::StartAgent => {
            agents.release(index);
            return Ok(());
        }
        Act::Wear(percent) => arguments.extend(["simulate", "wear", "--percent", percent]),
        Act::Fail => arguments.extend(["simulate", "fail"]),
        Act::RaiseFault => {
            arguments.extend(["fault", "raise", "--severity", "major"]);
            arguments.extend(["--message", "Fan 1 stands still"]);
            arguments.extend(FAN);
        }
        Act::ClearFault => {
            arguments.extend(["fault", "clear"]);
            arguments.extend(FAN);
        }
        Act::AskForHelp(message) => arguments.extend(["help-request", "--message", message]),
    }
    let output = calls::call(program, &arguments, &fleet[index].folder).await?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {}", arguments.join(" "), complaint.trim());
    Ok(())
}
