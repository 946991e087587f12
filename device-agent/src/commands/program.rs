//! Running a program: without a shell, in a process group of its own, within bounds, until it ends
//! or is ended.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

use super::config::ProgramConfig;
use super::ended::Cause;
use super::output::{Decoder, Output, Piece, ResultText};
use super::template::Template;
use crate::limits::{COMMAND_KILL_AFTER, COMMAND_OUTPUT_AFTER_END, COMMAND_PROGRESS_INTERVAL};

/// Names the command to the program that carries it out, and its processes to a later agent.
pub(super) const COMMAND_ID_VARIABLE: &str = "MILLWRIGHT_COMMAND_ID";
/// One read of a program's output, in bytes.
const READ_BYTES: usize = 8 * 1024;

/// A program, ready to run.
#[derive(Debug)]
pub(super) struct Program {
    path: PathBuf,
    arguments: Vec<String>,
    working_dir: PathBuf,
    environment: Vec<(String, OsString)>,
}

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ran {
    /// Why it was ended; `None`: by itself.
    pub(super) cause: Option<Cause>,
    pub(super) status: ExitStatus,
    pub(super) output: String,
    pub(super) output_cut: bool,
    pub(super) result: Option<Value>,
}

impl Program {
    /// Puts the arguments in.
    ///
    /// # Errors
    /// What can't be given to a program, for people.
    pub(super) fn new(
        config: &ProgramConfig,
        command: &str,
        args: &Map<String, Value>,
    ) -> Result<Self, String> {
        let mut arguments = Vec::with_capacity(config.arguments.len());
        for text in &config.arguments {
            let template: Template = text.parse().map_err(str::to_owned)?;
            let filled = template
                .fill(args)
                .map_err(|name| format!("args.{name}: a program can't be given a NUL"))?;
            arguments.extend(filled);
        }
        let mut environment: Vec<_> = config
            .environment
            .iter()
            .filter_map(|name| Some((name.clone(), std::env::var_os(name)?)))
            .collect();
        environment.push((COMMAND_ID_VARIABLE.to_owned(), command.into()));
        Ok(Self {
            path: config.program.clone(),
            arguments,
            working_dir: config.working_dir.clone().unwrap_or_else(|| PathBuf::from("/")),
            environment,
        })
    }

    /// Runs it until it ends, or until `ended_by` says why it must end. Hands out new output at
    /// most every [`COMMAND_PROGRESS_INTERVAL`].
    ///
    /// # Errors
    /// When it can't be started: nothing was done.
    pub(super) async fn run(
        self,
        ended_by: impl Future<Output = Cause>,
        mut progress: impl FnMut(Piece),
    ) -> io::Result<Ran> {
        let mut children = signal(SignalKind::child())?;
        let mut group = Group::start(&self)?;
        let mut capture = Capture::new(&mut group.child)?;
        let mut ended_by = pin!(ended_by);
        let mut cause = None;
        let mut kill_at = None;
        let mut ticks = interval(COMMAND_PROGRESS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !group.has_ended() {
            tokio::select! {
                () = capture.read() => {}
                // Of any child; and once more at every tick, should one be missed.
                _ = children.recv() => {}
                _ = ticks.tick() => {
                    if let Some(piece) = capture.output.take_piece() {
                        progress(piece);
                    }
                }
                why = &mut ended_by, if cause.is_none() => {
                    cause = Some(why);
                    kill_at = Some(Instant::now() + COMMAND_KILL_AFTER);
                    group.signal(Signal::SIGTERM);
                }
                () = sleep_until(kill_at.unwrap_or_else(Instant::now)), if kill_at.is_some() => {
                    kill_at = None;
                    group.signal(Signal::SIGKILL);
                }
            }
        }
        let status = group.finish()?;
        capture.drain().await;
        if let Some(piece) = capture.output.take_piece() {
            progress(piece);
        }
        let (output, output_cut) = capture.output.finish();
        Ok(Ran { cause, status, output, output_cut, result: capture.result.finish() })
    }
}

/// How a process ended, for people.
pub(super) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended in an unknown way".to_owned(),
    }
}

/// A process and all that it starts in its group. Until [`Group::finish`] the process isn't
/// reaped, so that the group's number belongs to nobody else; dropped before, it is killed.
struct Group {
    child: Child,
    id: Pid,
    reaped: bool,
}

impl Group {
    fn start(program: &Program) -> io::Result<Self> {
        let child = Command::new(&program.path)
            .args(&program.arguments)
            .current_dir(&program.working_dir)
            .env_clear()
            .envs(program.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", program.path.display()))
            })?;
        // A process number always fits.
        let id = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        Ok(Self { child, id, reaped: false })
    }

    fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        // An error says that there is nothing to wait for.
        !matches!(waitid(Id::Pid(self.id), flags), Ok(WaitStatus::StillAlive))
    }

    fn signal(&self, signal: Signal) {
        // It may have ended just now.
        let _ = killpg(self.id, signal);
    }

    /// Ends what the process has left running in its group, and gives how it ended itself.
    fn finish(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::SIGKILL);
        self.reaped = true;
        self.child.wait()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(Signal::SIGKILL);
            let _ = self.child.wait();
        }
    }
}

/// Both streams of a program.
struct Capture {
    stdout: Stream<ChildStdout>,
    stderr: Stream<ChildStderr>,
    output: Output,
    result: ResultText,
}

struct Stream<R> {
    /// `None` after its end.
    source: Option<R>,
    decoder: Decoder,
    buffer: Box<[u8; READ_BYTES]>,
}

impl<R: AsyncRead + Unpin> Stream<R> {
    fn new(source: Option<R>) -> Self {
        Self { source, decoder: Decoder::default(), buffer: Box::new([0; READ_BYTES]) }
    }

    /// Waits for more; 0 at the end.
    async fn read(&mut self) -> usize {
        let Some(source) = &mut self.source else { return 0 };
        let read = source.read(self.buffer.as_mut_slice()).await.unwrap_or(0);
        if read == 0 {
            self.source = None;
        }
        read
    }
}

impl Capture {
    fn new(child: &mut Child) -> io::Result<Self> {
        let stdout = child.stdout.take().map(ChildStdout::from_std).transpose()?;
        let stderr = child.stderr.take().map(ChildStderr::from_std).transpose()?;
        Ok(Self {
            stdout: Stream::new(stdout),
            stderr: Stream::new(stderr),
            output: Output::default(),
            result: ResultText::default(),
        })
    }

    fn is_open(&self) -> bool {
        self.stdout.source.is_some() || self.stderr.source.is_some()
    }

    /// Reads some of either stream; waits for ever when both have ended.
    async fn read(&mut self) {
        tokio::select! {
            read = self.stdout.read(), if self.stdout.source.is_some() => {
                let bytes = &self.stdout.buffer[..read];
                self.result.push(bytes);
                self.output.push(&self.stdout.decoder.decode(bytes));
            }
            read = self.stderr.read(), if self.stderr.source.is_some() => {
                self.output.push(&self.stderr.decoder.decode(&self.stderr.buffer[..read]));
            }
            else => std::future::pending().await,
        }
    }

    /// Reads what is left. A process that has left the group may hold a stream open for ever, or
    /// fill it without end.
    async fn drain(&mut self) {
        let rest = async {
            while self.is_open() {
                self.read().await;
            }
        };
        let patience: Duration = COMMAND_OUTPUT_AFTER_END;
        let _ = timeout(patience, rest).await;
    }
}
