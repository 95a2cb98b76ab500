//! Which tasks are never under way together.

use tollhouse_core::spec::TaskSpec;

use crate::scope::{Meeting, Scope, overlap};

/// Whether a path might exist that a glob of `a` and a glob of `b` match: exactly where both can be read, see
/// [`overlap`]. No globs match no path.
///
/// ```
/// # use tollhouse_engine::plan::scopes_may_overlap;
/// let scope = |glob: &str| vec![glob.to_owned()];
/// assert!(!scopes_may_overlap(&scope("**/*.rs"), &scope("src/*.md")));
/// assert!(scopes_may_overlap(&scope("src/**"), &scope("**/lib.rs")));
/// ```
pub fn scopes_may_overlap(a: &[String], b: &[String]) -> bool {
    overlap(&Scope::compile(a), &Scope::compile(b)).is_some()
}

/// Why two tasks are never under way together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clash {
    /// They share a conflict group.
    Group(String),
    /// A path might exist that both may write.
    Scope(Meeting),
}

/// Whether two tasks may not be under way together. One that declares no scope is no reason for others to wait.
pub fn clash(task: &TaskSpec, other: &TaskSpec) -> Option<Clash> {
    Claim::of(task).clash(&Claim::of(other))
}

/// What a task keeps others from while it is under way: made once where one task is held against many.
#[derive(Debug)]
pub(crate) struct Claim<'t> {
    group: Option<&'t String>,
    scope: Scope,
}

impl<'t> Claim<'t> {
    pub(crate) fn of(task: &'t TaskSpec) -> Self {
        let globs = task.policy.as_ref().and_then(|policy| policy.write.as_deref());
        Self { group: task.conflict_group.as_ref(), scope: Scope::compile(globs.unwrap_or_default()) }
    }

    pub(crate) fn clash(&self, other: &Self) -> Option<Clash> {
        match self.group {
            Some(group) if other.group == Some(group) => Some(Clash::Group(group.clone())),
            _ => overlap(&self.scope, &other.scope).map(Clash::Scope),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_overlap(one: &str, other: &str) -> bool {
        scopes_may_overlap(&[one.to_owned()], &[other.to_owned()])
    }

    #[test]
    fn scopes_meet_only_where_a_path_is_of_both() {
        for (a, b, expected) in [
            ("src/**", "docs/**", false),
            ("src/**", "src/lib.rs", true),
            ("src/*.rs", "src/lib.py", false),
            ("src/a*", "src/b*", false),
            ("src/**", "src2/**", false),
            ("**/*.md", "src/**", true),
            ("**/*.md", "src/*.rs", false),
            ("src/*", "src/*/*", false),
            ("src/*/mod.rs", "src/a/**", true),
            ("{a,b}/**", "{b,c}/x", true),
            ("{a,b}/**", "{c,d}/x", false),
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
}
