//! The page's policy, and the number in it that is new in every answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// Stands in the page where the nonce goes.
const PLACEHOLDER: &str = "__CSP_NONCE__";

/// Shown by a program that was built without Node.js.
pub(super) const NOT_BUILT: &str = r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millwright</title>
<h1>Millwright runs, without its dashboard</h1>
<p>This program was built without Node.js, which the dashboard is made with. Install Node.js 20.19 or
newer with npm, then build it again: <code>make run</code>.</p>
<p>Everything else works: see the <a href="/docs/">API</a>.</p>
</html>
"#;

/// 122 random bits.
pub(super) fn nonce() -> String {
    STANDARD.encode(Uuid::new_v4().as_bytes())
}

/// Everything from the platform itself, nothing from elsewhere, no scripts or styles within the
/// page but styles that carry the nonce (CSP Level 3).
pub(super) fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; \
         worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page with the nonce in its place.
pub(super) fn with_nonce(template: &str, nonce: &str) -> String {
    template.replace(PLACEHOLDER, nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_has_a_nonce_of_its_own() {
        let (one, other) = (nonce(), nonce());
        assert_ne!(one, other);
        assert!(policy(&one).contains(&format!("'nonce-{one}'")));
        let page = with_nonce("<meta content=\"__CSP_NONCE__\">", &one);
        assert_eq!(page, format!("<meta content=\"{one}\">"));
    }
}
