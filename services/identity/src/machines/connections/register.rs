//! The register of connections: what opens and closes at the same time shares a transaction.
//!
//! After a power cut thousands of machines come back at once. Each alone would take its turn at
//! the database beside everybody else, and an order that a technician sends would wait behind all
//! of them; so it waits behind one group at most.

use std::time::Instant;

use millwright_store::{Store, StoreError, Tx};
use tokio::sync::{mpsc, oneshot};

use super::super::limits::{OPENING_PATIENCE, REGISTER_GROUP, REGISTER_WAITING};
use super::{Closing, OpenError, Opened, Opening, Remembering};

/// Opens and closes connections. Cheap to clone; ends with its last clone, after what it was
/// asked until then.
#[derive(Debug, Clone)]
pub struct Register {
    opens: mpsc::Sender<Request>,
    /// A queue of their own: when a site is cut off, thousands of ends wait, and whoever comes back meanwhile must
    /// not be refused because of them.
    others: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    change: Change,
    asked_at: Instant,
    answer: oneshot::Sender<Result<Done, OpenError>>,
}

#[derive(Debug, Clone)]
enum Change {
    Open(Box<Opening>),
    Remember(Remembering),
    Close(Closing),
}

#[derive(Debug)]
enum Done {
    Opened(Opened),
    /// Whether it was the current connection.
    Current(bool),
}

impl Register {
    /// Starts on this store.
    #[must_use]
    pub fn start(store: Store) -> Self {
        let (opens, opens_waiting) = mpsc::channel(REGISTER_WAITING);
        let (others, others_waiting) = mpsc::channel(REGISTER_WAITING);
        tokio::spawn(write_all(store, opens_waiting, others_waiting));
        Self { opens, others }
    }

    /// Opens a connection: fences earlier ones off, takes up or forgets the session, and
    /// commissions the machine if it is its first contact. Whoever doesn't wait for the answer must
    /// close it all the same; what has waited for longer than [`OPENING_PATIENCE`] isn't opened.
    ///
    /// # Errors
    /// See [`OpenError`]. [`OpenError::Busy`] when too many wait already.
    pub async fn open(&self, opening: Opening) -> Result<Opened, OpenError> {
        let (request, answered) = Request::new(Change::Open(Box::new(opening)));
        // Machines come again; what waits must stay bounded.
        self.opens.try_send(request).map_err(|_| OpenError::Busy)?;
        match answered.await.map_err(|_| ended())?? {
            Done::Opened(opened) => Ok(opened),
            Done::Current(_) => Err(ended().into()),
        }
    }

    /// Remembers the filters of a connection's session, unless a later connection was opened.
    /// Returns whether it was remembered.
    ///
    /// # Errors
    /// When the database can't.
    pub async fn remember(&self, remembering: Remembering) -> Result<bool, StoreError> {
        self.is_current(Change::Remember(remembering)).await
    }

    /// Records the end of a connection, unless a later one has taken its place. Returns whether
    /// it was the current one.
    ///
    /// # Errors
    /// When the database can't.
    pub async fn close(&self, closing: Closing) -> Result<bool, StoreError> {
        self.is_current(Change::Close(closing)).await
    }

    async fn is_current(&self, change: Change) -> Result<bool, StoreError> {
        let (request, answered) = Request::new(change);
        self.others.send(request).await.map_err(|_| ended())?;
        match answered.await.map_err(|_| ended())? {
            Ok(Done::Current(current)) => Ok(current),
            Err(OpenError::Store(error)) => Err(error),
            Ok(Done::Opened(_)) | Err(OpenError::Revoked | OpenError::Busy) => Err(ended()),
        }
    }
}

impl Request {
    fn new(change: Change) -> (Self, oneshot::Receiver<Result<Done, OpenError>>) {
        let (answer, answered) = oneshot::channel();
        (Self { change, asked_at: Instant::now(), answer }, answered)
    }

    /// Whether nobody waits for it any more.
    fn is_stale(&self) -> bool {
        matches!(self.change, Change::Open(_))
            && (self.answer.is_closed() || self.asked_at.elapsed() >= OPENING_PATIENCE)
    }
}

/// The register's task is gone, with the runtime that it ran on.
fn ended() -> StoreError {
    StoreError::corrupt("machine_status", "the register of connections has ended")
}

async fn write_all(
    store: Store,
    mut opens: mpsc::Receiver<Request>,
    mut others: mpsc::Receiver<Request>,
) {
    let mut group = Vec::with_capacity(REGISTER_GROUP);
    loop {
        let first = tokio::select! {
            Some(request) = opens.recv() => request,
            Some(request) = others.recv() => request,
            else => return,
        };
        group.push(first);
        // Neither keeps the other out; room that one leaves is the other's.
        take(&mut others, &mut group, REGISTER_GROUP / 2);
        take(&mut opens, &mut group, REGISTER_GROUP);
        take(&mut others, &mut group, REGISTER_GROUP);
        for stale in group.extract_if(.., |request: &mut Request| request.is_stale()) {
            let _ = stale.answer.send(Err(OpenError::Busy));
        }
        let (changes, answers): (Vec<_>, Vec<_>) =
            group.drain(..).map(|request| (request.change, request.answer)).unzip();
        for (answer, result) in answers.into_iter().zip(write(&store, changes).await) {
            // Who asked may be gone.
            let _ = answer.send(result);
        }
    }
}

/// Fills a group with what waits, up to `most`.
fn take(waiting: &mut mpsc::Receiver<Request>, group: &mut Vec<Request>, most: usize) {
    while group.len() < most {
        let Ok(request) = waiting.try_recv() else { return };
        group.push(request);
    }
}

/// One transaction. When the database refuses one of the changes, each gets its own, so that the
/// others don't suffer from it; when it can't be used at all, all learn that.
async fn write(store: &Store, changes: Vec<Change>) -> Vec<Result<Done, OpenError>> {
    match together(store, changes.clone()).await {
        Ok(results) => results,
        Err(error) if error.is_transient() || changes.len() == 1 => {
            changes.iter().map(|_| Err(error.clone().into())).collect()
        }
        Err(_) => {
            let mut results = Vec::with_capacity(changes.len());
            for change in changes {
                let result = together(store, vec![change]).await;
                results.extend(result.unwrap_or_else(|error| vec![Err(error.into())]));
            }
            results
        }
    }
}

async fn together(
    store: &Store,
    changes: Vec<Change>,
) -> Result<Vec<Result<Done, OpenError>>, StoreError> {
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let tx = store.begin().await?;
    let mut results = Vec::with_capacity(changes.len());
    for change in changes {
        results.push(match apply(&tx, change).await {
            Err(OpenError::Store(error)) => return Err(error),
            other => other,
        });
    }
    tx.commit().await?;
    Ok(results)
}

async fn apply(tx: &Tx, change: Change) -> Result<Done, OpenError> {
    Ok(match change {
        Change::Open(opening) => Done::Opened(super::open(tx, *opening).await?),
        Change::Remember(remembering) => Done::Current(super::remember(tx, &remembering).await?),
        Change::Close(closing) => Done::Current(super::close(tx, &closing).await?),
    })
}
