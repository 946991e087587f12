//! The form of server-sent events (WHATWG HTML, section 9.2).

use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures_util::stream;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::limits::STREAM_QUEUE;

/// How long a reader waits before it comes back, in milliseconds.
const RETRY_MS: u32 = 2_000;

/// Where a stream writes to. Waits while its reader is slow.
#[derive(Debug)]
pub(crate) struct Out(mpsc::Sender<Bytes>);

/// The reader has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// The answer, and where to write it.
pub(crate) fn open() -> (Out, HttpResponse) {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(STREAM_QUEUE);
    let body = stream::poll_fn(move |cx| {
        receiver.poll_recv(cx).map(|bytes| bytes.map(Ok::<_, std::convert::Infallible>))
    });
    let response = HttpResponse::Ok()
        .content_type("text/event-stream")
        // Some proxies hold a stream back until it ends.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(body);
    (Out(sender), response)
}

impl Out {
    /// Tells the reader how to come back, and that the stream is open.
    pub(crate) async fn greet(&self) -> Result<(), Gone> {
        self.write(format!("retry: {RETRY_MS}\n\n")).await
    }

    /// A sign of life that readers don't see.
    pub(crate) async fn heartbeat(&self) -> Result<(), Gone> {
        self.write(": \n\n".to_owned()).await
    }

    /// An event. `data` becomes one line of JSON.
    pub(crate) async fn event(
        &self,
        id: Option<i64>,
        name: &str,
        data: &impl Serialize,
    ) -> Result<(), Gone> {
        let Ok(json) = serde_json::to_string(data) else { return Ok(()) };
        let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
        self.write(format!("{id}event: {name}\ndata: {json}\n\n")).await
    }

    /// Waits until the reader has gone.
    pub(crate) async fn gone(&self) {
        self.0.closed().await;
    }

    async fn write(&self, text: String) -> Result<(), Gone> {
        self.0.send(Bytes::from(text)).await.map_err(|_| Gone)
    }
}
