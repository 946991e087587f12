//! The connection behind a client: made again and again, as long as the client lives.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rumqttc::{
    AsyncClient, ClientError, ConnectionError, Event, EventLoop, Outgoing, Packet, QoS, Request,
    SubscribeReasonCode,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::client::Core;
use crate::endpoint::Endpoint;
use crate::limits::{
    CLOSE_TIME_LIMIT, CONNECT_TIME_LIMIT, CONNECTION_STABLE_AFTER, INFLIGHT_MESSAGES,
    RECONNECT_MAX, RECONNECT_MIN,
};
use crate::subscriptions::BusMessage;

/// Why a connection ended.
enum End {
    Failed(ConnectionError),
    /// The broker is elsewhere now, or down.
    Moved,
    Closed,
}

/// Runs until the client is closed, or its last clone is gone, or its broker is gone for good.
pub(crate) async fn run(
    core: Arc<Core>,
    mut endpoint: watch::Receiver<Option<Endpoint>>,
    dropped: CancellationToken,
) {
    let closed = async {
        tokio::select! {
            () = dropped.cancelled() => {}
            () = core.close.cancelled() => {}
        }
    };
    tokio::pin!(closed);
    let name = format!("mw-bus-{}", hex::encode(rand::random::<[u8; 6]>()));
    let mut backoff = Backoff::new(RECONNECT_MIN, RECONNECT_MAX);
    for number in 1_u64.. {
        let target = tokio::select! {
            () = &mut closed => break,
            target = next_target(&mut endpoint) => target,
        };
        let Some(target) = target else { break };
        let started = Instant::now();
        // A name of its own for each connection: rumqttd is at its weakest when one takes over.
        let connection = Connection::new(&core, &target, format!("{name}-{number}"));
        // The client's own state is large: in an allocation that ends with the connection.
        let end = Box::pin(connection.run(&mut endpoint, &mut closed)).await;
        core.status.send_modify(|status| (status.connected, status.subscribed) = (false, 0));
        match end {
            End::Closed => break,
            End::Moved => backoff.reset(),
            End::Failed(error) => {
                core.counters.failures.fetch_add(1, Relaxed);
                if started.elapsed() >= CONNECTION_STABLE_AFTER {
                    backoff.reset();
                }
                let wait = backoff.next_wait();
                tracing::warn!(%error, broker = %target, wait_ms = wait.as_millis(), "the bus is not connected");
                tokio::select! {
                    () = &mut closed => break,
                    () = sleep(wait) => {}
                    // Known to be elsewhere: no reason to wait.
                    _ = endpoint.changed() => backoff.reset(),
                }
            }
        }
    }
    core.status.send_modify(|status| status.closed = true);
}

/// Where the broker is, as soon as it is up. `None`: it will never be.
async fn next_target(endpoint: &mut watch::Receiver<Option<Endpoint>>) -> Option<Endpoint> {
    let target = endpoint.wait_for(Option::is_some).await.ok()?;
    target.clone()
}

struct Connection<'a> {
    core: &'a Core,
    client: AsyncClient,
    eventloop: EventLoop,
}

impl<'a> Connection<'a> {
    fn new(core: &'a Core, target: &Endpoint, client_id: String) -> Self {
        let options = target.options(client_id);
        let (client, mut eventloop) = AsyncClient::new(options, INFLIGHT_MESSAGES.into());
        eventloop.network_options.set_tcp_nodelay(true);
        eventloop.network_options.set_connection_timeout(CONNECT_TIME_LIMIT.as_secs());
        Self { core, client, eventloop }
    }

    async fn run(
        mut self,
        endpoint: &mut watch::Receiver<Option<Endpoint>>,
        closed: &mut (impl Future<Output = ()> + Unpin),
    ) -> End {
        tokio::select! {
            () = &mut *closed => return End::Closed,
            _ = endpoint.changed() => return End::Moved,
            first = self.eventloop.poll() => if let Err(error) = first {
                return End::Failed(error);
            },
        }
        let connections = self.core.counters.connections.fetch_add(1, Relaxed) + 1;
        self.core.status.send_modify(|status| {
            (status.connected, status.subscribed, status.connections) = (true, 0, connections);
        });
        tracing::debug!(connections, "the bus is connected");
        let filters = Filters::default();
        let end = {
            // One future polls the event loop for the whole connection: dropping it between two
            // packets could lose an acknowledgement.
            let reading = read(self.core, &mut self.eventloop, &filters);
            let writing = write(self.core, &self.client, &filters);
            tokio::pin!(reading, writing);
            tokio::select! {
                error = &mut reading => End::Failed(error),
                _ = &mut writing => End::Moved,
                _ = endpoint.changed() => End::Moved,
                () = closed => {
                    let goodbye = async { say_goodbye(self.core, &self.client, writing).await };
                    let both = async { tokio::join!(goodbye, reading) };
                    // The end of the connection is the answer; without one it is dropped.
                    let _ = timeout(CLOSE_TIME_LIMIT, both).await;
                    End::Closed
                }
            }
        };
        self.count_unconfirmed();
        end
    }

    /// Messages that were on their way when the connection broke.
    fn count_unconfirmed(&mut self) {
        self.eventloop.clean();
        let pending = self.eventloop.pending.iter();
        let messages = pending.filter(|request| matches!(request, Request::Publish(_))).count();
        self.core.counters.unconfirmed.fetch_add(messages as u64, Relaxed);
    }
}

/// Sends what still waits, then DISCONNECT.
async fn say_goodbye(
    core: &Core,
    client: &AsyncClient,
    mut writing: Pin<&mut impl Future<Output = ClientError>>,
) {
    while !core.queue.is_empty() {
        tokio::select! {
            _ = &mut writing => return,
            () = tokio::task::yield_now() => {}
        }
    }
    // An error: the connection is already gone.
    let _ = client.disconnect().await;
}

/// The filters of one connection: which were asked for, in this order, and which the broker has
/// confirmed.
#[derive(Default)]
struct Filters(Mutex<FilterState>);

#[derive(Default)]
struct FilterState {
    asked: VecDeque<String>,
    active: BTreeSet<String>,
}

impl Filters {
    fn ask(&self, filter: String) {
        self.lock().asked.push_back(filter);
    }

    fn next_asked(&self) -> Option<String> {
        self.lock().asked.pop_front()
    }

    /// How many are active now.
    fn confirm(&self, filter: String) -> usize {
        let mut state = self.lock();
        state.active.insert(filter);
        state.active.len()
    }

    /// How many are active now.
    fn forget(&self, filter: &str) -> usize {
        let mut state = self.lock();
        state.active.remove(filter);
        state.active.len()
    }

    /// No code panics while it holds the lock, so that what is behind it is always sound.
    fn lock(&self) -> MutexGuard<'_, FilterState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Subscribes what is wanted and sends what waits. Ends only when the connection is gone.
async fn write(core: &Core, client: &AsyncClient, filters: &Filters) -> ClientError {
    let mut subscribed = BTreeSet::new();
    if let Err(error) = synchronise(core, client, filters, &mut subscribed).await {
        return error;
    }
    loop {
        let result = tokio::select! {
            biased;
            () = core.subscriptions.changed() => {
                synchronise(core, client, filters, &mut subscribed).await
            }
            message = core.queue.pop() => {
                core.counters.published.fetch_add(1, Relaxed);
                // QoS 1, here and in subscriptions: a QoS 0 subscriber that leaves in the
                // middle of traffic makes rumqttd's router panic.
                client.publish_bytes(message.topic, QoS::AtLeastOnce, false, message.payload).await
            }
        };
        if let Err(error) = result {
            return error;
        }
    }
}

async fn synchronise(
    core: &Core,
    client: &AsyncClient,
    filters: &Filters,
    subscribed: &mut BTreeSet<String>,
) -> Result<(), ClientError> {
    let wanted = core.subscriptions.filters();
    for filter in wanted.difference(subscribed) {
        filters.ask(filter.clone());
        client.subscribe(filter, QoS::AtLeastOnce).await?;
    }
    for filter in subscribed.difference(&wanted) {
        client.unsubscribe(filter).await?;
        let active = filters.forget(filter);
        core.status.send_modify(|status| status.subscribed = active);
    }
    *subscribed = wanted;
    Ok(())
}

/// Takes what arrives. Ends only when the connection is gone.
async fn read(core: &Core, eventloop: &mut EventLoop, filters: &Filters) -> ConnectionError {
    let mut waiting = HashMap::new();
    loop {
        match eventloop.poll().await {
            Ok(Event::Incoming(Packet::Publish(publish))) => receive(core, publish),
            Ok(Event::Outgoing(Outgoing::Subscribe(id))) => {
                waiting.extend(filters.next_asked().map(|filter| (id, filter)));
            }
            Ok(Event::Incoming(Packet::SubAck(answer))) => {
                let filter = waiting.remove(&answer.pkid).unwrap_or_default();
                if answer.return_codes.contains(&SubscribeReasonCode::Failure) {
                    tracing::error!(filter, "the broker refuses a subscription: check its rights");
                    continue;
                }
                let active = filters.confirm(filter);
                core.status.send_modify(|status| status.subscribed = active);
            }
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

fn receive(core: &Core, publish: rumqttc::Publish) {
    // The matching of filters cuts topics by bytes; ours are all ASCII.
    if !publish.topic.is_ascii() {
        return;
    }
    let message = BusMessage { topic: publish.topic, payload: publish.payload };
    let dispatched = core.subscriptions.dispatch(&message);
    core.counters.received.fetch_add(dispatched.delivered, Relaxed);
    core.counters.receive_dropped.fetch_add(dispatched.dropped, Relaxed);
}
