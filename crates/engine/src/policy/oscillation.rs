//! Changes that take each other back.

use std::collections::BTreeMap;

use tollhouse_core::entity::RuleVerdict;
use tollhouse_core::limits::{OSCILLATION_AT, OSCILLATION_LOOKS_AT};
use tollhouse_core::{Description, FileChange, RepoPath};

use super::rule::OSCILLATION;

/// Whether a patch goes on with a back and forth: `landed` are the patches that landed before it, the oldest first. Of those
/// to one file the newest few are looked at, with the patch itself.
pub fn judge_history(patch: &Description, landed: &[&Description], waived: &[String]) -> RuleVerdict {
    let mut before: BTreeMap<&RepoPath, Vec<&FileChange>> =
        patch.files.iter().map(|file| (&file.path, Vec::new())).collect();
    for change in landed.iter().rev().flat_map(|description| &description.files) {
        before.entry(&change.path).and_modify(|changes| changes.push(change));
    }
    let found = patch.files.iter().find_map(|file| {
        let before = before.get(&file.path).into_iter().flatten().copied();
        let newest: Vec<&FileChange> = std::iter::once(file).chain(before).take(OSCILLATION_LOOKS_AT).collect();
        let undoes = |one: &&&FileChange| newest.iter().any(|other| one.undoes(other) || other.undoes(one));
        let (count, of) = (newest.iter().filter(undoes).count(), newest.len());
        let goes_on = newest.iter().skip(1).any(|other| file.undoes(other));
        (goes_on && count >= OSCILLATION_AT)
            .then(|| format!("{count} of the last {of} changes to {} undo each other, this one included", file.path))
    });
    OSCILLATION.verdict(found, waived)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollhouse_core::ChangeKind;
    use tollhouse_core::entity::RuleOutcome;

    use super::*;

    /// From one line to another, in a file.
    fn change(path: &str, from: &str, to: &str) -> Description {
        let id = |line: &str| Some(line.to_owned());
        let file = FileChange {
            path: RepoPath::from(path),
            old_path: None,
            kind: ChangeKind::Modified,
            old_mode: None,
            new_mode: None,
            lines_added: 1,
            lines_removed: 1,
            binary: false,
            added_id: id(to),
            removed_id: id(from),
        };
        Description { files: vec![file] }
    }

    fn judged(history: &[Description], waived: &[&str]) -> RuleOutcome {
        let (newest, before) = history.split_last().expect("there is a newest");
        let waived: Vec<String> = waived.iter().map(|rule| (*rule).to_owned()).collect();
        judge_history(newest, &before.iter().collect::<Vec<_>>(), &waived).outcome
    }

    #[test]
    fn the_third_change_of_a_back_and_forth_is_refused_and_the_second_is_not() {
        let history = [change("x", "a", "b"), change("x", "b", "a"), change("x", "a", "b")];
        assert_eq!(judged(&history[..2], &[]), RuleOutcome::Held);
        assert_eq!(judged(&history, &[]), RuleOutcome::Broken);
        assert_eq!(judged(&history, &["oscillation"]), RuleOutcome::Waived);
    }

    #[test]
    fn what_happens_to_other_files_is_no_back_and_forth() {
        let history = [change("x", "a", "b"), change("y", "b", "a"), change("x", "a", "b"), change("z", "b", "a")];
        assert_eq!(judged(&history, &[]), RuleOutcome::Held);
    }

    #[test]
    fn what_lies_longer_back_than_the_last_five_is_forgotten() {
        let between = |at: usize| change("x", &format!("n{at}"), &format!("m{at}"));
        let mut history = vec![change("x", "a", "b"), change("x", "b", "a")];
        history.extend((0..2).map(between));
        history.push(change("x", "a", "b"));
        assert_eq!(judged(&history, &[]), RuleOutcome::Broken);
        history.insert(2, between(2));
        assert_eq!(judged(&history, &[]), RuleOutcome::Held);
    }

    proptest! {
        #[test]
        fn changes_that_only_go_forward_are_never_refused(count in 1_usize..12) {
            let history: Vec<Description> =
                (0..count).map(|at| change("x", &format!("v{at}"), &format!("v{}", at + 1))).collect();
            prop_assert_eq!(judged(&history, &[]), RuleOutcome::Held);
        }
    }
}
