//! One tree of values for TOML and JSON, each value with the place where it begins.

use toml::de::{DeTable, DeValue};

use super::json;
use super::problem::{Problems, Source};

/// Deeper nesting is refused: a plan needs a handful of levels.
pub(super) const DEPTH_MAX: usize = 64;

/// A value and where it begins.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Bytes from the start of the text.
    pub(super) at: usize,
    pub(super) value: Value,
}

/// A value, as TOML and JSON have it.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    /// A whole number that fits.
    Whole(i128),
    /// Any other number.
    Number,
    Flag(bool),
    /// A date or a time, which only TOML has.
    Time,
    /// Only JSON has it.
    Null,
    List(Vec<Node>),
    /// In the order of the text.
    Table(Vec<Entry>),
}

impl Value {
    /// What it is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Whole(_) => "a whole number",
            Self::Number => "a number that is not whole, or too large",
            Self::Flag(_) => "true or false",
            Self::Time => "a date or time",
            Self::Null => "null",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// A key of a table and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key begins.
    pub(super) at: usize,
    pub(super) node: Node,
}

/// Reads a source. What is not TOML or JSON is a problem; the tree is what could be read all the same.
pub(super) fn read(source: &Source, problems: &mut Problems) -> Node {
    if source.is_json() { json::read(&source.text, problems) } else { read_toml(&source.text, problems) }
}

fn read_toml(text: &str, problems: &mut Problems) -> Node {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        // An error without a place is about the whole text.
        problems.syntax(error.span().map_or(0, |span| span.start), error.message());
    }
    if errors.is_empty() {
        return Node { at: 0, value: from_table(table.get_ref()) };
    }
    // The parser stops at a key without a value. What stands below it is read by leaving such lines out.
    let patched = without_lines(text, errors.iter().filter_map(toml::de::Error::span).map(|span| span.start));
    let (rest, _) = DeTable::parse_recoverable(&patched);
    Node { at: 0, value: from_table(rest.get_ref()) }
}

/// The text with blanks in place of the lines at `places`, but for headers, so that every other place stays what it is.
fn without_lines(text: &str, places: impl Iterator<Item = usize>) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for place in places {
        let place = place.min(bytes.len());
        let is_break = |byte: &u8| *byte == b'\n';
        let start = bytes[..place].iter().rposition(is_break).map_or(0, |at| at + 1);
        let end = bytes[place..].iter().position(is_break).map_or(bytes.len(), |at| place + at);
        if !bytes[start..end].trim_ascii_start().starts_with(b"[") {
            bytes[start..end].fill(b' ');
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn from_table(table: &DeTable<'_>) -> Value {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            at: key.span().start,
            node: from_value(value.span().start, value.get_ref()),
        })
        .collect();
    entries.sort_by_key(|entry| entry.at);
    Value::Table(entries)
}

// The parser bounds the depth.
fn from_value(at: usize, value: &DeValue<'_>) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            i128::from_str_radix(number.as_str(), number.radix()).map_or(Value::Number, Value::Whole)
        }
        DeValue::Float(_) => Value::Number,
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Time,
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| from_value(item.span().start, item.get_ref())).collect())
        }
        DeValue::Table(table) => from_table(table),
    };
    Node { at, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_below_a_broken_line_is_read() {
        let mut problems = Problems::default();
        let node = read(&Source::new("a.toml", "a = 1\nfoo\nb = 2\n"), &mut problems);
        let Value::Table(entries) = node.value else { panic!("a document is a table") };
        let places: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), entry.at, entry.node.at)).collect();
        assert_eq!(places, [("a", 0, 4), ("b", 10, 14)]);
        assert_eq!(problems.len(), 1);
    }

    #[test]
    fn several_syntax_errors_are_told_at_once() {
        let mut problems = Problems::default();
        let source = Source::new("a.toml", "a = \nb = tru\nc = 1\nfoo\n");
        read(&source, &mut problems);
        let lines: Vec<_> = problems.finish(&source).iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [1, 2, 4]);
    }

    #[test]
    fn keys_stand_in_the_order_of_the_text() {
        let node = read(&Source::new("a.toml", "z = 1\na = 2\n"), &mut Problems::default());
        let Value::Table(entries) = node.value else { panic!("a document is a table") };
        assert_eq!(entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(), ["z", "a"]);
    }
}
