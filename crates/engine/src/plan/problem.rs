//! What is wrong with a plan or a configuration, and where: every problem at once, each with its place.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More problems of one source are counted, not told: nobody mends a thousand at once.
const TOLD_MAX: usize = 1000;

/// A text that somebody wrote, and the name it goes by in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name of the file, as people know it. One that ends in `.json` holds JSON, any other TOML.
    pub file: String,
    /// What it holds.
    pub text: String,
}

impl Source {
    /// A text and the name of the file that it came from.
    pub fn new(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self { file: file.into(), text: text.into() }
    }

    pub(super) fn is_json(&self) -> bool {
        self.file.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("json"))
    }

    /// The name of the file, without folder and extension.
    pub(super) fn stem(&self) -> &str {
        let name = self.file.rsplit(['/', '\\']).next().unwrap_or_default();
        name.split_once('.').map_or(name, |(stem, _)| stem)
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The file's name, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters, from 1.
    pub column: u32,
    /// The JSON pointer of the value; empty for the whole document.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// How to mend it, where that can be told.
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
    }
}

/// Where a value stands in its source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Bytes from the start of the text.
    pub(super) at: usize,
    /// Its JSON pointer.
    pub(super) pointer: String,
}

impl Place {
    /// The place of a value inside this one.
    pub(super) fn child(&self, at: usize, key: &str) -> Self {
        let key = key.replace('~', "~0").replace('/', "~1");
        Self { at, pointer: format!("{}/{key}", self.pointer) }
    }
}

/// Where the lines of a text begin.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(breaks).collect() }
    }

    /// The line, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at).max(1)
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }
}

/// What a problem is about. A text that could not be read to its end makes some of them doubtful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grounds {
    /// The text is not TOML or JSON here.
    Syntax,
    /// Something that stands there is wrong.
    Present,
    /// Something is not there; it may stand where the text could not be read.
    Absent,
}

#[derive(Debug, Clone)]
struct Found {
    place: Place,
    grounds: Grounds,
    message: String,
    hint: Option<String>,
}

/// The problems of one source, while it is read.
#[derive(Debug, Clone, Default)]
pub(super) struct Problems {
    found: Vec<Found>,
}

impl Problems {
    /// The text is not TOML or JSON here.
    pub(super) fn syntax(&mut self, at: usize, message: impl Into<String>) {
        let place = Place { at, pointer: String::new() };
        self.push(place, Grounds::Syntax, message.into(), None);
    }

    /// Something that stands there is wrong.
    pub(super) fn wrong(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<Hint>) {
        self.push(place.clone(), Grounds::Present, message.into(), hint.into().0);
    }

    /// Something that must be there is not.
    pub(super) fn absent(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<Hint>) {
        self.push(place.clone(), Grounds::Absent, message.into(), hint.into().0);
    }

    fn push(&mut self, place: Place, grounds: Grounds, message: String, hint: Option<String>) {
        self.found.push(Found { place, grounds, message, hint });
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The problems in the order of the text, at most a thousand; one more says how many others there are. Where the syntax is
    /// broken, what may only follow from that is left out.
    pub(super) fn finish(&self, source: &Source) -> Vec<Problem> {
        let lines = Lines::new(&source.text);
        let broken: BTreeSet<usize> = self.of(Grounds::Syntax).map(|found| lines.line(found.place.at)).collect();
        let mut kept: Vec<&Found> = self
            .found
            .iter()
            .filter(|found| match found.grounds {
                Grounds::Syntax => true,
                Grounds::Present => !broken.contains(&lines.line(found.place.at)),
                Grounds::Absent => broken.is_empty(),
            })
            .collect();
        kept.sort_by_key(|found| found.place.at);
        // One line's first syntax error is the cause of its others.
        kept.dedup_by(|next, before| {
            let both_syntax = next.grounds == Grounds::Syntax && before.grounds == Grounds::Syntax;
            both_syntax && lines.line(next.place.at) == lines.line(before.place.at)
        });
        let left_out = kept.split_off(kept.len().min(TOLD_MAX));
        let rest = left_out.first().map(|next| Found {
            place: Place { at: next.place.at, pointer: String::new() },
            grounds: next.grounds,
            message: format!("{} more problems from here on", left_out.len()),
            hint: Some("mend the ones above first".to_owned()),
        });
        let mut columns = Columns { text: &source.text, line: 0, at: 0, column: 1 };
        kept.into_iter()
            .chain(&rest)
            .map(|found| {
                let line = lines.line(found.place.at);
                let column = columns.column(line, lines.start(line), found.place.at);
                Problem {
                    file: source.file.clone(),
                    line: u32::try_from(line).unwrap_or(u32::MAX),
                    column,
                    pointer: found.place.pointer.clone(),
                    message: found.message.clone(),
                    hint: found.hint.clone(),
                }
            })
            .collect()
    }

    fn of(&self, grounds: Grounds) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(move |found| found.grounds == grounds)
    }
}

/// Counts characters from one place to the next, so that a file of one long line is walked once.
struct Columns<'a> {
    text: &'a str,
    line: usize,
    at: usize,
    column: u32,
}

impl Columns<'_> {
    fn column(&mut self, line: usize, start: usize, at: usize) -> u32 {
        if line != self.line {
            (self.line, self.at, self.column) = (line, start, 1);
        }
        let at = self.text.floor_char_boundary(at).max(self.at);
        let passed = self.text.get(self.at..at).map_or(0, |text| text.chars().filter(|c| *c != '\u{feff}').count());
        self.at = at;
        self.column = self.column.saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
        self.column
    }
}

/// How to mend something; `()` where that cannot be told.
pub(super) struct Hint(Option<String>);

impl From<()> for Hint {
    fn from((): ()) -> Self {
        Self(None)
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self(Some(text))
    }
}

impl From<Option<String>> for Hint {
    fn from(text: Option<String>) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(text: &str, at: usize) -> (u32, u32) {
        let mut problems = Problems::default();
        problems.syntax(at, "x");
        let found = problems.finish(&Source::new("a.toml", text));
        (found[0].line, found[0].column)
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(position("a\n é = 1", 6), (2, 4));
        assert_eq!(position("a\r\nb", 3), (2, 1));
        assert_eq!(position("\u{feff}a", 3), (1, 1));
    }

    #[test]
    fn a_place_beyond_the_text_is_its_end() {
        assert_eq!(position("ab", 99), (1, 3));
        assert_eq!(position("", 99), (1, 1));
        assert_eq!(position("é", 1), (1, 1));
    }

    #[test]
    fn what_is_absent_is_not_told_where_the_syntax_is_broken() {
        let mut problems = Problems::default();
        problems.absent(&Place::default(), "no tasks", ());
        problems.wrong(&Place { at: 2, pointer: String::new() }, "wrong", ());
        assert_eq!(problems.finish(&Source::new("a", "x\ny")).len(), 2);
        problems.syntax(0, "broken");
        let told: Vec<_> = problems.finish(&Source::new("a", "x\ny")).into_iter().map(|p| p.message).collect();
        assert_eq!(told, ["broken", "wrong"]);
    }

    #[test]
    fn very_many_problems_are_counted() {
        let mut problems = Problems::default();
        for at in 0..1500 {
            problems.wrong(&Place { at, pointer: String::new() }, format!("wrong {at}"), ());
        }
        let told = problems.finish(&Source::new("a", "x".repeat(1500)));
        let [.., last, rest] = told.as_slice() else { panic!("there are many") };
        assert_eq!((told.len(), last.message.as_str()), (1001, "wrong 999"));
        assert_eq!((rest.column, rest.message.as_str()), (1001, "500 more problems from here on"));
    }

    #[test]
    fn a_file_is_named_by_its_stem() {
        assert_eq!(Source::new("plans/retry.plan.toml", "").stem(), "retry");
        assert!(Source::new("a.JSON", "").is_json());
        assert!(!Source::new("json", "").is_json());
    }
}
