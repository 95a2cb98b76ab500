//! Repositories that are not just a checkout with a branch: a run works in them, and leaves what is odd as it is.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::harness::{Bench, Said, Still, assert_same, run, run_one, tasks};

/// A repository whose agent writes a file.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    bench
}

/// Runs git where it may say no.
fn try_git(bench: &Bench, args: &[&str]) -> Said {
    run(bench.isolated("git").args(args))
}

#[test]
fn worktree_that_was_made_in_a_worktree_is_one() {
    let bench = bench();
    bench.git(&["worktree", "add", "--quiet", "../second"]);
    bench.git(&["-C", "../second", "worktree", "add", "--quiet", "../second/third"]);
    let said = run(bench.command(&["do", "Do it"]).current_dir(bench.path("../second/third")));
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["show", "toll/main:x.txt"]), "x");
}

fn with_submodule() -> Bench {
    let bench = bench();
    let inner = bench.path("../inner");
    bench.git(&["init", "--quiet", "--initial-branch=main", "../inner"]);
    bench.write("../inner/inner.txt", "inner\n");
    let inner = inner.to_str().expect("a scratch folder has a plain name");
    bench.git(&["-C", inner, "add", "--all"]);
    bench.git(&[
        "-C",
        inner,
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "commit",
        "--quiet",
        "-m",
        "Begin",
    ]);
    bench.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "lib"]);
    bench.commit("Take in a submodule");
    bench
}

#[test]
fn submodule_is_kept_as_it_is() {
    let bench = with_submodule();
    let said = run_one(&bench);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["diff", "--name-only", "main", "toll/main"]), "x.txt");
    assert_eq!(bench.git(&["rev-parse", "toll/main:lib"]), bench.git(&["-C", "lib", "rev-parse", "HEAD"]));
}

#[test]
fn run_in_a_submodule_is_one_of_the_submodule() {
    let bench = with_submodule();
    let said = run(bench.command(&["do", "Do it", "--agent", "script"]).current_dir(bench.path("lib")));
    // It has no configuration of its own, so no agent.
    assert_eq!(said.code, Some(2), "{said}");
    bench.write(
        "lib/tollhouse.toml",
        bench
            .read("tollhouse.toml")
            .replace("check.sh", "inner.txt")
            .replace("\"sh\", \"inner.txt\"", "\"test\", \"-s\", \"inner.txt\""),
    );
    let said = run(bench.command(&["do", "Do it"]).current_dir(bench.path("lib")));
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["-C", "lib", "show", "toll/main:x.txt"]), "x");
    assert!(!bench.git(&["branch", "--list"]).contains("toll/"));
}

#[test]
fn what_a_sparse_checkout_leaves_out_is_there_for_agents_and_stays_on_the_branch() {
    let bench = bench();
    bench.git(&["sparse-checkout", "set", "--no-cone", "/*", "!/src/"]);
    assert!(!bench.path("src/app.txt").exists());
    bench.agent("cat src/app.txt > x.txt");
    let said = run_one(&bench);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["diff", "--name-only", "main", "toll/main"]), "x.txt");
    assert_eq!(bench.toll(&["sync"]).code, Some(0));
    assert!(bench.path("x.txt").exists() && !bench.path("src/app.txt").exists());
}

#[test]
fn shallow_clone_is_enough_for_a_run() {
    let bench = bench();
    bench.write("more.txt", "more\n").commit("More");
    let url = format!("file://{}", bench.dir().display());
    bench.git(&["clone", "--quiet", "--depth", "1", &url, "../clone"]);
    let clone = bench.path("../clone");
    let said = run(bench.command(&["run", "../plan.toml"]).current_dir(&clone));
    assert_eq!(said.code, Some(0), "{said}");
    let said = run(bench.command(&["sync"]).current_dir(&clone));
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["-C", "../clone", "log", "--oneline"]).lines().count(), 2);
}

#[test]
fn shallow_clone_that_took_in_a_merge_is_enough_for_a_run() {
    let bench = bench();
    bench.git(&["checkout", "--quiet", "-b", "side"]);
    bench.write("side.txt", "side\n").commit("Side").git(&["checkout", "--quiet", "main"]);
    bench.write("more.txt", "more\n").commit("More");
    bench.git(&["merge", "--quiet", "--no-edit", "side"]);
    let url = format!("file://{}", bench.dir().display());
    bench.git(&["clone", "--quiet", "--depth", "2", &url, "../clone"]);
    let said = run(bench.command(&["run", "../plan.toml"]).current_dir(bench.path("../clone")));
    assert_eq!(said.code, Some(0), "{said}");
}

/// Two branches that do not fit, so that bringing them together stops in the middle.
fn diverged() -> Bench {
    let bench = bench();
    bench.git(&["checkout", "--quiet", "-b", "side"]);
    bench.write("README.md", "side\n").commit("Side").git(&["checkout", "--quiet", "main"]);
    bench.write("README.md", "main\n").commit("Main");
    bench
}

/// What git notes of an operation that is not finished, and the files that it left.
fn unfinished(bench: &Bench) -> BTreeMap<PathBuf, Still> {
    bench.of_the_person()
}

/// That a run works here and touches nothing, and that a sync refuses and touches nothing.
#[track_caller]
fn assert_left_alone(bench: &Bench, code: &str) {
    let before = unfinished(bench);
    let said = run_one(bench);
    assert_eq!(said.code, Some(0), "{said}");
    assert_same(&before, &unfinished(bench));
    let said = bench.toll(&["sync", "--json"]);
    assert_eq!((said.code, said.error()["code"].as_str()), (Some(5), Some(code)), "{said}");
    assert!(said.error()["hint"].is_string(), "{said}");
    assert_same(&before, &unfinished(bench));
}

#[test]
fn merge_that_is_not_finished_is_left_alone() {
    let bench = diverged();
    assert_ne!(try_git(&bench, &["merge", "side"]).code, Some(0));
    assert_left_alone(&bench, "merge_in_progress");
}

#[test]
fn rebase_that_is_not_finished_is_left_alone() {
    let bench = diverged();
    bench.git(&["checkout", "--quiet", "side"]);
    assert_ne!(try_git(&bench, &["rebase", "main"]).code, Some(0));
    assert_left_alone(&bench, "merge_in_progress");
}

#[test]
fn cherry_pick_that_is_not_finished_is_left_alone() {
    let bench = diverged();
    assert_ne!(try_git(&bench, &["cherry-pick", "side"]).code, Some(0));
    assert_left_alone(&bench, "merge_in_progress");
}

#[test]
fn bisection_that_is_not_finished_is_left_alone() {
    let bench = bench();
    for name in ["a", "b", "c", "d"] {
        bench.write(name, "x\n").commit(name);
    }
    bench.git(&["bisect", "start", "--", "."]);
    bench.git(&["bisect", "bad", "main"]);
    bench.git(&["bisect", "good", "main~4"]);
    assert_left_alone(&bench, "merge_in_progress");
}

#[test]
fn branch_whose_name_is_like_an_option_is_refused_in_the_configuration() {
    let bench = bench();
    bench.config("[project]\ntarget = \"--help\"\nland_on = \"-x\"\n");
    let said = run_one(&bench);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("branch name `--help` begins with `-`"), "{said}");
    assert!(said.err.contains("branch name `-x` begins with `-`"), "{said}");
}

#[test]
fn only_branch_whose_name_is_like_an_option_is_a_branch() {
    let bench = bench();
    // Git makes none of this name; other programs do.
    bench.git(&["update-ref", "refs/heads/--help", "main"]);
    bench.git(&["symbolic-ref", "HEAD", "refs/heads/--help"]);
    bench.git(&["update-ref", "-d", "refs/heads/main"]);
    let said = run_one(&bench);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["show", "refs/heads/toll/--help:x.txt"]), "x");
    let said = bench.toll(&["sync"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.read("x.txt"), "x\n");
}
