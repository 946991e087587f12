//! Words that stand for a fixed set of values.

/// A word that isn't one of those allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a {kind}; allowed: {allowed}")]
pub struct UnknownWord {
    kind: &'static str,
    word: String,
    allowed: String,
}

impl UnknownWord {
    pub(crate) fn new(
        kind: &'static str,
        word: &str,
        allowed: impl Iterator<Item = &'static str>,
    ) -> Self {
        let allowed = allowed.collect::<Vec<_>>().join(", ");
        Self { kind, word: word.chars().take(64).collect(), allowed }
    }
}

/// An enum of words, with their text in JSON and in the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $kind:literal, { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize, schemars::JsonSchema,
        )]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word in JSON and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        // Not derived: the derive doesn't see a word that a macro has handed on.
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let words = Self::ALL.iter().map(|item| item.as_str());
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .enum_values(Some(words))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, $crate::UnknownWord> {
                Self::ALL.iter().copied().find(|item| item.as_str() == word).ok_or_else(|| {
                    $crate::UnknownWord::new($kind, word, Self::ALL.iter().map(|item| item.as_str()))
                })
            }
        }
    };
}
pub(crate) use words;
