//! Lists in pages: a limit and a cursor.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use millwright_schemas::api::page::{LIMIT_DEFAULT, LIMIT_MAX, Page, PageQuery};
use uuid::Uuid;

/// Which page is wanted, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// The list's name: stands in its cursors, so that no other list takes them.
    pub list: &'static str,
    /// 1 to 500.
    pub limit: u64,
    /// The key of the last item of the page before.
    pub after: Option<K>,
}

/// A page request that can't be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPage {
    /// Not between 1 and 500.
    #[error("limit is {0}, not between 1 and {LIMIT_MAX}")]
    Limit(u32),
    /// Not a `next_cursor` of this list.
    #[error("cursor {0:?} is not a next_cursor of this list")]
    Cursor(String),
}

/// A value that a list is ordered by.
pub trait CursorKey: Sized {
    /// As bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// From bytes; `None` when they aren't such a key.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

impl CursorKey for Uuid {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_slice(bytes).ok()
    }
}

impl CursorKey for i64 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl CursorKey for String {
    fn to_bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_utf8(bytes.to_vec()).ok()
    }
}

/// A time and an id, for lists by time.
impl CursorKey for (i64, Uuid) {
    fn to_bytes(&self) -> Vec<u8> {
        [self.0.to_be_bytes().as_slice(), self.1.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (time, id) = bytes.split_at_checked(8)?;
        Some((i64::from_bytes(time)?, Uuid::from_slice(id).ok()?))
    }
}

impl<K: CursorKey> PageRequest<K> {
    /// From a request's query, for the list of this name.
    ///
    /// # Errors
    /// See [`InvalidPage`].
    pub fn parse(list: &'static str, query: &PageQuery) -> Result<Self, InvalidPage> {
        let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(InvalidPage::Limit(limit));
        }
        let after = query.cursor.as_ref().map(|cursor| {
            URL_SAFE_NO_PAD
                .decode(cursor)
                .ok()
                .and_then(|bytes| K::from_bytes(key_of(list, &bytes)?))
                .ok_or_else(|| InvalidPage::Cursor(cursor.chars().take(64).collect()))
        });
        Ok(Self { list, limit: u64::from(limit), after: after.transpose()? })
    }

    /// How many rows to read: one more than the page has, to know whether another follows.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.limit + 1
    }

    /// Makes the page of the rows read; `key` tells what they are ordered by.
    pub fn page<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        self.part(items, more, key)
    }

    /// Makes a page of these rows, which may be fewer than it may have; `more`: others follow.
    pub fn part<T>(&self, items: Vec<T>, more: bool, key: impl Fn(&T) -> K) -> Page<T> {
        let cursor = |item| cursor(self.list, &key(item).to_bytes());
        let next_cursor = items.last().filter(|_| more).map(cursor);
        Page { items, next_cursor }
    }
}

fn cursor(list: &str, key: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([list.as_bytes(), b":", key].concat())
}

fn key_of<'b>(list: &str, bytes: &'b [u8]) -> Option<&'b [u8]> {
    bytes.strip_prefix(list.as_bytes())?.strip_prefix(b":")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_next_page() {
        let first: PageRequest<i64> =
            PageRequest::parse("numbers", &PageQuery { limit: Some(2), cursor: None }).unwrap();
        let page = first.page(vec![1, 2, 3], |n| *n);
        assert_eq!(page.items, [1, 2]);
        let next = PageRequest::<i64>::parse(
            "numbers",
            &PageQuery { limit: None, cursor: page.next_cursor },
        );
        assert_eq!(next.unwrap().after, Some(2));
        assert_eq!(first.page(vec![1, 2], |n| *n).next_cursor, None);
    }

    #[test]
    fn a_cursor_is_of_one_list() {
        let first: PageRequest<i64> =
            PageRequest::parse("numbers", &PageQuery { limit: Some(1), cursor: None }).unwrap();
        let next = PageQuery { limit: None, cursor: first.page(vec![1, 2], |n| *n).next_cursor };
        assert!(PageRequest::<i64>::parse("numbers", &next).is_ok());
        for other in ["number", "numbers:", "others", ""] {
            let refused = PageRequest::<i64>::parse(other, &next);
            assert!(matches!(refused, Err(InvalidPage::Cursor(_))), "{other}");
        }
    }

    #[test]
    fn a_wrong_request_is_refused_with_its_value() {
        let limit =
            PageRequest::<i64>::parse("numbers", &PageQuery { limit: Some(0), cursor: None });
        assert_eq!(limit, Err(InvalidPage::Limit(0)));
        let cursor = PageQuery { limit: None, cursor: Some("x!".to_owned()) };
        assert!(PageRequest::<i64>::parse("numbers", &cursor).is_err());
    }
}
