//! Bodies of requests: how large one may be, and how long it may take to arrive.
//!
//! Every body that is read comes through here, whatever reads it. One that isn't read to its end is
//! kept until the answer has been sent: the HTTP server would otherwise go on reading what comes in
//! chunks, for as long as they come. So it closes the connection.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Extensions, Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::middleware::Next;
use actix_web::{FromRequest as _, HttpMessage as _, HttpRequest, web};
use futures_util::Stream;
use tokio::time::Sleep;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;

use crate::error::ApiError;
use crate::limits::{BODY_MAX_BYTES, OPEN_BODY_MAX_BYTES, PACKED_PIECE_BYTES};
use crate::openapi::operations;
use crate::routes::machine_socket;

type Arriving = Pin<Box<dyn Stream<Item = Result<web::Bytes, PayloadError>>>>;

/// What holds for bodies of requests.
#[derive(Debug)]
pub(crate) struct BodyRules {
    /// How long one may take to arrive, from when it is wanted.
    within: Duration,
    /// What takes a body from whoever hasn't signed in: method and path, as in the description.
    open: Vec<(&'static str, String)>,
}

impl BodyRules {
    pub(crate) fn new(within: Duration, description: &OpenApi) -> Self {
        let open = description.paths.paths.iter().flat_map(|(path, item)| {
            let open = operations(item).into_iter().filter(|(_, operation)| is_open(operation));
            open.map(move |(method, _)| (method, path.clone()))
        });
        Self { within, open: open.collect() }
    }

    /// Sets the rules for the body of this request, if it has one.
    fn guard(&self, request: &mut ServiceRequest) -> Option<Rc<RefCell<Payload>>> {
        if is_machine_socket(request) {
            return None;
        }
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let most = Most(self.max_bytes(request));
        let packed = request.headers().contains_key(CONTENT_ENCODING);
        let mut data = Extensions::new();
        data.insert(web::PayloadConfig::new(most.0));
        data.insert(most);
        request.add_data_container(Rc::new(data));
        let payload = Rc::new(RefCell::new(payload));
        let arriving: Arriving = Box::pin(Timed {
            payload: Rc::clone(&payload),
            within: self.within,
            left: None,
            packed,
            rest: web::Bytes::new(),
        });
        request.set_payload(Payload::from(arriving));
        Some(payload)
    }

    fn max_bytes(&self, request: &ServiceRequest) -> usize {
        let method = request.method().as_str();
        // The pattern of what the router sees: a path can be written in many ways.
        let path = request.match_info().as_str();
        let open = request.resource_map().match_pattern(path).is_some_and(|pattern| {
            self.open.iter().any(|(known, path)| *known == method && *path == pattern)
        });
        if open { OPEN_BODY_MAX_BYTES } else { BODY_MAX_BYTES }
    }
}

/// Any one of the ways to sign in suffices; an empty one is none.
fn is_open(operation: &Operation) -> bool {
    let none = SecurityRequirement::default();
    let open = operation.security.as_ref().is_some_and(|ways| ways.contains(&none));
    open && operation.request_body.is_some()
}

/// What it carries has no end, and bounds of its own.
fn is_machine_socket(request: &ServiceRequest) -> bool {
    request.path() == machine_socket::PATH
        && request.head().upgrade()
        && !request.chunked().unwrap_or(true)
}

/// Most bytes of this request's body, unpacked.
#[derive(Debug, Clone, Copy)]
struct Most(usize);

/// A body that is given up when it doesn't arrive in time.
struct Timed {
    payload: Rc<RefCell<Payload>>,
    within: Duration,
    /// Begins with the first look: whoever has sent everything by then has done their part.
    left: Option<Pin<Box<Sleep>>>,
    /// Whether it is packed: it is handed on in small pieces then, so that the bound of the unpacked
    /// body ends it before much has been unpacked.
    packed: bool,
    /// Has arrived, and is to be handed on.
    rest: web::Bytes,
}

impl Timed {
    fn piece(&mut self) -> web::Bytes {
        self.rest.split_to(self.rest.len().min(PACKED_PIECE_BYTES))
    }
}

impl Stream for Timed {
    type Item = Result<web::Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let timed = self.get_mut();
        if !timed.rest.is_empty() {
            return Poll::Ready(Some(Ok(timed.piece())));
        }
        let part = Pin::new(&mut *timed.payload.borrow_mut()).poll_next(context);
        match part {
            Poll::Ready(Some(Ok(bytes))) if timed.packed => {
                timed.rest = bytes;
                return Poll::Ready(Some(Ok(timed.piece())));
            }
            Poll::Ready(part) => return Poll::Ready(part),
            Poll::Pending => {}
        }
        let within = timed.within;
        let left = timed.left.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
        left.as_mut().poll(context).map(|()| {
            let text = format!("a request's body must arrive within {within:?}");
            Some(Err(PayloadError::Io(io::Error::new(io::ErrorKind::TimedOut, text))))
        })
    }
}

/// An answer, with what isn't read of its request.
pub(crate) struct Answer {
    answer: BoxBody,
    _unread: Option<Rc<RefCell<Payload>>>,
}

impl MessageBody for Answer {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
        Pin::new(&mut self.get_mut().answer).poll_next(context)
    }
}

/// The middleware. Runs around everything.
pub(crate) async fn middleware(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<Answer>, actix_web::Error> {
    let rules = request.app_data::<web::Data<BodyRules>>().cloned();
    let unread = rules.and_then(|rules| rules.guard(&mut request));
    let response = next.call(request).await?;
    Ok(response.map_body(|_, answer| Answer { answer: answer.boxed(), _unread: unread }))
}

/// The whole body, unpacked.
pub(crate) fn read(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, ApiError>> + use<> {
    let most = request.app_data::<Most>().map_or(BODY_MAX_BYTES, |most| most.0);
    let body = web::Bytes::from_request(request, payload);
    async move { body.await.map_err(|error| ApiError::unreadable(&error, most)) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    async fn pieces(packed: bool) -> Vec<usize> {
        let body = web::Bytes::from(vec![7; PACKED_PIECE_BYTES * 2 + 5]);
        let timed = Timed {
            payload: Rc::new(RefCell::new(Payload::from(body))),
            within: Duration::from_secs(60),
            left: None,
            packed,
            rest: web::Bytes::new(),
        };
        timed.map(|piece| piece.unwrap().len()).collect().await
    }

    #[tokio::test]
    async fn only_what_is_packed_comes_in_small_pieces() {
        assert_eq!(pieces(true).await, [PACKED_PIECE_BYTES, PACKED_PIECE_BYTES, 5]);
        assert_eq!(pieces(false).await, [PACKED_PIECE_BYTES * 2 + 5]);
    }
}
