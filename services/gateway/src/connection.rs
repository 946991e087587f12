//! One connection: a session between a transport, the intake and the directory.

use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use millwright_identity::networks::Share;
use millwright_ingest::intake::{AckLine, IntakeSlot, Uplink};
use millwright_schemas::Timestamp;
use millwright_schemas::topics::UpChannel;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::event_pace::EventPace;
use crate::gateway::{Admitted, Gateway, Seated};
use crate::limits::{
    LINGER_MAX_BYTES, LINGER_TIMEOUT, READ_CHUNK_BYTES, ROUNDS_PER_TURN, THROTTLE_PAUSE_MIN,
};
use crate::presence::Presence;
use crate::session::{Admission, Delivery, End, Message, Peer, Question, Refused, Session};

/// What a connection runs on.
#[derive(Debug)]
pub struct Transport<S> {
    /// The stream, after its handshake.
    pub stream: S,
    /// Who is at the other end.
    pub peer: Peer,
    /// Its address.
    pub remote: SocketAddr,
    /// Its place among those that haven't said who they are.
    pub newcomer: Share,
    /// Tells the kernel to acknowledge TCP at once what was just read.
    pub quick_ack: fn(&S),
}

/// Runs a connection to its end.
pub async fn run<S>(gateway: Arc<Gateway>, transport: Transport<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut connection = Connection::new(gateway, transport);
    let heard = poll_fn(|cx| connection.poll(cx)).await;
    connection.finish(heard).await;
}

/// Whether the peer may still hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Maybe,
    Gone,
}

/// An answer of the directory.
enum Answer {
    Admitted(Result<Admitted, Refused>),
    Remembered(bool),
}

struct Connection<S> {
    gateway: Arc<Gateway>,
    stream: S,
    remote: SocketAddr,
    newcomer: Option<Share>,
    quick_ack: fn(&S),
    session: Session,
    acks: Arc<AckLine>,
    acknowledged: u64,
    /// Pauses that were counted.
    pauses: u64,
    intake: Option<IntakeSlot>,
    seated: Option<Seated>,
    answer: Option<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    timer: Pin<Box<Sleep>>,
    /// The gateway's stop, until the connection has a seat and is told there.
    stopping: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    fn new(gateway: Arc<Gateway>, transport: Transport<S>) -> Self {
        let Transport { stream, peer, remote, newcomer, quick_ack } = transport;
        let now = Instant::now();
        let settings = gateway.settings();
        let session = Session::new(peer, settings.session, settings.pace, now);
        let first = session.deadline().unwrap_or(now);
        let stopping = Some(Box::pin(gateway.stopping().clone().cancelled_owned()));
        Self {
            gateway,
            stream,
            remote,
            newcomer: Some(newcomer),
            quick_ack,
            session,
            acks: AckLine::new(),
            acknowledged: 0,
            pauses: 0,
            intake: None,
            seated: None,
            answer: None,
            timer: Box::pin(tokio::time::sleep_until(first.into())),
            stopping,
            unflushed: false,
        }
    }

    /// Works until nothing moves, or until it is others' turn.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        for _ in 0..ROUNDS_PER_TURN {
            self.listen_to_others(cx);
            let mut progress = self.poll_answer(cx);
            self.session.advance(Instant::now());
            // Progress: a new question has to be polled once, or nobody would wake us for it.
            progress |= self.ask();
            progress |= self.poll_intake(cx);
            self.count_pauses();
            progress |= self.deliver();
            match self.write(cx) {
                Ok(written) => progress |= written,
                Err(_) => return self.gone(),
            }
            if self.session.ended().is_some() {
                if self.session.output().is_empty() && !self.unflushed {
                    return Poll::Ready(Heard::Maybe);
                }
            } else if self.session.wants_bytes() {
                match self.poll_read(cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return self.gone(),
                    Poll::Ready(Ok(_)) => progress = true,
                    Poll::Pending => {}
                }
            }
            if progress {
                continue;
            }
            self.session.shrink();
            ready!(self.poll_timer(cx));
            if self.session.expire(Instant::now()) {
                return Poll::Ready(Heard::Gone);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn gone(&mut self) -> Poll<Heard> {
        self.session.end(End::Lost);
        Poll::Ready(Heard::Gone)
    }

    /// Commits, takeovers, revocations, new children, the gateway's stop.
    fn listen_to_others(&mut self, cx: &mut Context<'_>) {
        if self.session.is_waiting_for_commit() {
            self.acks.register(cx.waker());
            let committed = self.acks.committed();
            // Read after the count: a count from before the failure is right in any case, one
            // from after it may pass over the message that failed, so it is not used.
            if self.acks.failed() {
                self.session.end(End::Failed);
            } else {
                self.gateway.metrics().acks.inc_by(committed.saturating_sub(self.acknowledged));
                self.acknowledged = committed;
                self.session.committed(committed);
            }
        }
        if let Some(stopping) = &mut self.stopping
            && stopping.as_mut().poll(cx).is_ready()
        {
            self.stopping = None;
            self.session.end(End::Shutdown);
        }
        if let Some(seated) = &self.seated {
            let mailbox = seated.seat.mailbox();
            mailbox.register(cx.waker());
            if let Some(children) = mailbox.take_children() {
                self.session.set_children(children);
            }
            if let Some(end) = mailbox.end() {
                self.session.end(end);
            }
        }
    }

    /// Shows who sends too fast; each connection is named once.
    fn count_pauses(&mut self) {
        let pauses = self.session.pauses();
        if pauses == self.pauses {
            return;
        }
        if let (0, Some(seated)) = (self.pauses, &self.seated) {
            tracing::warn!(machine.id = %seated.key.machine, "machine sends too fast: slowed down");
        }
        self.gateway.metrics().throttles.inc_by(pauses - self.pauses);
        self.pauses = pauses;
    }

    /// Hands the session's question to the directory; whether there was one.
    fn ask(&mut self) -> bool {
        let gateway = Arc::clone(&self.gateway);
        match self.session.take_question() {
            None => return false,
            Some(Question::Admit(claim)) => {
                let remote = self.remote;
                self.answer =
                    Some(Box::pin(
                        async move { Answer::Admitted(gateway.admit(claim, remote).await) },
                    ));
            }
            Some(Question::Remember(filters)) => {
                let Some(key) = self.seated.as_ref().map(|seated| seated.key.clone()) else {
                    self.session.remembered(false);
                    return true;
                };
                self.answer = Some(Box::pin(async move {
                    Answer::Remembered(gateway.remember(&key, &filters).await)
                }));
            }
        }
        true
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(answer) = &mut self.answer else { return false };
        let Poll::Ready(answer) = answer.as_mut().poll(cx) else { return false };
        self.answer = None;
        match answer {
            Answer::Remembered(success) => self.session.remembered(success),
            Answer::Admitted(Err(refused)) => self.session.admitted(Err(refused), Instant::now()),
            Answer::Admitted(Ok(Admitted { seated, children, earlier })) => {
                let admission = Admission { children, earlier };
                self.gateway.notify(seated.key.machine, &seated.seat, Presence::Connected);
                self.gateway.metrics().machines.inc();
                self.seated = Some(seated);
                self.newcomer = None;
                self.stopping = None;
                self.session.admitted(Ok(admission), Instant::now());
            }
        }
        self.notify_reachable();
        true
    }

    fn notify_reachable(&mut self) {
        for machine in self.session.take_newly_reachable() {
            if let Some(seated) = &self.seated {
                self.gateway.notify(machine, &seated.seat, Presence::Reachable);
            }
        }
    }

    /// Hands over messages while the intake takes them, decoding on as each leaves.
    fn poll_intake(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        while let Some(bytes) = self.session.message_bytes() {
            let intake = self.intake.get_or_insert_with(|| self.gateway.intake().slot());
            match intake.poll_reserve(cx, bytes) {
                Poll::Pending => break,
                Poll::Ready(Err(_)) => self.session.end(End::Shutdown),
                Poll::Ready(Ok(())) => {
                    let message = self.session.take_message();
                    if let (Some(message), Some(seated)) = (message, &self.seated) {
                        if let Some(pause) = event_pause(self.gateway.events(), &message) {
                            self.session.pause(Instant::now() + pause);
                        }
                        let uplink = uplink(seated, message, Some(Arc::clone(&self.acks)));
                        if intake.send(uplink).is_err() {
                            self.session.end(End::Shutdown);
                        }
                        self.gateway.metrics().messages_up.inc();
                    }
                    self.session.advance(Instant::now());
                }
            }
            progress = true;
        }
        self.notify_reachable();
        progress
    }

    fn deliver(&mut self) -> bool {
        let mut progress = false;
        while self.session.can_deliver() {
            let Some(seated) = &self.seated else { break };
            let Some(down) = seated.seat.mailbox().take_message() else { break };
            let result = match self.session.deliver(down) {
                Delivery::Sent => "sent",
                Delivery::NotSubscribed => "not_subscribed",
                Delivery::TooLarge => "too_large",
            };
            self.gateway.metrics().downlinks.with_label_values(&[result]).inc();
            progress = true;
        }
        progress
    }

    /// Writes and flushes as far as the transport takes it.
    fn write(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let mut progress = false;
        while !self.session.output().is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, self.session.output())? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(bytes) => {
                    self.session.wrote(bytes, Instant::now());
                    self.unflushed = true;
                    progress = true;
                }
                Poll::Pending => {
                    self.session.write_blocked(Instant::now());
                    return Ok(progress);
                }
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx)? {
                Poll::Ready(()) => {
                    self.unflushed = false;
                    self.session.flushed(Instant::now());
                    progress = true;
                }
                Poll::Pending => self.session.write_blocked(Instant::now()),
            }
        }
        Ok(progress)
    }

    /// Through a buffer on the stack, so that an idle connection owns none.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut chunk = [MaybeUninit::<u8>::uninit(); READ_CHUNK_BYTES];
        let mut buffer = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let bytes = buffer.filled();
        self.session.receive(bytes);
        // The PUBACK leaves only after the commit. Without this, a peer with Nagle's algorithm
        // waits for our delayed TCP acknowledgement before it sends the rest.
        (self.quick_ack)(&self.stream);
        Poll::Ready(Ok(bytes.len()))
    }

    /// Ready when the session's deadline has passed.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.session.deadline() else { return Poll::Pending };
        // A deadline that moves on, as after each packet, doesn't touch the timer: it fires at the
        // old time and is set again.
        if self.timer.deadline().into_std() > deadline || self.timer.is_elapsed() {
            self.timer.as_mut().reset(deadline.into());
        }
        self.timer.as_mut().poll(cx)
    }

    /// Says the rest, closes, and tells the directory.
    async fn finish(mut self, heard: Heard) {
        let end = self.session.ended().unwrap_or(End::Lost);
        let will = self.session.take_will();
        let kept_s = self.session.kept_s();
        if let Some(Seated { key, seat }) = self.seated.take() {
            self.gateway.metrics().machines.dec();
            self.gateway.metrics().ends.with_label_values(&[end.as_str()]).inc();
            self.gateway.notify(key.machine, &seat, Presence::Disconnected(end.as_str()));
            // Before the seat is given up: it shows that the machine isn't back yet.
            if let Some(will) = will {
                self.gateway.wills().publish(key.machine, key.generation, will);
            }
            drop(seat);
            tracing::debug!(machine.id = %key.machine, reason = end.as_str(), "connection ended");
            self.gateway.closed(key, end.as_str(), kept_s);
        } else {
            self.gateway.metrics().refusals.with_label_values(&[end.as_str()]).inc();
            tracing::debug!(remote = %self.remote, reason = end.as_str(), "connection refused");
        }
        if heard == Heard::Maybe {
            // Errors don't matter any more.
            let _ = tokio::time::timeout(LINGER_TIMEOUT, linger(&mut self.stream)).await;
        }
    }
}

/// Closes our side and reads away what the peer still sends: a socket closed over unread bytes
/// is reset, and the reset can overtake the goodbye.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    stream.shutdown().await?;
    let mut sink = Box::new([0_u8; READ_CHUNK_BYTES]);
    let mut total = 0;
    while total < LINGER_MAX_BYTES {
        match stream.read(&mut sink[..]).await? {
            0 => break,
            bytes => total += bytes,
        }
    }
    Ok(())
}

/// How long to pause after this message, if it is one event too many.
fn event_pause(events: &EventPace, message: &Message) -> Option<Duration> {
    let Message { machine, channel, payload } = message;
    if *channel != UpChannel::Events {
        return None;
    }
    let pause = events.charge(*machine, payload, Instant::now())?;
    Some(pause.max(THROTTLE_PAUSE_MIN))
}

fn uplink(seated: &Seated, message: Message, acks: Option<Arc<AckLine>>) -> Uplink {
    Uplink {
        sender: seated.key.machine,
        generation: seated.key.generation,
        machine: message.machine,
        channel: message.channel,
        payload: message.payload,
        received_at: now(),
        acks,
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}
