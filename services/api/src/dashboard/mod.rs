//! The dashboard: its files, which are part of this program, and the page for every address of it.

mod assets;
mod choose;
mod page;

use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderName, IF_NONE_MATCH,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};

use assets::Asset;
use choose::Choice;

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// What the dashboard answers; `None` when the address isn't the dashboard's.
pub(crate) fn answer(request: &HttpRequest) -> Option<HttpResponse> {
    // HEAD has become GET before.
    if request.method() != Method::GET {
        return None;
    }
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    match choose::choose(request.path(), accept, assets::find)? {
        Choice::File { asset, immutable } => Some(file(request, asset, immutable)),
        Choice::Page(template) => Some(page_answer(&template)),
        Choice::NotBuilt => Some(page_answer(page::NOT_BUILT)),
    }
}

fn file(request: &HttpRequest, asset: Asset, immutable: bool) -> HttpResponse {
    let tag = format!("\"{}\"", asset.hash);
    let cache = if immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| choose::matches(known, &tag));
    let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
    let mut response = HttpResponse::build(status);
    response.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, cache));
    if is_known {
        return response.finish();
    }
    response.content_type(asset.content_type).body(asset.data)
}

/// A page with a policy that lets nothing in but the platform's own files.
fn page_answer(template: &str) -> HttpResponse {
    let nonce = page::nonce();
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, page::policy(&nonce)))
        .insert_header((OPENER_POLICY, "same-origin"))
        .body(page::with_nonce(template, &nonce))
}
