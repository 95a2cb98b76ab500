//! One level of policy as it is written, and whether it widens the ones above.

use tollhouse_core::spec::PolicySpec;

use super::check;
use super::nearest::quoted;
use super::problem::Problems;
use super::read::{At, Table};
use crate::policy::{Globs, is_literal};
use crate::scope::{Inclusion, Scope, overlap};

/// The keys of a level.
const KEYS: [&str; 4] = ["write", "forbid", "max_files_changed", "max_lines_changed"];

/// Promised, and not there yet.
const LATER: [&str; 7] =
    ["require", "binary", "require_tests_for", "require_issue_ref", "reviewers", "max_bytes", "allow_binary"];

/// A larger limit limits nothing.
const LIMIT_MAX: u64 = 1_000_000_000;

/// A level of policy, with places.
#[derive(Debug, Clone, Default)]
pub(super) struct PolicyDraft {
    /// Which level it is and where it stands.
    pub(super) source: String,
    pub(super) write: Option<Vec<At<String>>>,
    forbid: Vec<At<String>>,
    max_files_changed: Option<At<u64>>,
    max_lines_changed: Option<At<u64>>,
}

impl PolicyDraft {
    /// Reads a `[policy]` table.
    pub(super) fn read(table: &Table<'_>, source: String, problems: &mut Problems) -> Self {
        table.expect_keys(&KEYS, &LATER, problems);
        let mut limit = |key: &str| {
            let field = table.field(key)?;
            field.count(1..=LIMIT_MAX, problems).map(|limit| field.at(limit))
        };
        let (max_files_changed, max_lines_changed) = (limit("max_files_changed"), limit("max_lines_changed"));
        let write = table.field("write").and_then(|field| check::write_globs(&field, problems));
        let forbid = table.field("forbid").and_then(|field| check::globs(&field, problems)).unwrap_or_default();
        Self { source, write, forbid, max_files_changed, max_lines_changed }
    }

    /// A level that only says what may be written.
    pub(super) fn of_write(source: String, write: Vec<At<String>>) -> Self {
        Self { source, write: Some(write), ..Self::default() }
    }

    pub(super) fn spec(&self) -> PolicySpec {
        let texts = |globs: &[At<String>]| globs.iter().map(|glob| glob.value.clone()).collect();
        PolicySpec {
            source: self.source.clone(),
            write: self.write.as_deref().map(texts),
            forbid: texts(&self.forbid),
            max_files_changed: self.max_files_changed.as_ref().map(|limit| limit.value),
            max_lines_changed: self.max_lines_changed.as_ref().map(|limit| limit.value),
        }
    }

    /// Tells where this level asks for more than one of the `levels` above it gives.
    pub(super) fn tell_widening(&self, levels: &Levels<'_>, problems: &mut Problems) {
        levels.tell_limit(
            "max_files_changed",
            self.max_files_changed.as_ref(),
            |level| level.max_files_changed,
            problems,
        );
        levels.tell_limit(
            "max_lines_changed",
            self.max_lines_changed.as_ref(),
            |level| level.max_lines_changed,
            problems,
        );
        for glob in self.write.iter().flatten() {
            if let Some((message, hint)) = levels.refusal(&glob.value) {
                problems.wrong(&glob.place, message, hint);
            }
        }
    }
}

/// Levels of policy, compiled to be asked by many tasks.
pub(super) struct Levels<'a>(Vec<Level<'a>>);

struct Level<'a> {
    spec: &'a PolicySpec,
    write: Option<(&'a [String], Scope)>,
    forbid: Globs,
}

impl<'a> Levels<'a> {
    pub(super) fn new(levels: impl IntoIterator<Item = &'a PolicySpec>) -> Self {
        let level = |spec: &'a PolicySpec| {
            let write = spec.write.as_deref().map(|globs| (globs, Scope::compile(globs)));
            Level { spec, write, forbid: Globs::new(&spec.forbid) }
        };
        Self(levels.into_iter().map(level).collect())
    }

    fn tell_limit(
        &self,
        key: &str,
        limit: Option<&At<u64>>,
        of: fn(&PolicySpec) -> Option<u64>,
        problems: &mut Problems,
    ) {
        let Some(limit) = limit else { return };
        for level in self.0.iter().map(|level| level.spec) {
            if let Some(above) = of(level).filter(|above| *above < limit.value) {
                let message = format!("{key} {} widens the {above} of {}", limit.value, level.source);
                problems.wrong(&limit.place, message, format!("at most {above}"));
                return;
            }
        }
    }

    /// Why a glob asks for what these levels do not give, and how to mend it. What a level forbids is no reason as long as
    /// that shows only when globs are compared: `write` says what a task is about, and `forbid` what is taken out of it.
    fn refusal(&self, glob: &str) -> Option<(String, String)> {
        let asked = Scope::compile(&[glob.to_owned()]);
        for Level { spec, write, forbid } in &self.0 {
            let source = &spec.source;
            if let Some((globs, write)) = write
                && let Some(how) = widens(&asked, write)
            {
                let message = format!("write {} widens the write of {source}{how}", quoted(glob));
                return Some((message, format!("it allows {}", show(globs))));
            }
            let named = is_literal(glob) && forbid.matches(&glob.into());
            if named || spec.forbid.iter().any(|forbidden| forbidden == glob) {
                let message = format!("write {} is forbidden by {source}", quoted(glob));
                return Some((message, format!("it forbids {}", show(&spec.forbid))));
            }
        }
        None
    }
}

/// Reads one limit of a level.
type LimitOf = fn(&PolicySpec) -> Option<u64>;

/// Where a level asks for more than the `levels` above it give, in words.
pub(crate) fn widening(levels: &[PolicySpec], own: &PolicySpec) -> Vec<String> {
    let above = Levels::new(levels);
    let mut told = Vec::new();
    let limits: [(&str, LimitOf); 2] = [
        ("max_files_changed", |level| level.max_files_changed),
        ("max_lines_changed", |level| level.max_lines_changed),
    ];
    for (key, of) in limits {
        let asked = of(own);
        let tighter = levels.iter().find(|level| of(level).is_some_and(|above| asked.is_some_and(|own| own > above)));
        if let (Some(asked), Some(level)) = (asked, tighter) {
            told.push(format!("{key} {asked} widens that of {}", level.source));
        }
    }
    let refusals = own.write.iter().flatten().filter_map(|glob| above.refusal(glob));
    told.extend(refusals.map(|(message, hint)| format!("{message}; {hint}")));
    told
}

/// Whether what is asked for goes beyond what is given, as far as that can be said; where the two meet, with a path that
/// is not given.
fn widens(asked: &Scope, given: &Scope) -> Option<String> {
    match (asked.within(given), overlap(asked, given)) {
        (Inclusion::Within, _) | (Inclusion::Unknown, Some(_)) => None,
        (Inclusion::Beyond(path), Some(_)) => Some(format!(", as with {}", quoted(&path.to_string()))),
        (Inclusion::Beyond(_) | Inclusion::Unknown, None) => Some(String::new()),
    }
}

fn show(globs: &[String]) -> String {
    let shown: Vec<String> = globs.iter().take(5).map(|glob| quoted(glob)).collect();
    shown.join(", ") + if globs.len() > 5 { ", …" } else { "" }
}

/// Which level it is and where it stands, as in `project (tollhouse.toml:12)`.
pub(super) fn source_of(level: &str, file: &str, line: Option<usize>) -> String {
    line.map_or_else(|| format!("{level} ({file})"), |line| format!("{level} ({file}:{line})"))
}

/// A level of a file that does not speak of it.
pub(super) fn absent_level(level: &str, file: &str) -> PolicyDraft {
    PolicyDraft { source: source_of(level, file, None), ..PolicyDraft::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tollhouse_core::RepoPath;

    fn globs() -> impl Strategy<Value = Vec<String>> {
        let glob = "(\\*\\*/)?(a|b|\\*|\\?|a\\*|\\{a,b\\}|\\[!a\\])(/(a|b|\\*|\\?a|\\{a,b/a\\})){0,2}(/\\*\\*)?|\\*\\*";
        proptest::collection::vec(glob, 1..4)
    }

    proptest! {
        #[test]
        fn what_no_level_refuses_is_allowed_by_all_of_them(
            levels in proptest::collection::vec((globs(), globs()), 1..3),
            asked in globs(),
            paths in proptest::collection::vec("[ab]{1,2}(/[ab]{1,2}){0,3}", 1..20),
        ) {
            let spec = |(write, forbid): (Vec<String>, Vec<String>)| PolicySpec {
                source: "project".to_owned(),
                write: Some(write),
                forbid,
                max_files_changed: None,
                max_lines_changed: None,
            };
            let specs: Vec<PolicySpec> = levels.into_iter().map(spec).collect();
            let levels = Levels::new(&specs);
            for glob in asked.iter().filter(|glob| levels.refusal(glob).is_none()) {
                let own = Globs::new([glob]);
                for path in paths.iter().map(|path| RepoPath::from(path.as_str())).filter(|path| own.matches(path)) {
                    for allowed in specs.iter().flat_map(|spec| &spec.write) {
                        prop_assert!(Globs::new(allowed).matches(&path), "{} {}", glob, path);
                    }
                }
            }
        }
    }
}
