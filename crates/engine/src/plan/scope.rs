//! Whether two scopes can meet: a question that may be answered yes too often, and never no wrongly.

use tollhouse_core::RepoPath;
use tollhouse_core::spec::TaskSpec;

use crate::policy::{Globs, is_literal, literal_prefix};

/// Whether a path might exist that a glob of `a` and a glob of `b` match. A glob that is a name is asked of the other;
/// two with wildcards may meet unless what they begin with differs. No globs match no path.
///
/// ```
/// # use tollhouse_engine::plan::scopes_may_overlap;
/// let scope = |glob: &str| vec![glob.to_owned()];
/// assert!(!scopes_may_overlap(&scope("src/client/**"), &scope("docs/**")));
/// assert!(scopes_may_overlap(&scope("src/**"), &scope("src/lib.rs")));
/// ```
pub fn scopes_may_overlap(a: &[String], b: &[String]) -> bool {
    a.iter().any(|one| b.iter().any(|other| may_overlap(one, other)))
}

/// Why two tasks are never under way together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// They share a conflict group.
    Group(String),
    /// A path might exist that both may write: a glob of each.
    Scope(String, String),
}

/// Whether two tasks may not be under way together. One that declares no scope is no reason for others to wait.
pub fn clash(task: &TaskSpec, other: &TaskSpec) -> Option<Clash> {
    if let Some(group) = task.conflict_group.as_ref().filter(|group| other.conflict_group.as_ref() == Some(group)) {
        return Some(Clash::Group(group.clone()));
    }
    let (scope, other) = (scope_of(task), scope_of(other));
    let mut pairs = scope.iter().flat_map(|glob| other.iter().map(move |other| (glob, other)));
    let (glob, other) = pairs.find(|(glob, other)| may_overlap(glob, other))?;
    Some(Clash::Scope(glob.clone(), other.clone()))
}

fn scope_of(task: &TaskSpec) -> &[String] {
    task.policy.as_ref().and_then(|policy| policy.write.as_deref()).unwrap_or_default()
}

fn may_overlap(one: &str, other: &str) -> bool {
    match (is_literal(one), is_literal(other)) {
        (true, true) => one == other,
        (true, false) => may_match(other, one),
        (false, true) => may_match(one, other),
        (false, false) => {
            let (one, other) = (literal_prefix(one), literal_prefix(other));
            one.starts_with(other) || other.starts_with(one)
        }
    }
}

fn may_match(glob: &str, path: &str) -> bool {
    if !path.starts_with(literal_prefix(glob)) {
        return false;
    }
    let globs = Globs::new(&[glob.to_owned()]);
    // What cannot be read might match anything.
    !globs.unreadable.is_empty() || globs.matches(&RepoPath::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn scopes_that_begin_differently_do_not_meet() {
        for (a, b, expected) in [
            ("src/**", "docs/**", false),
            ("src/**", "src/lib.rs", true),
            ("src/*.rs", "src/lib.py", false),
            ("src/a*", "src/b*", false),
            ("src/**", "src2/**", false),
            ("**/*.md", "src/**", true),
            ("a", "a", true),
            ("a", "b", false),
            ("src", "src/**", false),
            ("src/[", "src/a", true),
            ("\\a", "a", true),
        ] {
            assert_eq!(may_overlap(a, b), expected, "{a} {b}");
            assert_eq!(may_overlap(b, a), expected, "{b} {a}");
        }
        assert!(!scopes_may_overlap(&[], &["**".to_owned()]));
    }

    fn path() -> impl Strategy<Value = String> {
        "[ab]{1,2}(/[ab]{1,2}){0,3}"
    }

    fn glob() -> impl Strategy<Value = String> {
        "([ab*?]{1,2}|\\*\\*|\\{a,b\\}|\\[ab\\]|\\\\a)(/([ab*?]{1,2}|\\*\\*|\\{a,b/a\\})){0,3}"
    }

    proptest! {
        #[test]
        fn no_path_that_both_match_is_ruled_out(a in glob(), b in glob(), path in path()) {
            let (one, other) = (Globs::new([&a]), Globs::new([&b]));
            let path = RepoPath::from(path.as_str());
            if one.matches(&path) && other.matches(&path) {
                prop_assert!(scopes_may_overlap(&[a], &[b]));
            }
        }

        #[test]
        fn any_text_is_answered(a: String, b: String) {
            let _ = scopes_may_overlap(&[a], &[b]);
        }
    }
}
