//! The rules, in the order in which verdicts are given: one table, which the documentation shows.

use tollhouse_core::entity::{RuleOutcome, RuleVerdict};

/// Whether a person may let one patch past a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiver {
    /// Nobody may.
    Never,
    /// A person may, for one patch, with a reason.
    ByPerson,
}

/// A rule of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Its stable name.
    pub name: &'static str,
    /// Whether a person may waive it.
    pub waiver: Waiver,
    /// What it asks for, in a sentence.
    pub sentence: &'static str,
}

macro_rules! rules {
    ($($constant:ident, $waiver:ident, $name:literal, $sentence:literal;)*) => {
        $(pub(super) const $constant: Rule = Rule { name: $name, waiver: Waiver::$waiver, sentence: $sentence };)*
        /// Every rule: first those over the patch, then those over the tree that it gives.
        pub const RULES: &[Rule] = &[$($constant),*];
    };
}

rules! {
    OUTSIDE_REPOSITORY, Never, "outside_repository", "Every path lies inside the repository.";
    GIT_DIRECTORY, Never, "git_directory", "No path goes through `.git`, in any spelling that some file system takes for it.";
    UNKNOWN_MODE, Never, "unknown_mode", "Every file is a plain file, an executable, a symbolic link or a submodule.";
    WRITE_SCOPE, ByPerson, "write_scope", "Every path is one that each level's `write` allows.";
    FORBIDDEN_PATH, ByPerson, "forbidden_path", "No path is one that a level's `forbid` names.";
    PROJECT_CONFIG, ByPerson, "project_config", "`tollhouse.toml` stays as it is, unless the project's own `write` names it.";
    NEEDS_PERSON, ByPerson, "needs_person", "Git attributes, submodules and CI configuration stay as they are, unless the project's `write` names them.";
    MAX_FILES_CHANGED, ByPerson, "max_files_changed", "No more files change than the lowest limit allows; a rename counts twice.";
    MAX_LINES_CHANGED, ByPerson, "max_lines_changed", "No more lines change than the lowest limit allows; lock files weigh nothing.";
    OSCILLATION, ByPerson, "oscillation", "The newest changes to a file do not undo each other: of the last five that landed in the run, three do not.";
    LINK_LEADS_OUT, Never, "link_leads_out", "Every symbolic link points to a place inside the repository, and not into `.git`.";
    TREE_MODE, Never, "tree_mode", "Every entry of the resulting tree has a mode that git writes.";
    CASE_CLASH, Never, "case_clash", "No two paths differ by case only.";
    NOT_CONSERVED, Never, "not_conserved", "What would land is what the patch says, no more and no less.";
    SILENT_REVERT, ByPerson, "silent_revert", "No file goes back to an older content that the patch did not start from.";
}

/// What a person let one patch do, with a reason, on the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waivers<'a> {
    /// The names of the rules that it may break.
    pub rules: &'a [String],
    /// The globs of paths that it may change, whatever the rules on paths say.
    pub paths: &'a [String],
}

impl Rule {
    /// The verdict where a person allowed some paths: `all` is what was found, `rest` what is found without them.
    pub(super) fn verdict_but_for(&self, all: Option<String>, rest: Option<String>, waived: &[String]) -> RuleVerdict {
        if let (Some(detail), None, Waiver::ByPerson) = (&all, &rest, self.waiver) {
            return RuleVerdict { rule: self.name.to_owned(), outcome: RuleOutcome::Waived, detail: detail.clone() };
        }
        self.verdict(if rest.is_some() { rest } else { all }, waived)
    }

    /// The verdict: it holds where `detail` is `None`.
    pub(super) fn verdict(&self, detail: Option<String>, waived: &[String]) -> RuleVerdict {
        let outcome = match (&detail, self.waiver) {
            (None, _) => RuleOutcome::Held,
            (Some(_), Waiver::Never) => RuleOutcome::BrokenAlways,
            (Some(_), Waiver::ByPerson) if waived.iter().any(|name| name == self.name) => RuleOutcome::Waived,
            (Some(_), Waiver::ByPerson) => RuleOutcome::Broken,
        };
        RuleVerdict { rule: self.name.to_owned(), outcome, detail: detail.unwrap_or_default() }
    }
}

/// At most so many paths are named.
const PATHS_SHOWN_MAX: usize = 10;

/// The paths in a sentence, shortened; `None` where there are none.
pub(super) fn list<T: ToString>(paths: impl IntoIterator<Item = T>) -> Option<String> {
    let mut shown = Vec::new();
    let mut more = 0_usize;
    for path in paths {
        if shown.len() < PATHS_SHOWN_MAX {
            shown.push(path.to_string());
        } else {
            more += 1;
        }
    }
    if shown.is_empty() {
        return None;
    }
    let shown = shown.join(", ");
    Some(if more == 0 { shown } else { format!("{shown} and {more} more") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_names_are_unique() {
        let names: std::collections::BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        assert_eq!(names.len(), RULES.len());
    }

    #[test]
    fn ten_paths_are_named_and_the_rest_counted() {
        assert_eq!(list(0..12).unwrap(), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more");
        assert_eq!(list(0..10).unwrap(), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9");
        assert_eq!(list::<u32>([]), None);
    }
}
