//! Attending to one command, from its turn to its end: consent, time, running, reporting.

use std::sync::Arc;
use std::time::Duration;

use millwright_schemas::limits::COMMAND_DEADLINE_S;
use millwright_schemas::wire::command::{CatalogueEntry, CommandReport, Rejection};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::builtin::{Builtin, Tools};
use super::catalogue::{Action, Offer};
use super::ended::{Cause, Ended, canceled_by, outcome_word, shorten};
use super::program::{self, Program};
use super::report::Reporter;
use crate::limits::{ORDERS_LOOK, TIME_PATIENCE};
use crate::operator::{Activity, Decision, Desk, OrderShown};
use crate::orders::{Begin, Entry, Happening, begin};

/// What follows a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The next one.
    Next,
    /// The agent starts again.
    Restart,
}

/// Why a command isn't begun.
enum NotBegun {
    Never(Rejection, Option<String>),
    Canceled(String),
    /// The agent ends: it stays in the ledger and is looked at in the next life.
    Later,
}

/// A command whose turn it is, and all that it takes.
pub(super) struct Attendance {
    pub(super) entry: Entry,
    pub(super) offer: Arc<Offer>,
    pub(super) tools: Tools,
    pub(super) desk: Desk,
    pub(super) reporter: Reporter,
    /// Somebody calls it off.
    pub(super) canceled: watch::Receiver<Option<String>>,
    /// Whether the platform can be asked for the time.
    pub(super) connected: watch::Receiver<Option<u64>>,
    pub(super) stop: CancellationToken,
}

impl Attendance {
    pub(super) async fn run(mut self) -> After {
        let offer = Arc::clone(&self.offer);
        let name = self.entry.claims.name.clone();
        let found = offer.catalogue.find(&name, &self.entry.claims.args);
        let (listed, action) = match (found, offer.actions.get(&name)) {
            (Ok(listed), Some(action)) => (listed, action),
            // It was there when the command came; the configuration has changed since.
            (Err(not), _) => return self.reject(not.reason, Some(not.error)).await,
            (Ok(_), None) => return self.reject(Rejection::UnknownCommand, None).await,
        };
        match self.prepare(listed).await {
            Ok(()) => {}
            Err(NotBegun::Never(reason, error)) => return self.reject(reason, error).await,
            Err(NotBegun::Canceled(by)) => {
                let report = CommandReport { error: Some(canceled_by(&by)), ..self.report() };
                self.reporter.tell(Happening::Canceled, report).await;
                return After::Next;
            }
            Err(NotBegun::Later) => return After::Next,
        }
        let activity = self.desk.begin(self.shown(listed));
        // Whether it may be begun is looked at last, after the disk has taken its beginning.
        let ended = match begin(&self.entry.claims, self.tools.time.now()) {
            Begin::Never(_) if self.is_late() => {
                Ended::badly("its time was over before it could begin".to_owned())
            }
            _ => self.carry_out(action, listed, &activity).await,
        };
        let well = ended.is_well();
        let told = self.finish(ended, activity).await.is_some();
        let restart = well && told && *action == Action::Builtin(Builtin::RestartAgent);
        if restart { After::Restart } else { After::Next }
    }

    /// Everything before it runs, up to the ledger's note that it does.
    async fn prepare(&mut self, listed: &CatalogueEntry) -> Result<(), NotBegun> {
        self.in_time().await?;
        if listed.needs_consent {
            if self.reporter.tell(Happening::Asked, self.report()).await.is_none() {
                return Err(NotBegun::Later);
            }
            self.ask(listed).await?;
            self.in_time().await?;
        }
        self.check_canceled()?;
        match self.reporter.tell(Happening::Started, self.report()).await {
            Some(()) => Ok(()),
            None => Err(NotBegun::Later),
        }
    }

    fn check_canceled(&self) -> Result<(), NotBegun> {
        match self.canceled.borrow().clone() {
            Some(by) => Err(NotBegun::Canceled(by)),
            None if self.stop.is_cancelled() => Err(NotBegun::Later),
            None => Ok(()),
        }
    }

    /// Waits until the time is known, while it can be, and looks whether there is enough of it.
    async fn in_time(&mut self) -> Result<(), NotBegun> {
        let time = self.tools.time.clone();
        let mut canceled = self.canceled.clone();
        let mut connected = self.connected.clone();
        let known = async {
            while time.now().is_none() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let patience = async {
            // Without the platform nobody could be told of a rejection either.
            let _ = connected.wait_for(Option::is_some).await;
            sleep(TIME_PATIENCE).await;
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(NotBegun::Later),
            by = called_off(&mut canceled) => return Err(NotBegun::Canceled(by)),
            () = known => {}
            () = patience => {}
        }
        match begin(&self.entry.claims, self.tools.time.now()) {
            Begin::Now => Ok(()),
            Begin::Never(reason) => Err(NotBegun::Never(reason, None)),
        }
    }

    fn is_late(&self) -> bool {
        self.tools.time.now().is_some_and(|now| now >= self.entry.expires_at())
    }

    async fn ask(&mut self, listed: &CatalogueEntry) -> Result<(), NotBegun> {
        let question = self.desk.ask(self.shown(listed));
        let mut canceled = self.canceled.clone();
        let late = async {
            while !self.is_late() {
                sleep(ORDERS_LOOK).await;
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(NotBegun::Later),
            by = called_off(&mut canceled) => Err(NotBegun::Canceled(by)),
            () = late => Err(NotBegun::Never(Rejection::Expired, None)),
            decision = question => match decision {
                Decision::Granted => Ok(()),
                Decision::Refused => Err(NotBegun::Never(Rejection::ConsentRefused, None)),
            },
        }
    }

    async fn carry_out(
        &self,
        action: &Action,
        listed: &CatalogueEntry,
        activity: &Activity,
    ) -> Ended {
        let claims = &self.entry.claims;
        let deadline_s = claims.deadline_s.min(listed.deadline_s);
        let deadline_s = deadline_s.clamp(*COMMAND_DEADLINE_S.start(), *COMMAND_DEADLINE_S.end());
        let deadline = Duration::from_secs(deadline_s.unsigned_abs());
        let mut canceled = self.canceled.clone();
        let ended_by = async {
            tokio::select! {
                () = self.stop.cancelled() => Cause::AgentEnds,
                by = called_off(&mut canceled) => Cause::Canceled(by),
                () = activity.stopped() => Cause::Operator,
                () = sleep(deadline) => Cause::Deadline,
            }
        };
        let args = claims.args.clone();
        tracing::info!(command.id = %claims.jti, command.name = claims.name, "begins");
        match action {
            Action::Program(config) => match Program::new(config, &claims.jti.to_string(), &args) {
                Ok(program) => self.run_program(program, ended_by).await,
                Err(error) => Ended::badly(error),
            },
            Action::Builtin(builtin) => or_ended(builtin.run(&self.tools, args), ended_by).await,
            Action::Driver => {
                let done = self.tools.drivers.run(&claims.name, args);
                or_ended(async { Ended::from(done.await) }, ended_by).await
            }
        }
    }

    async fn run_program(&self, program: Program, ended_by: impl Future<Output = Cause>) -> Ended {
        let (pieces, told) = self.reporter.progress(self.entry.claims.jti);
        let ran = program
            .run(ended_by, |piece| {
                // Beyond what can wait for the disk it is told at the end.
                let _ = pieces.try_send(piece);
            })
            .await;
        // All of it is told before the end is.
        drop(pieces);
        let _ = told.await;
        match ran {
            Err(error) => Ended::badly(error.to_string()),
            Ok(ran) => Ended {
                error: (!ran.status.success()).then(|| program::describe(ran.status)),
                exit_code: ran.status.code(),
                cause: ran.cause,
                result: ran.result,
                output: (!ran.output.is_empty()).then_some(ran.output),
                output_cut: ran.output_cut,
            },
        }
    }

    async fn finish(&self, ended: Ended, activity: Activity) -> Option<()> {
        let happening = ended.happening();
        let told = self.reporter.tell(happening, ended.report(self.entry.claims.jti)).await;
        activity.end(outcome_word(happening));
        told
    }

    async fn reject(&self, reason: Rejection, error: Option<String>) -> After {
        let report = CommandReport { reason: Some(reason), error, ..self.report() };
        self.reporter.tell(Happening::Rejected(reason), report).await;
        After::Next
    }

    const fn report(&self) -> CommandReport {
        CommandReport::new(self.entry.claims.jti)
    }

    fn shown(&self, listed: &CatalogueEntry) -> OrderShown {
        let claims = &self.entry.claims;
        let args: Map<String, Value> = claims.args.clone();
        OrderShown {
            id: claims.jti,
            name: claims.name.clone(),
            class: listed.class,
            description: listed.description.clone(),
            args,
            by: shorten(&claims.by),
            ticket: claims.ticket.as_deref().map(shorten),
            purpose: claims.purpose.as_deref().map(shorten),
            expires_at: self.entry.expires_at(),
        }
    }
}

/// Waits until somebody calls it off, and gives who.
async fn called_off(canceled: &mut watch::Receiver<Option<String>>) -> String {
    let by = canceled.wait_for(Option::is_some).await.map(|by| by.clone());
    match by {
        Ok(by) => by.unwrap_or_default(),
        // Whoever could call it off has gone: the agent ends, which is told by other means.
        Err(_) => std::future::pending().await,
    }
}

async fn or_ended(
    done: impl Future<Output = Ended>,
    ended_by: impl Future<Output = Cause>,
) -> Ended {
    tokio::select! {
        ended = done => ended,
        cause = ended_by => Ended::caused(cause),
    }
}
