//! Applying patches to targets that moved on.

use tollhouse_engine::patch::{Diff, parse};
use tollhouse_runner::git::{Candidate, Conflict, LedgerRepo, Oid, candidate, diff_text};

use super::world::World;

fn lines(changes: &[(usize, &str)]) -> String {
    let mut lines: Vec<String> = (1..=30).map(|n| format!("line {n}\n")).collect();
    for (at, text) in changes {
        lines[at - 1] = format!("{text}\n");
    }
    lines.concat()
}

/// The patch from one tree to another.
fn patch(ledger: &LedgerRepo, old: Oid, new: Oid) -> Diff {
    parse(&diff_text(ledger, old, new).expect("a patch")).expect("a readable patch")
}

fn apply(world: &World, diff: &Diff, base: Option<Oid>, target: Oid) -> Result<Candidate, Conflict> {
    candidate(&world.ledger(), diff, base, target).expect("git works")
}

fn file(world: &World, tree: Oid, path: &str) -> String {
    world.git(&world.path("ledger.git"), &["show", &format!("{tree}:{path}")])
}

fn conflicts(made: Result<Candidate, Conflict>) -> Vec<(String, String)> {
    let files = made.expect_err("a conflict").files;
    files.into_iter().map(|(path, why)| (path.to_string(), why)).collect()
}

/// A base, the patch of a side branch, and the target; each with these files.
fn diverged(base: &[(&str, &str)], side: &[(&str, &str)], target: &[(&str, &str)]) -> (World, Diff, Oid, Oid) {
    let world = World::new(base);
    let base = world.rev("HEAD");
    world.git(&world.root(), &["checkout", "--quiet", "-b", "side"]);
    world.commit(side);
    let diff = patch(&world.ledger(), world.tree("main"), world.tree("side"));
    world.git(&world.root(), &["checkout", "--quiet", "main"]);
    let target = world.commit(target);
    (world, diff, base, target)
}

#[test]
fn changes_of_different_lines_are_merged() {
    let (ours, theirs) = (lines(&[(3, "ours")]), lines(&[(27, "theirs")]));
    let (world, diff, base, target) = diverged(&[("f", &lines(&[]))], &[("f", &ours)], &[("f", &theirs)]);
    for base in [Some(base), None] {
        let made = apply(&world, &diff, base, target).unwrap();
        assert_eq!(file(&world, made.tree, "f") + "\n", lines(&[(3, "ours"), (27, "theirs")]));
        assert_eq!(made.facts.not_conserved, []);
        assert_eq!(made.facts.entries.len(), 1);
    }
}

#[test]
fn plain_diff_is_placed_by_its_context() {
    let world = World::new(&[("f", &format!("new\n{}", lines(&[])))]);
    let text = b"--- f\n+++ f\n@@ -2,3 +2,3 @@\n line 2\n-line 3\n+line three\n line 4\n";
    let made = apply(&world, &parse(text).unwrap(), None, world.rev("HEAD")).unwrap();
    assert_eq!(file(&world, made.tree, "f"), format!("new\n{}", lines(&[(3, "line three")])).trim_end());
    let foreign = b"--- f\n+++ f\n@@ -2,3 +2,3 @@\n line 2\n-line x\n+line three\n line 4\n";
    let found = conflicts(apply(&world, &parse(foreign).unwrap(), None, world.rev("HEAD")));
    assert_eq!(found, [("f".to_owned(), "hunk 1 (line 2) does not match the file".to_owned())]);
}

#[test]
fn all_conflicts_are_named_and_nothing_is_applied() {
    let (world, diff, base, target) = diverged(
        &[("f", &lines(&[])), ("g", "1\n"), ("same", "1\n")],
        &[("f", &lines(&[(3, "ours")])), ("g", "2\n"), ("new", "ours\n"), ("same", "2\n")],
        &[("f", &lines(&[(3, "theirs")])), ("g", "3\n"), ("new", "theirs\n")],
    );
    let found: Vec<String> =
        conflicts(apply(&world, &diff, Some(base), target)).into_iter().map(|(path, _)| path).collect();
    assert_eq!(found, ["f", "g", "new"]);
}

#[test]
fn deletion_or_rename_of_what_others_changed_conflicts() {
    let world = World::new(&[("gone", &lines(&[])), ("old", &lines(&[(1, "old")]))]);
    let base = world.rev("HEAD");
    world.git(&world.root(), &["checkout", "--quiet", "-b", "side"]);
    world.git(&world.root(), &["rm", "--quiet", "gone"]);
    world.git(&world.root(), &["mv", "old", "new"]);
    world.commit(&[]);
    let diff = patch(&world.ledger(), world.tree("main"), world.tree("side"));
    world.git(&world.root(), &["checkout", "--quiet", "main"]);
    let target = world.commit(&[("gone", "other\n"), ("new", "taken\n")]);
    let found = conflicts(apply(&world, &diff, Some(base), target));
    assert_eq!(found[0], ("gone".to_owned(), "it was changed since, and the patch deletes it".to_owned()));
    assert_eq!(found[1], ("new".to_owned(), "there is a file of the new name already".to_owned()));
    let back = patch(&world.ledger(), world.tree("side"), world.tree("main~1"));
    assert_eq!(conflicts(apply(&world, &back, None, target))[0].0, "gone");
}

#[test]
fn renamed_file_takes_the_changes_of_the_target_along() {
    let world = World::new(&[("old", &lines(&[]))]);
    let base = world.rev("HEAD");
    world.git(&world.root(), &["checkout", "--quiet", "-b", "side"]);
    world.git(&world.root(), &["mv", "old", "new"]);
    world.commit(&[("new", &lines(&[(3, "ours")]))]);
    let diff = patch(&world.ledger(), world.tree("main"), world.tree("side"));
    world.git(&world.root(), &["checkout", "--quiet", "main"]);
    let target = world.commit(&[("old", &lines(&[(27, "theirs")]))]);
    let made = apply(&world, &diff, Some(base), target).unwrap();
    assert_eq!(file(&world, made.tree, "new") + "\n", lines(&[(3, "ours"), (27, "theirs")]));
    assert_eq!(world.git(&world.path("ledger.git"), &["ls-tree", "--name-only", &made.tree.to_string()]), "new");
}

#[test]
fn files_may_swap_their_names() {
    let world = World::new(&[("a", "one\n"), ("b", "two\n")]);
    let text = b"diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n\
        diff --git a/b b/a\nsimilarity index 100%\nrename from b\nrename to a\n";
    let made = apply(&world, &parse(text).unwrap(), None, world.rev("HEAD")).unwrap();
    assert_eq!((file(&world, made.tree, "a"), file(&world, made.tree, "b")), ("two".to_owned(), "one".to_owned()));
}

#[test]
fn same_file_twice_is_applied_in_order() {
    let world = World::new(&[("a", "1\n")]);
    let text = b"--- a\n+++ a\n@@ -1 +1 @@\n-1\n+2\n--- a\n+++ a\n@@ -1 +1 @@\n-2\n+3\n";
    let made = apply(&world, &parse(text).unwrap(), Some(world.rev("HEAD")), world.rev("HEAD")).unwrap();
    assert_eq!(file(&world, made.tree, "a"), "3");
}

#[test]
fn change_that_the_target_has_already_conflicts() {
    let (world, diff, base, target) = diverged(
        &[("f", &lines(&[]))],
        &[("f", &lines(&[(3, "same")])), ("new", "same\n")],
        &[("f", &lines(&[(3, "same")])), ("new", "same\n")],
    );
    let conflict = apply(&world, &diff, Some(base), target).unwrap_err();
    let paths: Vec<String> = conflict.files.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(paths, ["f", "new"]);
}

#[test]
fn older_content_that_comes_back_is_found() {
    let world = World::new(&[("f", "1\n"), ("g", "1\n"), ("d/h", "1\n")]);
    let old = world.tree("HEAD");
    let undone = world.commit(&[("f", "2\n"), ("d/h", "2\n")]);
    world.commit(&[("other", "x\n")]);
    let target = world.commit(&[("g", "2\n")]);
    // Made from a stale copy of f and h, as if it started from the present.
    let stale = patch(&world.ledger(), world.tree("HEAD~1"), old);
    let made = apply(&world, &stale, Some(target), target).unwrap();
    let found: Vec<(String, String)> =
        made.facts.older_contents.iter().map(|older| (older.path.to_string(), older.undoes.clone())).collect();
    assert_eq!(found, [("d/h".to_owned(), undone.to_string()), ("f".to_owned(), undone.to_string())]);
    let fresh = parse(b"--- f\n+++ f\n@@ -1 +1 @@\n-2\n+3\n").unwrap();
    assert_eq!(apply(&world, &fresh, Some(target), target).unwrap().facts.older_contents, []);
}

#[test]
fn names_that_differ_by_case_only_are_found() {
    let world = World::new(&[("Docs/a", "1\n"), ("README", "1\n")]);
    let text = b"--- /dev/null\n+++ b/docs/b\n@@ -0,0 +1 @@\n+x\n--- /dev/null\n+++ b/Readme\n@@ -0,0 +1 @@\n+x\n";
    let made = apply(&world, &parse(text).unwrap(), None, world.rev("HEAD")).unwrap();
    let found: Vec<String> = made.facts.case_clashes.iter().map(|(a, b)| format!("{a} {b}")).collect();
    assert_eq!(found, ["Readme README", "docs Docs"]);
}

#[test]
fn link_targets_and_modes_are_told() {
    let world = World::new(&[("a", "1\n")]);
    let text = b"diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc/passwd\n\
        \\ No newline at end of file\ndiff --git a/a b/a\nold mode 100644\nnew mode 104755\n";
    let made = apply(&world, &parse(text).unwrap(), None, world.rev("HEAD")).unwrap();
    let facts: Vec<String> = made.facts.entries.iter().map(|entry| format!("{} {}", entry.mode, entry.path)).collect();
    assert_eq!(facts, ["104755 a", "120000 l"]);
    assert_eq!(made.facts.entries[1].link_target.as_ref().unwrap().to_string(), "/etc/passwd");
}

#[test]
fn path_that_no_tree_may_have_conflicts() {
    let world = World::new(&[("a", "1\n"), ("d/x", "1\n")]);
    let add = |path: &str| parse(format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n").as_bytes()).unwrap();
    let deep = "d/".repeat(100_000) + "x";
    for path in [deep.as_str(), ".git/hooks/x", "a/../../x", "/etc/x", "a//b", ".GIT", "x/git~1/y", "a/b", "d"] {
        assert_eq!(conflicts(apply(&world, &add(path), None, world.rev("HEAD"))).len(), 1, "{path:.40}");
    }
}
