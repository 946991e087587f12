//! Named bounds of the demo, and what happens beyond each.

use std::time::Duration;

/// From the platform's start to its first answer; longer ends the demo.
pub(super) const PLATFORM_READY: Duration = Duration::from_secs(60);
/// From SIGTERM to the end of a child; longer ends it with SIGKILL.
pub(super) const CHILD_STOP: Duration = Duration::from_secs(10);
/// One HTTP request.
pub(super) const REQUEST: Duration = Duration::from_secs(10);
/// One call of the agent's program that isn't `run`; longer ends the demo.
pub(super) const AGENT_CALL: Duration = Duration::from_secs(60);
/// From an agent's start to its panel's address; later the demo goes on without.
pub(super) const PANEL_READY: Duration = Duration::from_secs(10);
/// Port of the first machine's panel; the next ones have the next ports. Where one is taken, the
/// agent takes any.
pub(super) const PANEL_PORT: u16 = 8190;
/// From the start to the first trouble, which shows in the signals before the machine fails.
pub(super) const FIRST_TROUBLE: Duration = Duration::from_secs(20);
/// From the start to the first failure.
pub(super) const FIRST_FAILURE: Duration = Duration::from_secs(60);
/// Between two looks at the API.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks at something that is about to happen.
pub(super) const WAIT_INTERVAL: Duration = Duration::from_millis(100);
/// Between two printed tables where nothing can be drawn in place.
pub(super) const PRINT_INTERVAL: Duration = Duration::from_secs(30);
/// First and longest pause before an agent that ended is started again.
pub(super) const AGENT_RESTART: (Duration, Duration) =
    (Duration::from_secs(1), Duration::from_secs(30));
/// An agent that ran so long starts again after the shortest pause.
pub(super) const AGENT_STABLE: Duration = Duration::from_secs(60);
/// Lines of a child's log that are shown when it fails.
pub(super) const LOG_LINES: usize = 12;
