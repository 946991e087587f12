//! The page and its files, built in: it works without any network.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::{Language, Panel};
use crate::operator::texts;

const PAGE: &str = include_str!("page/panel.html");
const SCRIPT: &str = include_str!("page/panel.js");
const STYLE: &str = include_str!("page/panel.css");
const ICON: &str = include_str!("page/icon.svg");

/// The page in the operator's language.
pub(super) async fn page(
    State(panel): State<Panel>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let asked = Language::asked(query.as_deref());
    let language = asked.unwrap_or_else(|| Language::preferred(&headers));
    let page = render(language, &panel.0.token);
    let mut response = file("text/html; charset=utf-8", page);
    if asked.is_some()
        && let Ok(cookie) = language.cookie().parse()
    {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

pub(super) async fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) async fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

pub(super) async fn icon() -> Response {
    file("image/svg+xml", ICON)
}

fn file(media_type: &'static str, content: impl IntoResponse) -> Response {
    ([(header::CONTENT_TYPE, media_type)], content).into_response()
}

/// Fills in what stands in double braces: texts by their key, and a few values.
fn render(language: Language, token: &str) -> String {
    let mut page = String::with_capacity(PAGE.len() * 2);
    let mut rest = PAGE;
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let (key, after) = after.split_once("}}").unwrap_or((after, ""));
        match key {
            "language" => page.push_str(language.tag()),
            "token" => page.push_str(token),
            "texts" => page.push_str(&texts::json(language)),
            key => page.push_str(texts::text(key, language).unwrap_or(key)),
        }
        rest = after;
    }
    page.push_str(rest);
    page
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What stands between two marks, wherever they are.
    fn between<'a>(text: &'a str, open: &str, close: &str) -> BTreeSet<&'a str> {
        text.split(open).skip(1).filter_map(|after| after.split(close).next()).collect()
    }

    #[test]
    fn every_text_of_the_page_is_there_and_every_text_is_used() {
        let values = ["language", "token", "texts"];
        let mut used = between(PAGE, "{{", "}}");
        used.retain(|key| !values.contains(key));
        used.extend(between(SCRIPT, "text(\"", "\""));
        let all: BTreeSet<&str> = texts::keys().collect();
        assert_eq!(used.difference(&all).collect::<Vec<_>>(), Vec::<&&str>::new());
        // Those of words from outside are found by what stands before the dot.
        let groups = between(SCRIPT, "word(\"", "\"");
        let unused = all
            .difference(&used)
            .filter(|key| key.split_once('.').is_none_or(|(group, _)| !groups.contains(group)));
        assert_eq!(unused.collect::<Vec<_>>(), Vec::<&&str>::new());
    }

    #[test]
    fn the_page_is_whole_in_both_languages() {
        for language in Language::ALL {
            let page = render(language, "0123abcd");
            assert!(!page.contains("{{") && !page.contains("}}"), "{page}");
            assert!(page.contains(&format!("<html lang=\"{}\"", language.tag())));
            assert!(page.contains("content=\"0123abcd\""));
            // Nothing inline that the policy of content would have to allow.
            assert!(!page.contains("style=") && !page.contains("onclick"));
            assert_eq!(page.matches("<script").count(), 2);
        }
    }
}
