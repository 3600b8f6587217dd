//! Closed sets of words that rows, JSON, logs and metrics are written in: each word stands in one place.

/// Makes of a table an enum whose variants are its words: `ALL` of them in the table's order, `as_str`, and the same
/// words for serde and for `Display`.
macro_rules! words {
    (
        $(#[$about:meta])*
        $vis:vis enum $name:ident { $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        $vis enum $name {
            $($(#[doc = $doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// All of them.
            #[allow(dead_code, reason = "not every set is gone through outside of tests")]
            $vis const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(super) use words;
