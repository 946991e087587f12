//! The page's language: as chosen, as chosen before, or as the browser prefers.

use axum::http::{HeaderMap, header};

/// A language of the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
}

/// The cookie that remembers the choice.
const COOKIE: &str = "panel_lang";

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// Its tag (BCP 47).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// As a query asks for it: `lang=de`.
    pub(super) fn asked(query: Option<&str>) -> Option<Self> {
        let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == "lang").find_map(|(_, tag)| Self::of(tag))
    }

    /// As it was chosen before, or as the browser prefers; English when nobody says.
    pub(super) fn preferred(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let chosen = text(header::COOKIE).and_then(|cookies| {
            let pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.filter(|(name, _)| *name == COOKIE).find_map(|(_, tag)| Self::of(tag))
        });
        chosen.or_else(|| text(header::ACCEPT_LANGUAGE).and_then(accepted)).unwrap_or(Self::English)
    }

    /// The cookie that remembers it for a year.
    pub(super) fn cookie(self) -> String {
        format!("{COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Strict; HttpOnly", self.tag())
    }

    /// The language of a tag such as `de-AT`.
    fn of(tag: &str) -> Option<Self> {
        let primary = tag.trim().split('-').next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }
}

/// The first among the most wanted languages of `Accept-Language` that there is.
fn accepted(header: &str) -> Option<Language> {
    let mut best: Option<(Language, f32)> = None;
    for range in header.split(',') {
        let (tag, parameter) = range.split_once(';').unwrap_or((range, ""));
        let weight = parameter.trim().strip_prefix("q=").map_or(1.0, |q| q.parse().unwrap_or(0.0));
        if let Some(language) = Language::of(tag)
            && weight > best.map_or(0.0, |(_, best)| best)
        {
            best = Some((language, weight));
        }
    }
    best.map(|(language, _)| language)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_most_wanted_language_counts() {
        for (header, expected) in [
            ("de", Some(Language::German)),
            ("de-AT,de;q=0.9,en;q=0.8", Some(Language::German)),
            ("fr,en-GB;q=0.7,de;q=0.9", Some(Language::German)),
            ("en-US,de;q=0.9", Some(Language::English)),
            ("en;q=0, de;q=0.1", Some(Language::German)),
            ("fr", None),
            ("de;q=x", None),
            ("", None),
        ] {
            assert_eq!(accepted(header), expected, "{header:?}");
        }
    }

    #[test]
    fn a_choice_goes_before_the_browsers_wish() {
        let mut headers = HeaderMap::new();
        assert_eq!(Language::preferred(&headers), Language::English);
        headers.insert(header::ACCEPT_LANGUAGE, "en".parse().unwrap());
        headers.insert(header::COOKIE, "a=b; panel_lang=de".parse().unwrap());
        assert_eq!(Language::preferred(&headers), Language::German);
        assert_eq!(Language::asked(Some("x=1&lang=en")), Some(Language::English));
        assert_eq!(Language::asked(Some("lang=fr")), None);
        assert_eq!(Language::asked(None), None);
    }
}
