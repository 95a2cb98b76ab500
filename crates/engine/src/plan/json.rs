//! JSON as a tree of values with places: each value is borrowed from the text, so its address says where it stands.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::node::{DEPTH_MAX, Entry, Node, Value};
use super::problem::Problems;

/// Reads a document. A broken one is one problem and an empty table: nothing behind a syntax error is certain.
pub(super) fn read(text: &str, problems: &mut Problems) -> Node {
    let nothing = Node { at: 0, value: Value::Table(Vec::new()) };
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_json::from_str::<&RawValue>(bare) {
        Ok(raw) => Reader { text, problems }.node(raw, 0).unwrap_or(nothing),
        Err(error) => {
            problems.syntax(text.len() - bare.len() + place_of(&error, bare), describe(&error));
            nothing
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    problems: &'a mut Problems,
}

impl<'a> Reader<'a> {
    fn at(&self, raw: &RawValue) -> usize {
        // Borrowed from the text, so its address lies within.
        raw.get().as_ptr().addr().saturating_sub(self.text.as_ptr().addr())
    }

    /// `None` where it cannot be read; the problem is told.
    fn node(&mut self, raw: &'a RawValue, depth: usize) -> Option<Node> {
        let at = self.at(raw);
        if depth > DEPTH_MAX {
            self.problems.syntax(at, format!("nested deeper than {DEPTH_MAX} levels"));
            return None;
        }
        let value = match raw.get().as_bytes().first()? {
            b'{' => self.table(raw, depth)?,
            b'[' => {
                let items: Vec<&'a RawValue> = self.parse(raw)?;
                Value::List(items.into_iter().filter_map(|item| self.node(item, depth + 1)).collect())
            }
            b'"' => Value::Text(self.parse(raw)?),
            b't' | b'f' => Value::Flag(self.parse(raw)?),
            b'n' => Value::Null,
            _ => raw.get().parse().map_or(Value::Number, Value::Whole),
        };
        Some(Node { at, value })
    }

    fn table(&mut self, raw: &'a RawValue, depth: usize) -> Option<Value> {
        let Pairs(pairs) = self.parse(raw)?;
        let mut seen = BTreeSet::new();
        let mut entries = Vec::with_capacity(pairs.len());
        for (raw_key, raw_value) in pairs {
            let at = self.at(raw_key);
            let (Some(key), node) = (self.parse::<String>(raw_key), self.node(raw_value, depth + 1)) else { continue };
            if !seen.insert(key.clone()) {
                self.problems.syntax(at, format!("duplicate key `{}`", key.escape_debug()));
            } else if let Some(node) = node {
                entries.push(Entry { key, at, node });
            }
        }
        Some(Value::Table(entries))
    }

    fn parse<T: Deserialize<'a>>(&mut self, raw: &'a RawValue) -> Option<T> {
        match serde_json::from_str(raw.get()) {
            Ok(value) => Some(value),
            Err(error) => {
                let at = self.at(raw) + place_of(&error, raw.get());
                self.problems.syntax(at, describe(&error));
                None
            }
        }
    }
}

/// The entries of an object, in order, duplicates included.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// Where an error stands, in bytes from the start of `text`.
fn place_of(error: &serde_json::Error, text: &str) -> usize {
    let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
    let start: usize = lines.map(str::len).sum();
    text.floor_char_boundary((start + error.column().saturating_sub(1)).min(text.len()))
}

/// The error's words without its place, which stands beside them.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::problem::{Problem, Source};

    fn problems_of(text: &str) -> Vec<Problem> {
        let mut problems = Problems::default();
        read(text, &mut problems);
        problems.finish(&Source::new("a.json", text))
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "\u{feff}{\n  \"é\": [1, {\"b\": null}]\n}";
        let node = read(text, &mut Problems::default());
        let Value::Table(entries) = node.value else { panic!("an object is a table") };
        assert!(text[entries[0].at..].starts_with("\"é\""));
        let Value::List(items) = &entries[0].node.value else { panic!("an array is a list") };
        assert!(text[items[1].at..].starts_with("{\"b\""));
    }

    #[test]
    fn a_duplicate_key_is_a_problem_where_it_stands_again() {
        let found = problems_of("{\"a\": 1,\n \"a\": 2}");
        assert_eq!((found.len(), found[0].line, found[0].column), (1, 2, 2));
        assert_eq!(found[0].message, "duplicate key `a`");
    }

    #[test]
    fn a_hundred_thousand_brackets_are_a_problem_and_no_crash() {
        let text = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(problems_of(&text)[0].message, "nested deeper than 64 levels");
    }

    #[test]
    fn half_a_surrogate_is_a_problem_where_it_stands() {
        let found = problems_of("{\n\"a\": \"\\ud800\"}");
        assert_eq!((found.len(), found[0].line), (1, 2));
    }

    #[test]
    fn a_broken_document_is_one_problem() {
        let found = problems_of("{\"a\": }");
        assert_eq!((found.len(), found[0].line, found[0].column), (1, 1, 7));
    }
}
