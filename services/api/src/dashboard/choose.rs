//! What an address is answered with. Pure.

use super::assets::Asset;

/// Not the dashboard's, whatever is asked for below them.
const OTHERS: [&str; 8] =
    ["/api/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/mqtt", "/assets/"];
/// Names below it change with their content.
const HASHED: &str = "assets/";
const INDEX: &str = "index.html";

/// What is sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// A file.
    File {
        /// The file.
        asset: Asset,
        /// It never changes under this name.
        immutable: bool,
    },
    /// The dashboard's one page, which knows by itself what belongs to the address.
    Page(String),
    /// Word that the dashboard isn't there.
    NotBuilt,
}

/// `None`: the address isn't the dashboard's, or the caller doesn't want a page.
pub(super) fn choose(
    path: &str,
    accept: Option<&str>,
    find: impl Fn(&str) -> Option<Asset>,
) -> Option<Choice> {
    let name = path.trim_start_matches('/');
    // Never as a plain file: it needs its policy.
    if name != INDEX
        && let Some(asset) = find(name)
    {
        return Some(Choice::File { asset, immutable: name.starts_with(HASHED) });
    }
    // Two slashes name a host, for a browser.
    if path.starts_with("//")
        || OTHERS.iter().any(|other| path.starts_with(other))
        || !wants_page(accept)
    {
        return None;
    }
    let page = find(INDEX).map(|asset| String::from_utf8_lossy(&asset.data).into_owned());
    Some(page.map_or(Choice::NotBuilt, Choice::Page))
}

/// Browsers say that they want a page; programs that don't get a problem as everywhere.
fn wants_page(accept: Option<&str>) -> bool {
    accept.is_some_and(|accept| {
        accept.split(',').any(|kind| kind.split(';').next().unwrap_or("").trim() == "text/html")
    })
}

/// Whether `If-None-Match` names the tag (RFC 9110, section 13.1.2).
pub(super) fn matches(known: &str, tag: &str) -> bool {
    known.trim() == "*" || known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use actix_web::web::Bytes;

    use super::*;

    const BROWSER: Option<&str> = Some("text/html,application/xhtml+xml,*/*;q=0.8");

    fn built(name: &str) -> Option<Asset> {
        let known = ["index.html", "icon.svg", "assets/index-1a2b.js"];
        known.contains(&name).then(|| Asset {
            data: Bytes::from_static(b"<html>"),
            content_type: "text/html".to_owned(),
            hash: "00".to_owned(),
        })
    }

    #[test]
    fn files_pages_and_what_is_others() {
        let kind = |path, accept| match choose(path, accept, built) {
            Some(Choice::File { immutable: true, .. }) => "for ever",
            Some(Choice::File { immutable: false, .. }) => "file",
            Some(Choice::Page(_)) => "page",
            Some(Choice::NotBuilt) => "not built",
            None => "nothing",
        };
        for (path, accept, expected) in [
            ("/", BROWSER, "page"),
            ("/index.html", BROWSER, "page"),
            ("/machines/1/timeline", BROWSER, "page"),
            ("/icon.svg", Some("image/*"), "file"),
            ("/assets/index-1a2b.js", Some("*/*"), "for ever"),
            ("/assets/index-old.js", BROWSER, "nothing"),
            ("//elsewhere.example/", BROWSER, "nothing"),
            ("/api/v1/nothing", BROWSER, "nothing"),
            ("/metrics/1", BROWSER, "nothing"),
            ("/", Some("*/*"), "nothing"),
            ("/", Some("application/json, text/htmlx"), "nothing"),
            ("/", None, "nothing"),
        ] {
            assert_eq!(kind(path, accept), expected, "{path} {accept:?}");
        }
    }

    #[test]
    fn without_a_dashboard_pages_say_so() {
        assert_eq!(choose("/fleet", BROWSER, |_| None), Some(Choice::NotBuilt));
        assert_eq!(choose("/assets/a.js", BROWSER, |_| None), None);
    }

    #[test]
    fn tags_are_compared_one_by_one() {
        let tag = "\"ab\"";
        for (known, expected) in [
            ("\"ab\"", true),
            ("\"x\", W/\"ab\"", true),
            ("*", true),
            ("\"abc\"", false),
            ("", false),
        ] {
            assert_eq!(matches(known, tag), expected, "{known}");
        }
    }
}
