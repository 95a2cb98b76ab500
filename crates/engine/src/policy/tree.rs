//! The rules over the tree that a patch gives.

use tollhouse_core::entity::RuleVerdict;
use tollhouse_core::{RepoPath, TreeEntryFact, TreeFacts};

use super::glob::Globs;
use super::name::{is_git_name, leaves_repository, parts};
use super::rule::{self, Waivers, list};

/// Git's mode of a symbolic link.
const LINK: &str = "120000";

/// The modes that a patch may give a file.
pub(super) const MODES: [&str; 4] = ["100644", "100755", LINK, "160000"];

/// Judges the tree that a patch gives: one verdict for each of its rules, always in the same order.
pub fn judge_tree(facts: &TreeFacts, waivers: Waivers<'_>) -> Vec<RuleVerdict> {
    let waived = waivers.rules;
    let allowed = Globs::new(waivers.paths);
    let links = facts.entries.iter().filter_map(|entry| Some(format!("{} {}", entry.path, link_fault(entry)?)));
    let modes = facts.entries.iter().filter(|entry| !MODES.contains(&entry.mode.as_str()));
    let clashes = facts.case_clashes.iter().map(|(one, other)| format!("{one} and {other}"));
    let older = |but_for_allowed: &Globs| {
        let counted = facts.older_contents.iter().filter(|older| !but_for_allowed.matches(&older.path));
        list(counted.map(|older| {
            let commit: String = older.undoes.chars().take(12).collect();
            format!("{} (undoes {commit})", older.path)
        }))
        .map(|found| format!("puts back an older content that others replaced: {found}"))
    };
    let none: [String; 0] = [];
    vec![
        rule::LINK_LEADS_OUT.verdict(list(links), waived),
        rule::TREE_MODE.verdict(list(modes.map(|entry| format!("{} has mode {}", entry.path, entry.mode))), waived),
        rule::CASE_CLASH.verdict(list(clashes).map(|found| format!("the same name but for case: {found}")), waived),
        rule::NOT_CONSERVED.verdict(
            list(&facts.not_conserved).map(|found| format!("what would land differs from the patch: {found}")),
            waived,
        ),
        rule::SILENT_REVERT.verdict_but_for(older(&Globs::new(&none)), older(&allowed), waived),
    ]
}

/// What is wrong with a link: a fragment behind its path.
fn link_fault(entry: &TreeEntryFact) -> Option<&'static str> {
    if entry.mode != LINK {
        return None;
    }
    let Some(target) = &entry.link_target else { return Some("is a link whose target could not be read") };
    let target = target.as_bytes();
    if is_absolute(target) {
        return Some("links to an absolute path");
    }
    if parts(target).any(is_git_name) {
        return Some("links into the git directory");
    }
    climb_fault(&entry.path, target)
}

fn is_absolute(target: &[u8]) -> bool {
    let drive = matches!(target, [letter, b':', ..] if letter.is_ascii_alphabetic());
    drive || target.is_empty() || target.contains(&0) || matches!(target[0], b'/' | b'\\')
}

fn climb_fault(path: &RepoPath, target: &[u8]) -> Option<&'static str> {
    if leaves_repository(path.as_bytes()) {
        return Some("is a link in a place that is no place inside the repository");
    }
    let mut depth = path.parts().count() - 1;
    let mut went_down = false;
    for part in parts(target) {
        match part {
            b"" | b"." => {}
            // A folder on the way may itself be a link: what is above it is then not what was passed on the way down.
            b".." if went_down => {
                return Some("links up again after going down, which may lead out; link straight to it");
            }
            b".." if depth == 0 => return Some("links to a place outside the repository"),
            b".." => depth -= 1,
            _ => went_down = true,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollhouse_core::OlderContent;
    use tollhouse_core::entity::RuleOutcome;

    fn link(path: &str, target: &str) -> TreeEntryFact {
        TreeEntryFact {
            path: RepoPath::from(path),
            mode: LINK.to_owned(),
            size_bytes: 0,
            link_target: Some(RepoPath::from(target)),
        }
    }

    fn outcome(facts: &TreeFacts, name: &str, waived: &[String]) -> RuleOutcome {
        judge_tree(facts, Waivers { rules: waived, paths: &[] })
            .into_iter()
            .find(|verdict| verdict.rule == name)
            .unwrap()
            .outcome
    }

    #[test]
    fn a_tree_without_faults_holds_every_rule() {
        let verdicts = judge_tree(&TreeFacts::default(), Waivers::default());
        assert_eq!(verdicts.len(), 5);
        assert!(verdicts.iter().all(|verdict| verdict.outcome == RuleOutcome::Held && verdict.detail.is_empty()));
    }

    #[test]
    fn links_that_lead_out_are_refused() {
        for (path, target) in [
            ("a", "/etc/passwd"),
            ("a", ".."),
            ("a", "../b"),
            ("a/b", "../../c"),
            ("a/b", "./../.././c"),
            ("a/b", "../d/../../e"),
            ("a", "b/../c"),
            ("a/b/c/d", "../e/../../f"),
            ("a", ".git/config"),
            ("a/b", "../.GIT/hooks"),
            ("a", ""),
            ("a", "C:\\x"),
            ("a", "..\\x"),
            ("a", "\\x"),
            ("../a", "b"),
        ] {
            assert!(link_fault(&link(path, target)).is_some(), "{path} -> {target}");
        }
    }

    #[test]
    fn links_that_stay_inside_are_held() {
        for (path, target) in
            [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/e"), ("a", "./b"), ("a/b", ".."), ("a", "b//c")]
        {
            assert_eq!(link_fault(&link(path, target)), None, "{path} -> {target}");
        }
    }

    #[test]
    fn a_link_without_a_target_is_refused() {
        let entry = TreeEntryFact { link_target: None, ..link("a", "b") };
        let facts = TreeFacts { entries: vec![entry], ..TreeFacts::default() };
        assert_eq!(outcome(&facts, "link_leads_out", &["link_leads_out".to_owned()]), RuleOutcome::BrokenAlways);
    }

    #[test]
    fn a_mode_that_git_does_not_write_is_refused() {
        let entry = TreeEntryFact { mode: "100600".to_owned(), link_target: None, ..link("a", "b") };
        let facts = TreeFacts { entries: vec![entry], ..TreeFacts::default() };
        assert_eq!(outcome(&facts, "tree_mode", &["tree_mode".to_owned()]), RuleOutcome::BrokenAlways);
    }

    #[test]
    fn a_case_clash_and_a_lost_change_are_refused_whoever_waives() {
        let facts = TreeFacts {
            case_clashes: vec![("README".into(), "readme".into())],
            not_conserved: vec!["a".into()],
            ..TreeFacts::default()
        };
        let waived = ["case_clash".to_owned(), "not_conserved".to_owned()];
        assert_eq!(outcome(&facts, "case_clash", &waived), RuleOutcome::BrokenAlways);
        assert_eq!(outcome(&facts, "not_conserved", &waived), RuleOutcome::BrokenAlways);
    }

    #[test]
    fn a_silent_revert_is_refused_until_a_person_waives_it() {
        let older = OlderContent { path: "a".into(), undoes: "0123456789abcdef".to_owned() };
        let facts = TreeFacts { older_contents: vec![older], ..TreeFacts::default() };
        assert_eq!(outcome(&facts, "silent_revert", &[]), RuleOutcome::Broken);
        assert_eq!(outcome(&facts, "silent_revert", &["silent_revert".to_owned()]), RuleOutcome::Waived);
        let verdict = &judge_tree(&facts, Waivers::default())[4];
        assert_eq!(verdict.detail, "puts back an older content that others replaced: a (undoes 0123456789ab)");
    }
}
