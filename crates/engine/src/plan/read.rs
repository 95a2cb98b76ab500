//! Typed reading of a tree of values: every call says what it expects, and tells what it finds instead.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use tollhouse_core::Span;
use tollhouse_core::spec::Program;

use super::nearest::{did_you_mean, nearest, quoted};
use super::node::{Entry, Node, Value};
use super::problem::{Place, Problems};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A value of a table or list.
pub(super) struct Field<'a> {
    node: &'a Node,
    pub(super) place: Place,
}

impl<'a> Field<'a> {
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node, place: Place { at: node.at, pointer: String::new() } }
    }

    fn mismatch<T>(&self, expected: &str, problems: &mut Problems) -> Option<T> {
        problems.wrong(&self.place, format!("expected {expected}, found {}", self.node.value.kind()), ());
        None
    }

    pub(super) fn at<T>(self, value: T) -> At<T> {
        At { value, place: self.place }
    }

    /// Text without NUL, which no file name, argument or variable can hold.
    pub(super) fn text(&self, problems: &mut Problems) -> Option<String> {
        match &self.node.value {
            Value::Text(text) if text.contains('\0') => {
                problems.wrong(&self.place, "text that holds a NUL character", "take the character out");
                None
            }
            Value::Text(text) => Some(text.clone()),
            _ => self.mismatch("text", problems),
        }
    }

    /// Text that is more than blanks.
    pub(super) fn words(&self, problems: &mut Problems) -> Option<String> {
        let text = self.text(problems)?;
        if text.trim().is_empty() {
            problems.wrong(&self.place, "empty text", ());
            return None;
        }
        Some(text)
    }

    pub(super) fn flag(&self, problems: &mut Problems) -> Option<bool> {
        match self.node.value {
            Value::Flag(flag) => Some(flag),
            _ => self.mismatch("true or false", problems),
        }
    }

    pub(super) fn count(&self, range: RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
        let (low, high) = (range.start(), range.end());
        let Value::Whole(number) = &self.node.value else {
            return self.mismatch(&format!("a whole number from {low} to {high}"), problems);
        };
        let found = u64::try_from(*number).ok().filter(|count| range.contains(count));
        if found.is_none() {
            problems.wrong(&self.place, format!("{number} is out of range"), format!("from {low} to {high}"));
        }
        found
    }

    pub(super) fn count_u32(&self, range: RangeInclusive<u32>, problems: &mut Problems) -> Option<u32> {
        let range = u64::from(*range.start())..=u64::from(*range.end());
        self.count(range, problems).and_then(|count| u32::try_from(count).ok())
    }

    /// A length of time, longer than none and no longer than `longest`.
    pub(super) fn span(&self, longest: Span, problems: &mut Problems) -> Option<Span> {
        const HINT: &str = "write it like \"90s\", \"10m\" or \"1h30m\"";
        let Value::Text(text) = &self.node.value else {
            let found = self.node.value.kind();
            problems.wrong(&self.place, format!("expected a length of time as text, found {found}"), HINT);
            return None;
        };
        let Some(span) = Span::parse(text) else {
            problems.wrong(&self.place, format!("{} is no length of time", quoted(text)), HINT);
            return None;
        };
        if span == Span::default() || span > longest {
            let days = longest.as_millis() / 86_400_000;
            problems.wrong(&self.place, format!("{text} is out of range"), format!("more than 0s, at most {days}d"));
            return None;
        }
        Some(span)
    }

    pub(super) fn is_table(&self) -> bool {
        matches!(&self.node.value, Value::Table(_))
    }

    pub(super) fn is_empty_list(&self) -> bool {
        matches!(&self.node.value, Value::List(items) if items.is_empty())
    }

    pub(super) fn items(&self, problems: &mut Problems) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else { return self.mismatch("a list", problems) };
        let fields = items
            .iter()
            .enumerate()
            .map(|(index, node)| Field { node, place: self.place.child(node.at, &index.to_string()) });
        Some(fields.collect())
    }

    /// A list of texts, each more than blanks. A wrong item is told and left out.
    pub(super) fn word_list(&self, problems: &mut Problems) -> Option<Vec<At<String>>> {
        let items = self.items(problems)?;
        let word = |field: Field<'a>| field.words(problems).map(|text| field.at(text));
        Some(items.into_iter().filter_map(word).collect())
    }

    /// One text, or a list of them, each more than blanks.
    pub(super) fn word_or_list(self, problems: &mut Problems) -> Vec<At<String>> {
        match &self.node.value {
            Value::List(_) => self.word_list(problems).unwrap_or_default(),
            Value::Text(_) => self.words(problems).map(|text| self.at(text)).into_iter().collect(),
            _ => self.mismatch("text, or a list of texts", problems).unwrap_or_default(),
        }
    }

    /// A program with its arguments. The first word is more than blanks.
    pub(super) fn argv(&self, problems: &mut Problems) -> Option<Vec<String>> {
        let before = problems.len();
        let items = self.items(problems)?;
        let words: Vec<String> = items.iter().filter_map(|item| item.text(problems)).collect();
        if problems.len() > before {
            return None;
        }
        if words.first().is_none_or(|program| program.trim().is_empty()) {
            problems.wrong(&self.place, "a command without a program", "name one: [\"program\", \"argument\"]");
            return None;
        }
        Some(words)
    }

    /// A line for the shell, or a program with its arguments.
    pub(super) fn program(&self, problems: &mut Problems) -> Option<Program> {
        match &self.node.value {
            Value::Text(_) => self.words(problems).map(Program::Shell),
            Value::List(_) => self.argv(problems).map(Program::Argv),
            _ => self.mismatch("a command, as text or as a list", problems),
        }
    }

    pub(super) fn table(&self, problems: &mut Problems) -> Option<Table<'a>> {
        match &self.node.value {
            Value::Table(entries) => Some(Table { entries, place: self.place.clone() }),
            _ => self.mismatch("a table", problems),
        }
    }

    /// A table of texts.
    pub(super) fn text_map(&self, problems: &mut Problems) -> Option<BTreeMap<String, At<String>>> {
        let table = self.table(problems)?;
        let mut map = BTreeMap::new();
        for (key, _, field) in table.fields() {
            if let Some(text) = field.text(problems) {
                map.insert(key.to_owned(), field.at(text));
            }
        }
        Some(map)
    }
}

/// A table with its place.
pub(super) struct Table<'a> {
    entries: &'a [Entry],
    pub(super) place: Place,
}

impl<'a> Table<'a> {
    /// Tells every key that is none of `known`; those of `later` are promised, and refused until they are there.
    pub(super) fn expect_keys(&self, known: &[&str], later: &[&str], problems: &mut Problems) {
        for entry in self.entries {
            let (key, place) = (entry.key.as_str(), self.place.child(entry.at, &entry.key));
            if later.contains(&key) {
                not_yet(&format!("the key `{key}`"), &place, problems);
            } else if !known.contains(&key) {
                unknown_key(key, known, &place, problems);
            }
        }
    }

    pub(super) fn field(&self, key: &str) -> Option<Field<'a>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(Field { node: &entry.node, place: self.place.child(entry.node.at, key) })
    }

    /// Whether a key is not there, nor an unknown one that was probably meant to be it.
    pub(super) fn lacks(&self, key: &str, known: &[&str]) -> bool {
        let meant = |entry: &Entry| {
            entry.key == key
                || !known.contains(&entry.key.as_str()) && nearest(&entry.key, known.iter().copied()) == Some(key)
        };
        !self.entries.iter().any(meant)
    }

    /// Every key with its place, and its value.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&'a str, Place, Field<'a>)> + '_ {
        self.entries.iter().map(|entry| {
            let field = Field { node: &entry.node, place: self.place.child(entry.node.at, &entry.key) };
            (entry.key.as_str(), self.place.child(entry.at, &entry.key), field)
        })
    }
}

/// Tells a key that nobody knows.
pub(super) fn unknown_key(key: &str, known: &[&str], place: &Place, problems: &mut Problems) {
    let hint = did_you_mean(key, known.iter().copied()).unwrap_or_else(|| format!("known here: {}", known.join(", ")));
    problems.wrong(place, format!("unknown key {}", quoted(key)), hint);
}

/// Tells that something is promised, and not there yet.
pub(super) fn not_yet(what: &str, place: &Place, problems: &mut Problems) {
    problems.wrong(place, format!("{what} is not yet supported"), "take it out; it would have no effect");
}
