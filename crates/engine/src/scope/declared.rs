//! Scopes as tasks and policy declare them: lists of globs.

use std::sync::OnceLock;

use tollhouse_core::RepoPath;

use super::automaton::Automaton;
use super::meet::meet;
use super::path::Search;
use super::within::beyond;
use crate::policy::{expression_of, is_literal, literal_prefix};

/// What a list of globs matches, ready to be compared with others. Made once and asked often: each glob is compiled when
/// something is asked of it that its first letters do not answer.
///
/// ```
/// # use tollhouse_engine::scope::{Inclusion, Scope, overlap};
/// let scope = |glob: &str| Scope::compile(&[glob.to_owned()]);
/// let meeting = overlap(&scope("src/**/test_*.rs"), &scope("src/client/*")).unwrap();
/// assert_eq!(meeting.witness.unwrap().to_string(), "src/client/test_.rs");
/// assert_eq!(overlap(&scope("**/*.rs"), &scope("docs/**/*.md")), None);
/// assert_eq!(scope("src/{a,b}/*.rs").within(&scope("src/**")), Inclusion::Within);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Scope(Vec<Declared>);

/// One glob of a scope.
#[derive(Debug, Clone)]
struct Declared {
    glob: String,
    /// `None` where the glob cannot be read.
    automaton: OnceLock<Option<Automaton>>,
}

/// Where two scopes meet: a glob of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// The glob of the first.
    pub glob: String,
    /// The glob of the other.
    pub other: String,
    /// The shortest path that both match. `None` where they only may meet: one cannot be read, or to say for certain
    /// would take too long.
    pub witness: Option<RepoPath>,
}

/// Whether one scope lies within another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inclusion {
    /// Every path of the one is a path of the other.
    Within,
    /// Not so: the one matches this path and the other does not. No such path is shorter, of the same glob.
    Beyond(RepoPath),
    /// A glob cannot be read, or to say would take too long.
    Unknown,
}

/// Where two scopes meet: in the first pair of globs, in the order of their lists, that a path might exist for. No globs
/// match no path.
///
/// A glob that cannot be read might match whatever begins as it does, and so might one whose automaton would grow too large:
/// braces more than a hundred deep, a thousand bytes of nothing but `*`. Where the search itself takes too long, they may meet.
pub fn overlap(a: &Scope, b: &Scope) -> Option<Meeting> {
    let mut pairs = a.0.iter().flat_map(|one| b.0.iter().map(move |other| (one, other)));
    pairs.find_map(|(one, other)| one.meeting(other))
}

impl Scope {
    /// Takes globs as policy does; see [`glob_problem`](crate::policy::glob_problem) for those that cannot be read.
    pub fn compile(globs: &[String]) -> Self {
        let declared = |glob: &String| Declared { glob: glob.clone(), automaton: OnceLock::new() };
        Self(globs.iter().map(declared).collect())
    }

    /// Whether every path that this matches is one that some glob of the other matches.
    pub fn within(&self, other: &Self) -> Inclusion {
        let mut unknown = false;
        for declared in &self.0 {
            match declared.within(other) {
                Inclusion::Within => {}
                Inclusion::Unknown => unknown = true,
                found @ Inclusion::Beyond(_) => return found,
            }
        }
        if unknown { Inclusion::Unknown } else { Inclusion::Within }
    }
}

impl Declared {
    fn automaton(&self) -> Option<&Automaton> {
        self.automaton.get_or_init(|| expression_of(&self.glob).and_then(|text| Automaton::of(&text))).as_ref()
    }

    fn meeting(&self, other: &Self) -> Option<Meeting> {
        if !begin_alike(&self.glob, &other.glob) {
            return None;
        }
        let meeting = |witness| Meeting { glob: self.glob.clone(), other: other.glob.clone(), witness };
        let (Some(one), Some(other)) = (self.automaton(), other.automaton()) else { return Some(meeting(None)) };
        match meet(one, other) {
            Search::Found(path) => Some(meeting(Some(path))),
            Search::GivenUp => Some(meeting(None)),
            Search::Nothing => None,
        }
    }

    fn within(&self, scope: &Scope) -> Inclusion {
        let Some(automaton) = self.automaton() else { return Inclusion::Unknown };
        // No other can match what this one does.
        let near = || scope.0.iter().filter(|other| begin_alike(&self.glob, &other.glob));
        if near().any(|other| other.glob == self.glob) {
            return Inclusion::Within;
        }
        let others: Vec<&Automaton> = near().filter_map(Self::automaton).collect();
        match beyond(automaton, &others) {
            Search::Nothing => Inclusion::Within,
            Search::Found(path) if others.len() == near().count() => Inclusion::Beyond(path),
            Search::Found(_) | Search::GivenUp => Inclusion::Unknown,
        }
    }
}

/// Whether what two globs begin with lets them match one path: all of a name, and what stands before the first wildcard.
fn begin_alike(one: &str, other: &str) -> bool {
    match (is_literal(one), is_literal(other)) {
        (true, true) => one == other,
        (true, false) => one.starts_with(literal_prefix(other)),
        (false, true) => other.starts_with(literal_prefix(one)),
        (false, false) => {
            let (one, other) = (literal_prefix(one), literal_prefix(other));
            one.starts_with(other) || other.starts_with(one)
        }
    }
}
