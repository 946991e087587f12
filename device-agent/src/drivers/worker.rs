//! Blocking work of a driver, so that a wait for it can be dropped without losing anything.

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::limits::BLOCKING_WORK_MAX;

/// State that blocking work is done on. The state travels to a blocking thread and comes back
/// with the result; when the wait is dropped, the next wait takes up the same work.
pub(super) struct Worker<S, T> {
    idle: Option<S>,
    running: Option<JoinHandle<(S, T)>>,
}

/// Why no result came.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    /// It hangs, for instance in a file system of a server that is gone.
    #[error("the operating system or its files haven't answered for {} s", BLOCKING_WORK_MAX.as_secs())]
    Slow,
    /// It panicked, or the process is shutting down.
    #[error("the blocking thread ended early, its state is lost; restart the agent")]
    Lost,
}

impl<S: Send + 'static, T: Send + 'static> Worker<S, T> {
    pub(super) fn new(state: S) -> Self {
        Self { idle: Some(state), running: None }
    }

    /// Does `work`, or waits for the work that a dropped wait has left running.
    pub(super) async fn run(&mut self, work: fn(&mut S) -> T) -> Result<T, WorkError> {
        if let Some(mut state) = self.idle.take() {
            self.running = Some(tokio::task::spawn_blocking(move || {
                let result = work(&mut state);
                (state, result)
            }));
        }
        let running = self.running.as_mut().ok_or(WorkError::Lost)?;
        let ended = timeout(BLOCKING_WORK_MAX, running).await.map_err(|_| WorkError::Slow)?;
        self.running = None;
        let (state, result) = ended.map_err(|_| WorkError::Lost)?;
        self.idle = Some(state);
        Ok(result)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_dropped_wait_loses_neither_state_nor_result() {
        let (go, wait) = mpsc::channel::<()>();
        let mut worker = Worker::new((0_u32, wait));
        let work: fn(&mut (u32, mpsc::Receiver<()>)) -> u32 = |(count, wait)| {
            wait.recv().unwrap();
            *count += 1;
            *count
        };
        tokio::select! {
            biased;
            _ = worker.run(work) => unreachable!("it waits for the channel"),
            () = std::future::ready(()) => {}
        }
        go.send(()).unwrap();
        assert_eq!(worker.run(work).await.unwrap(), 1);
        go.send(()).unwrap();
        assert_eq!(worker.run(work).await.unwrap(), 2);
    }
}
