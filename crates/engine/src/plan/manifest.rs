//! TOML or JSON that somebody else defined, as `Cargo.toml` or `package.json`: what stands at a path of keys.

use super::node::{self, Node, Value};
use super::problem::{Problems, Source};

/// A text that is TOML or JSON from its beginning to its end.
///
/// ```
/// # use tollhouse_engine::plan::{Manifest, Source};
/// let manifest = Manifest::read(&Source::new("Cargo.toml", "[package]\nname = \"parser\"")).unwrap();
/// assert_eq!(manifest.text(&["package", "name"]), Some("parser"));
/// assert!(!manifest.has(&["workspace"]));
/// ```
#[derive(Debug, Clone)]
pub struct Manifest {
    root: Node,
}

impl Manifest {
    /// Reads a text; `None` where it is broken.
    pub fn read(source: &Source) -> Option<Self> {
        let mut problems = Problems::default();
        let root = node::read(source, &mut problems);
        problems.is_empty().then_some(Self { root })
    }

    /// Whether anything stands there.
    pub fn has(&self, path: &[&str]) -> bool {
        self.at(path).is_some()
    }

    /// The text there.
    pub fn text(&self, path: &[&str]) -> Option<&str> {
        as_text(self.at(path)?)
    }

    /// The texts of the list there.
    pub fn texts(&self, path: &[&str]) -> Vec<&str> {
        match self.at(path) {
            Some(Value::List(items)) => items.iter().filter_map(|item| as_text(&item.value)).collect(),
            _ => Vec::new(),
        }
    }

    /// The keys of the table there whose values are texts, with these, in the order of the text.
    pub fn entries(&self, path: &[&str]) -> Vec<(&str, &str)> {
        match self.at(path) {
            Some(Value::Table(entries)) => {
                entries.iter().filter_map(|entry| Some((entry.key.as_str(), as_text(&entry.node.value)?))).collect()
            }
            _ => Vec::new(),
        }
    }

    fn at(&self, path: &[&str]) -> Option<&Value> {
        let mut value = &self.root.value;
        for key in path {
            let Value::Table(entries) = value else { return None };
            value = &entries.iter().find(|entry| entry.key == *key)?.node.value;
        }
        Some(value)
    }
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_text_is_no_manifest() {
        for (file, text) in [("package.json", "{"), ("package.json", ""), ("Cargo.toml", "[package]\nname =\n")] {
            assert!(Manifest::read(&Source::new(file, text)).is_none(), "{file} {text:?}");
        }
    }

    #[test]
    fn what_is_of_another_kind_is_not_there() {
        let text = "{\"scripts\": {\"test\": \"x\", \"n\": 1}, \"list\": [\"a\", 1, \"b\"]}";
        let manifest = Manifest::read(&Source::new("package.json", text)).unwrap();
        assert_eq!(manifest.entries(&["scripts"]), [("test", "x")]);
        assert_eq!(manifest.texts(&["list"]), ["a", "b"]);
        assert_eq!(manifest.text(&["scripts"]), None);
        assert!(manifest.has(&["scripts", "n"]) && !manifest.has(&["scripts", "n", "m"]));
    }
}
