//! Policy only tightens: a level more never lets through what the others stop.

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use tollhouse_core::entity::{RuleOutcome, RuleVerdict};
use tollhouse_core::spec::PolicySpec;
use tollhouse_core::{ChangeKind, Description, FileChange, RepoPath};

use super::{RULES, Waivers, is_acceptable, judge_patch};

const PATHS: [&str; 12] = [
    "a",
    "src/a",
    "src/b/c",
    "docs/a",
    "secrets/key",
    "tollhouse.toml",
    ".github/workflows/ci.yml",
    "src/.gitattributes",
    "Cargo.lock",
    "../a",
    ".git/config",
    "src/é",
];

const GLOBS: [&str; 14] = [
    "**",
    "*",
    "src/**",
    "src/*",
    "**/a",
    "{src,docs}/a",
    "secrets/**",
    "[!s]*/**",
    "tollhouse.toml",
    "*.toml",
    ".github/workflows/**",
    "src/.gitattributes",
    "Cargo.lock",
    "src/[",
];

fn globs() -> impl Strategy<Value = Vec<String>> {
    subsequence(GLOBS.to_vec(), 0..4).prop_map(|globs| globs.into_iter().map(str::to_owned).collect())
}

fn level() -> impl Strategy<Value = PolicySpec> {
    let forbid = prop_oneof![3 => Just(Vec::new()), 1 => globs()];
    let limit = || proptest::option::of(0_u64..6);
    (proptest::option::of(globs()), forbid, limit(), limit()).prop_map(
        |(write, forbid, max_files_changed, max_lines_changed)| PolicySpec {
            source: "level".to_owned(),
            write,
            forbid,
            max_files_changed,
            max_lines_changed,
        },
    )
}

fn file() -> impl Strategy<Value = FileChange> {
    let kind = select(vec![ChangeKind::Modified, ChangeKind::Renamed, ChangeKind::Copied]);
    let mode = proptest::option::of(select(vec!["100644", "160000", "100666"]));
    (select(PATHS.to_vec()), select(PATHS.to_vec()), kind, mode, 0_u64..3).prop_map(
        |(path, old_path, kind, mode, lines_added)| FileChange {
            path: RepoPath::from(path),
            old_path: (kind != ChangeKind::Modified).then(|| RepoPath::from(old_path)),
            kind,
            old_mode: None,
            new_mode: mode.map(str::to_owned),
            lines_added,
            lines_removed: 1,
            binary: false,
            added_id: None,
            removed_id: None,
        },
    )
}

/// Names of rules, and globs of paths.
fn waived() -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let names: Vec<String> = RULES.iter().map(|rule| rule.name.to_owned()).collect();
    prop_oneof![1 => Just((Vec::new(), Vec::new())), 1 => (subsequence(names, 0..6), globs())]
}

/// How much stands against a patch.
fn severity(outcome: RuleOutcome) -> u8 {
    match outcome {
        RuleOutcome::Held => 0,
        RuleOutcome::Waived => 1,
        RuleOutcome::Broken => 2,
        RuleOutcome::BrokenAlways => 3,
    }
}

fn judged(
    files: &[FileChange],
    levels: &[PolicySpec],
    (rules, paths): &(Vec<String>, Vec<String>),
) -> Vec<RuleVerdict> {
    judge_patch(&Description { files: files.to_vec() }, levels, Waivers { rules, paths })
}

proptest! {
    #[test]
    fn no_verdict_grows_milder_with_a_level_more(
        mut levels in proptest::collection::vec(level(), 1..4),
        more in level(),
        place in any::<Index>(),
        files in proptest::collection::vec(file(), 0..4),
        waived in waived(),
    ) {
        let without = judged(&files, &levels, &waived);
        // The project's own level stays the first.
        levels.insert(1 + place.index(levels.len()), more.clone());
        let with = judged(&files, &levels, &waived);
        for (with, without) in with.iter().zip(&without) {
            prop_assert_eq!(&with.rule, &without.rule);
            prop_assert!(severity(with.outcome) >= severity(without.outcome), "{:?} was {:?}", with, without);
        }
    }

    #[test]
    fn what_is_accepted_with_a_level_more_is_accepted_without_it(
        levels in proptest::collection::vec(level(), 1..3),
        below in level(),
        files in proptest::collection::vec(file(), 0..3),
        waived in waived(),
    ) {
        let with = [levels.as_slice(), &[below]].concat();
        if is_acceptable(&judged(&files, &with, &waived)).is_ok() {
            prop_assert_eq!(is_acceptable(&judged(&files, &levels, &waived)), Ok(()));
        }
    }

    #[test]
    fn what_is_waived_lets_no_more_through_than_was_waived(
        levels in proptest::collection::vec(level(), 1..4),
        files in proptest::collection::vec(file(), 0..4),
        waived in waived(),
    ) {
        let none = (Vec::new(), Vec::new());
        for (with, without) in judged(&files, &levels, &waived).iter().zip(&judged(&files, &levels, &none)) {
            let same = with.outcome == without.outcome;
            prop_assert!(same || (with.outcome, without.outcome) == (RuleOutcome::Waived, RuleOutcome::Broken));
        }
    }
}
