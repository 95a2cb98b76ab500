//! The rules over a patch.

use std::collections::BTreeSet;

use tollhouse_core::entity::RuleVerdict;
use tollhouse_core::spec::PolicySpec;
use tollhouse_core::{ChangeKind, Description, FileChange, RepoPath};

use super::glob::Globs;
use super::name::{is_git_name, leaves_repository, parts};
use super::protected::{self, Named, is_project_config};
use super::rule::{self, Waivers, list};
use super::tree::MODES;

/// Files that tools write: their lines say nothing about the size of a change.
const LOCK_FILES: [&str; 23] = [
    "Cargo.lock",
    "Gemfile.lock",
    "Package.resolved",
    "Pipfile.lock",
    "Podfile.lock",
    "bun.lock",
    "bun.lockb",
    "composer.lock",
    "conan.lock",
    "deno.lock",
    "flake.lock",
    "go.sum",
    "gradle.lockfile",
    "mix.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "packages.lock.json",
    "pdm.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pubspec.lock",
    "uv.lock",
    "yarn.lock",
];

/// Judges what a patch does: one verdict for each of its rules, always in the same order. `levels` stand widest first, the
/// project's before all others; a patch must satisfy them all. `waivers` are what a person let this patch do.
///
/// A glob that cannot be read matches nothing in `write`, and breaks the rule in `forbid`.
pub fn judge_patch(description: &Description, levels: &[PolicySpec], waivers: Waivers<'_>) -> Vec<RuleVerdict> {
    let files: Vec<&FileChange> = description.files.iter().collect();
    let changed: Vec<&RepoPath> = files.iter().flat_map(|file| changed_paths(file)).collect();
    let allowed = Globs::new(waivers.paths);
    let rest: Vec<&RepoPath> = changed.iter().copied().filter(|path| !allowed.matches(path)).collect();
    let rest_of_files: Vec<&FileChange> =
        files.iter().copied().filter(|file| !changed_paths(file).all(|path| allowed.matches(path))).collect();
    let rules = waivers.rules;
    // What a rule finds, and what it would find without the paths that a person allowed.
    let paths = |rule: rule::Rule, find: &dyn Fn(&[&RepoPath]) -> Option<String>| {
        rule.verdict_but_for(find(&changed), find(&rest), rules)
    };
    vec![
        rule::OUTSIDE_REPOSITORY.verdict(
            list(description.paths().filter(|path| leaves_repository(path.as_bytes())))
                .map(|found| format!("no place inside the repository: {found}")),
            rules,
        ),
        rule::GIT_DIRECTORY.verdict(
            list(description.paths().filter(|path| parts(path.as_bytes()).any(is_git_name)))
                .map(|found| format!("in the git directory: {found}")),
            rules,
        ),
        rule::UNKNOWN_MODE.verdict(list(files.iter().filter_map(|file| unknown_mode(file))), rules),
        paths(rule::WRITE_SCOPE, &|paths| outside_scope(paths, levels)),
        paths(rule::FORBIDDEN_PATH, &|paths| forbidden(paths, levels)),
        paths(rule::PROJECT_CONFIG, &|paths| project_config(paths, levels)),
        rule::NEEDS_PERSON.verdict_but_for(needs_person(&files, levels), needs_person(&rest_of_files, levels), rules),
        rule::MAX_FILES_CHANGED.verdict(too_many_files(&changed, levels), rules),
        rule::MAX_LINES_CHANGED.verdict(too_many_lines(&files, levels), rules),
    ]
}

/// The paths that a change writes. A copy only reads where it came from.
fn changed_paths(file: &FileChange) -> impl Iterator<Item = &RepoPath> {
    let moved = file.old_path.as_ref().filter(|_| file.kind != ChangeKind::Copied);
    std::iter::once(&file.path).chain(moved)
}

fn unknown_mode(file: &FileChange) -> Option<String> {
    let mode = file.new_mode.as_ref().filter(|mode| !MODES.contains(&mode.as_str()))?;
    Some(format!("{} would have mode {}", file.path, mode.escape_debug()))
}

fn outside_scope(changed: &[&RepoPath], levels: &[PolicySpec]) -> Option<String> {
    by_level(levels, |level| {
        let globs = Globs::new(level.write.as_ref()?);
        let outside = list(changed.iter().filter(|path| !globs.matches(path)))?;
        Some(format!("not among what {} allows to write: {outside}", level.source))
    })
}

fn forbidden(changed: &[&RepoPath], levels: &[PolicySpec]) -> Option<String> {
    by_level(levels, |level| {
        let globs = Globs::new(&level.forbid);
        if let Some(unreadable) = list(&globs.unreadable) {
            return Some(format!("the forbid of {} cannot be read: {unreadable}", level.source));
        }
        let forbidden = list(changed.iter().filter(|path| globs.matches(path)))?;
        Some(format!("forbidden by {}: {forbidden}", level.source))
    })
}

fn by_level(levels: &[PolicySpec], fault: impl Fn(&PolicySpec) -> Option<String>) -> Option<String> {
    let faults: Vec<String> = levels.iter().filter_map(fault).collect();
    (!faults.is_empty()).then(|| faults.join("; "))
}

fn project_config(changed: &[&RepoPath], levels: &[PolicySpec]) -> Option<String> {
    let touched: Vec<_> = changed.iter().filter(|path| is_project_config(path)).collect();
    if touched.is_empty() {
        return None;
    }
    let named = Named::new(levels.first());
    list(touched.into_iter().filter(|path| !named.literally(path)))
        .map(|found| format!("the project's own configuration, which its own `write` does not name: {found}"))
}

fn needs_person(files: &[&FileChange], levels: &[PolicySpec]) -> Option<String> {
    let named = Named::new(levels.first());
    let unnamed = files.iter().flat_map(|file| {
        let paths: Vec<&RepoPath> = changed_paths(file).collect();
        protected::unnamed(file, &paths, &named)
    });
    list(unnamed).map(|found| format!("a person must allow changes to {found}"))
}

/// The lowest limit and the level that sets it.
fn lowest(levels: &[PolicySpec], limit: impl Fn(&PolicySpec) -> Option<u64>) -> Option<(u64, &str)> {
    levels.iter().filter_map(|level| Some((limit(level)?, level.source.as_str()))).min_by_key(|(limit, _)| *limit)
}

fn too_many_files(changed: &[&RepoPath], levels: &[PolicySpec]) -> Option<String> {
    let (limit, source) = lowest(levels, |level| level.max_files_changed)?;
    let count = changed.iter().collect::<BTreeSet<_>>().len();
    let over = u64::try_from(count).map_or(true, |count| count > limit);
    over.then(|| format!("{count} files changed, and {source} allows {limit}"))
}

fn too_many_lines(files: &[&FileChange], levels: &[PolicySpec]) -> Option<String> {
    let (limit, source) = lowest(levels, |level| level.max_lines_changed)?;
    let counted = files.iter().filter(|file| !changed_paths(file).all(is_lock_file));
    let count =
        counted.fold(0_u64, |sum, file| sum.saturating_add(file.lines_added).saturating_add(file.lines_removed));
    (count > limit).then(|| format!("{count} lines changed, and {source} allows {limit}"))
}

fn is_lock_file(path: &RepoPath) -> bool {
    path.parts().last().is_some_and(|name| LOCK_FILES.iter().any(|lock| lock.as_bytes() == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::is_acceptable;
    use tollhouse_core::entity::RuleOutcome;

    fn change(path: &str) -> FileChange {
        FileChange {
            path: RepoPath::from(path),
            old_path: None,
            kind: ChangeKind::Modified,
            old_mode: Some("100644".to_owned()),
            new_mode: Some("100644".to_owned()),
            lines_added: 3,
            lines_removed: 2,
            binary: false,
            added_id: None,
            removed_id: None,
        }
    }

    fn moved(from: &str, to: &str, kind: ChangeKind) -> FileChange {
        FileChange { old_path: Some(RepoPath::from(from)), kind, ..change(to) }
    }

    fn level(source: &str, write: &[&str], forbid: &[&str]) -> PolicySpec {
        let texts = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
        PolicySpec {
            source: source.to_owned(),
            write: (!write.is_empty()).then(|| texts(write)),
            forbid: texts(forbid),
            max_files_changed: None,
            max_lines_changed: None,
        }
    }

    /// The broken rules with what was found.
    fn broken(files: Vec<FileChange>, levels: &[PolicySpec]) -> Vec<(String, String)> {
        let verdicts = judge_patch(&Description { files }, levels, Waivers::default());
        let against = verdicts.into_iter().filter(|verdict| verdict.outcome != RuleOutcome::Held);
        against.map(|verdict| (verdict.rule, verdict.detail)).collect()
    }

    fn rules_broken(files: Vec<FileChange>, levels: &[PolicySpec]) -> Vec<String> {
        broken(files, levels).into_iter().map(|(rule, _)| rule).collect()
    }

    #[test]
    fn every_rule_over_a_patch_has_one_verdict_in_the_order_of_the_table() {
        let verdicts = judge_patch(&Description::default(), &[], Waivers::default());
        let given: Vec<&str> = verdicts.iter().map(|verdict| verdict.rule.as_str()).collect();
        let listed: Vec<&str> = crate::policy::RULES.iter().map(|rule| rule.name).take(given.len()).collect();
        assert_eq!(given, listed);
        assert!(verdicts.iter().all(|verdict| verdict.outcome == RuleOutcome::Held && verdict.detail.is_empty()));
    }

    #[test]
    fn a_plain_change_breaks_no_rule() {
        assert_eq!(broken(vec![change("src/a.rs"), moved("a", "b", ChangeKind::Renamed)], &[]), []);
    }

    #[test]
    fn what_is_always_refused_cannot_be_waived() {
        for (file, rule) in [
            (change("../a"), "outside_repository"),
            (change("/etc/passwd"), "outside_repository"),
            (moved("a", "b//c", ChangeKind::Renamed), "outside_repository"),
            (moved("../a", "b", ChangeKind::Copied), "outside_repository"),
            (change("a/.GIT/config"), "git_directory"),
            (change(".g\u{200c}it/x"), "git_directory"),
            (moved(".git/config", "a", ChangeKind::Renamed), "git_directory"),
            (FileChange { new_mode: Some("100666".to_owned()), ..change("a") }, "unknown_mode"),
            (FileChange { new_mode: Some("040000".to_owned()), ..change("a") }, "unknown_mode"),
        ] {
            let waived = [rule.to_owned()];
            let verdicts =
                judge_patch(&Description { files: vec![file.clone()] }, &[], Waivers { rules: &waived, paths: &[] });
            let verdict = verdicts.iter().find(|verdict| verdict.rule == rule).unwrap();
            assert_eq!(verdict.outcome, RuleOutcome::BrokenAlways, "{file:?}");
            assert!(is_acceptable(&verdicts).is_err());
        }
    }

    #[test]
    fn a_mode_that_the_patch_does_not_say_is_no_unknown_mode() {
        let file = FileChange { old_mode: None, new_mode: None, ..change("a") };
        assert_eq!(broken(vec![file], &[]), []);
    }

    #[test]
    fn each_level_must_allow_each_path() {
        let levels = [level("project", &["src/**"], &[]), level("task", &["src/a/**"], &[])];
        assert_eq!(broken(vec![change("src/a/x")], &levels), []);
        assert_eq!(
            broken(vec![change("src/b"), change("x")], &levels),
            [(
                "write_scope".to_owned(),
                "not among what project allows to write: x; not among what task allows to write: src/b, x".to_owned()
            )]
        );
    }

    #[test]
    fn forbid_wins_over_write() {
        let levels = [level("project (tollhouse.toml:9)", &["**"], &["secrets/**"])];
        assert_eq!(
            broken(vec![change("secrets/key")], &levels),
            [("forbidden_path".to_owned(), "forbidden by project (tollhouse.toml:9): secrets/key".to_owned())]
        );
    }

    #[test]
    fn a_rename_counts_on_both_sides_and_a_copy_on_one() {
        let levels = [level("project", &["src/**"], &["secrets/**"])];
        let out_of = |kind| rules_broken(vec![moved("secrets/a", "src/a", kind)], &levels);
        assert_eq!(out_of(ChangeKind::Renamed), ["write_scope", "forbidden_path"]);
        assert_eq!(out_of(ChangeKind::Copied), Vec::<String>::new());
        let into = rules_broken(vec![moved("src/a", "secrets/a", ChangeKind::Copied)], &levels);
        assert_eq!(into, ["write_scope", "forbidden_path"]);
    }

    #[test]
    fn a_glob_that_cannot_be_read_allows_nothing() {
        assert_eq!(rules_broken(vec![change("a")], &[level("project", &["a["], &[])]), ["write_scope"]);
        assert_eq!(rules_broken(vec![change("a")], &[level("project", &[], &["b["])]), ["forbidden_path"]);
    }

    #[test]
    fn the_lowest_limit_counts() {
        let mut levels = [level("project", &[], &[]), level("task", &[], &[])];
        levels[0].max_files_changed = Some(1);
        levels[1].max_files_changed = Some(5);
        (levels[0].max_lines_changed, levels[1].max_lines_changed) = (Some(99), Some(9));
        assert_eq!(broken(vec![change("a")], &levels), []);
        assert_eq!(
            broken(vec![change("a"), change("b")], &levels),
            [
                ("max_files_changed".to_owned(), "2 files changed, and project allows 1".to_owned()),
                ("max_lines_changed".to_owned(), "10 lines changed, and task allows 9".to_owned()),
            ]
        );
        assert_eq!(rules_broken(vec![moved("a", "b", ChangeKind::Renamed)], &levels), ["max_files_changed"]);
    }

    #[test]
    fn lines_of_lock_files_weigh_nothing() {
        let mut levels = [level("project", &[], &[])];
        levels[0].max_lines_changed = Some(5);
        assert_eq!(broken(vec![change("a"), change("x/Cargo.lock"), change("go.sum")], &levels), []);
        let disguised = moved("src/a.rs", "Cargo.lock", ChangeKind::Renamed);
        assert_eq!(rules_broken(vec![change("b"), disguised], &levels), ["max_lines_changed"]);
    }

    #[test]
    fn more_lines_than_can_be_counted_are_too_many() {
        let mut levels = [level("project", &[], &[])];
        levels[0].max_lines_changed = Some(5);
        let huge = FileChange { lines_added: u64::MAX, lines_removed: 0, ..change("a") };
        let one_more = FileChange { lines_added: 1, lines_removed: 0, ..change("b") };
        assert_eq!(rules_broken(vec![huge, one_more], &levels), ["max_lines_changed"]);
    }

    #[test]
    fn the_configuration_is_left_alone_unless_the_projects_own_level_names_it() {
        assert_eq!(rules_broken(vec![change("tollhouse.toml")], &[]), ["project_config"]);
        assert_eq!(rules_broken(vec![change("Tollhouse.TOML")], &[]), ["project_config"]);
        assert_eq!(rules_broken(vec![change("tollhouse.toml")], &[level("project", &["**"], &[])]), ["project_config"]);
        assert_eq!(
            rules_broken(vec![change("tollhouse.toml")], &[level("project", &["tollhouse.toml"], &[])]),
            [""; 0]
        );
        let named = level("task", &["tollhouse.toml"], &[]);
        let levels = [level("project", &[], &[]), named];
        assert_eq!(rules_broken(vec![change("tollhouse.toml")], &levels), ["project_config"]);
        assert_eq!(rules_broken(vec![change("docs/tollhouse.toml")], &[]), [""; 0]);
    }

    #[test]
    fn what_changes_the_repository_itself_needs_a_person() {
        let submodule = FileChange { new_mode: Some("160000".to_owned()), ..change("lib/x") };
        let gone = FileChange { old_mode: Some("160000".to_owned()), new_mode: None, ..change("lib/x") };
        let files =
            [change(".gitattributes"), change("a/.gitmodules"), change(".github/workflows/ci.yml"), submodule, gone];
        for file in files {
            assert_eq!(rules_broken(vec![file.clone()], &[]), ["needs_person"], "{file:?}");
            assert_eq!(rules_broken(vec![file], &[level("project", &["**"], &[])]), ["needs_person"]);
        }
    }

    #[test]
    fn only_the_projects_own_level_can_name_what_needs_a_person() {
        let named = level("named", &[".github/workflows/**"], &[]);
        let open = level("open", &[], &[]);
        let file = || vec![change(".github/workflows/ci.yml")];
        assert_eq!(rules_broken(file(), &[named.clone(), open.clone()]), [""; 0]);
        assert_eq!(rules_broken(file(), &[open, named]), ["needs_person"]);
    }

    #[test]
    fn a_waived_rule_no_longer_stands_against_the_patch() {
        let levels = [level("project", &["src/**"], &["x/**"])];
        let judge = |waived: &[&str]| {
            let waived: Vec<String> = waived.iter().map(|name| (*name).to_owned()).collect();
            judge_patch(&Description { files: vec![change("x/y")] }, &levels, Waivers { rules: &waived, paths: &[] })
        };
        let text = is_acceptable(&judge(&["write_scope"])).unwrap_err();
        assert_eq!(
            text,
            "policy refused the change: forbidden_path (forbidden by project: x/y); make it again so that it keeps these rules"
        );
        let verdicts = judge(&["write_scope", "forbidden_path"]);
        assert_eq!(is_acceptable(&verdicts), Ok(()));
        assert!(verdicts.iter().any(|verdict| verdict.outcome == RuleOutcome::Waived && !verdict.detail.is_empty()));
    }

    #[test]
    fn ten_thousand_files_are_judged_in_one_go() {
        let files = (0..10_000).map(|number| change(&format!("src/{number}/a b.rs"))).collect();
        let globs: Vec<String> = (0..200).map(|number| format!("src/*{number}/**")).collect();
        let globs: Vec<&str> = globs.iter().map(String::as_str).collect();
        let found = broken(files, &[level("project", &["docs/**"], &globs)]);
        assert!(found[0].1.ends_with("src/9/a b.rs and 9990 more"), "{}", found[0].1);
    }

    #[test]
    fn allowed_paths_pass_the_rules_on_paths_and_no_others() {
        let allowed = ["secrets/**".to_owned(), ".git/**".to_owned(), ".github/**".to_owned()];
        let waivers = Waivers { rules: &[], paths: &allowed };
        let levels = [level("project", &["src/**"], &["secrets/**"])];
        let outcomes = |paths: &[&str]| -> Vec<(String, RuleOutcome)> {
            let files = paths.iter().map(|path| change(path)).collect();
            let verdicts = judge_patch(&Description { files }, &levels, waivers);
            let told = verdicts.into_iter().filter(|verdict| verdict.outcome != RuleOutcome::Held);
            told.map(|verdict| (verdict.rule, verdict.outcome)).collect()
        };
        let rule = |name: &str, outcome| (name.to_owned(), outcome);
        let waived = [rule("write_scope", RuleOutcome::Waived), rule("forbidden_path", RuleOutcome::Waived)];
        assert_eq!(outcomes(&["secrets/key"]), waived);
        let one_more = [rule("write_scope", RuleOutcome::Broken), rule("forbidden_path", RuleOutcome::Waived)];
        assert_eq!(outcomes(&["secrets/key", "docs/a"]), one_more);
        let ci = [rule("write_scope", RuleOutcome::Waived), rule("needs_person", RuleOutcome::Waived)];
        assert_eq!(outcomes(&[".github/workflows/a.yml"]), ci);
        assert!(outcomes(&[".git/config"]).contains(&rule("git_directory", RuleOutcome::BrokenAlways)));
    }
}
