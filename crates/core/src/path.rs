//! Paths inside a repository, as git stores them: bytes, `/` between parts, relative, never empty.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A path inside a repository, relative to its root.
///
/// Git paths are bytes. Text shows them as they are where they are UTF-8 without control characters; all others are
/// quoted the way git quotes them (`"caf\351.txt"`), which [`RepoPath::from_quoted`] reads back.
///
/// ```
/// # use tollhouse_core::RepoPath;
/// let path = RepoPath::new(b"src/lib.rs".to_vec());
/// assert_eq!(path.to_string(), "src/lib.rs");
/// assert_eq!(RepoPath::new(b"caf\xe9".to_vec()).to_string(), r#""caf\351""#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepoPath(Vec<u8>);

impl RepoPath {
    /// Takes the bytes as they are; whether they may be written to a tree is for policy to say.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes, as git stores them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as text, with bytes that are not UTF-8 replaced: for matching globs, not for finding files.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The parts between slashes.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/')
    }

    /// Reads what [`Display`](fmt::Display) and git print: plain, or in double quotes with C escapes.
    /// `None` where the quoting is broken.
    pub fn from_quoted(text: &[u8]) -> Option<Self> {
        let Some(inner) = text.strip_prefix(b"\"") else { return Some(Self(text.to_vec())) };
        let inner = inner.strip_suffix(b"\"")?;
        let mut bytes = Vec::with_capacity(inner.len());
        let mut rest = inner.iter().copied();
        while let Some(byte) = rest.next() {
            if byte != b'\\' {
                bytes.push(byte);
                continue;
            }
            bytes.push(match rest.next()? {
                b'a' => 7,
                b'b' => 8,
                b't' => b'\t',
                b'n' => b'\n',
                b'v' => 11,
                b'f' => 12,
                b'r' => b'\r',
                plain @ (b'"' | b'\\') => plain,
                high @ b'0'..=b'3' => {
                    let mut digit = || rest.next().filter(|d| (b'0'..=b'7').contains(d)).map(|d| d - b'0');
                    (high - b'0') * 64 + digit()? * 8 + digit()?
                }
                _ => return None,
            });
        }
        Some(Self(bytes))
    }
}

impl From<&str> for RepoPath {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) if !text.chars().any(|c| c.is_control() || c == '"' || c == '\\') => f.write_str(text),
            _ => {
                f.write_str("\"")?;
                for byte in &self.0 {
                    match byte {
                        b'"' | b'\\' => write!(f, "\\{}", char::from(*byte))?,
                        b'\t' => f.write_str("\\t")?,
                        b'\n' => f.write_str("\\n")?,
                        b'\r' => f.write_str("\\r")?,
                        0x20..=0x7e => write!(f, "{}", char::from(*byte))?,
                        _ => write!(f, "\\{byte:03o}")?,
                    }
                }
                f.write_str("\"")
            }
        }
    }
}

impl Serialize for RepoPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RepoPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_quoted(text.as_bytes()).ok_or_else(|| de::Error::custom(format!("broken quoting in path {text}")))
    }
}

impl JsonSchema for RepoPath {
    fn schema_name() -> Cow<'static, str> {
        "RepoPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "description": "a path inside the repository; quoted as git quotes it where it is not plain text"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_come_back_from_their_text(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let path = RepoPath::new(bytes);
            prop_assert_eq!(RepoPath::from_quoted(path.to_string().as_bytes()), Some(path));
        }
    }
}
