//! Repositories that a run cannot work in, and those that only look so: what is said, and the exit status.

use crate::harness::{Bench, assert_says, run, run_one};

#[test]
fn folder_outside_any_repository_is_not_found() {
    let bench = Bench::empty();
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 4
    --- stdout
    --- stderr
    error: [AROUND]/repo is not in a git repository
    hint: go to a checkout of your project, or make one with `git init`
    ");
}

#[test]
fn repository_without_a_commit_is_refused() {
    let bench = Bench::empty();
    bench.git(&["init", "--quiet", "--initial-branch=main"]);
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: the repository at [AROUND]/repo has no commits yet
    hint: make a first commit: `git commit --allow-empty -m start`
    ");
}

#[test]
fn bare_repository_is_refused() {
    let bench = Bench::empty();
    bench.git(&["init", "--quiet", "--bare"]);
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: [AROUND]/repo is a bare repository
    hint: make a checkout: `git -C [AROUND]/repo worktree add ../checkout`
    ");
}

#[test]
fn sha256_repository_is_refused() {
    let bench = Bench::empty();
    bench.git(&["init", "--quiet", "--object-format=sha256"]);
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: the repository at [AROUND]/repo/.git has the object format sha256
    hint: only repositories with SHA-1 objects work as yet: use `toll` in one of those
    ");
}

#[test]
fn reftable_repository_is_refused() {
    let bench = Bench::empty();
    let made = run(bench.isolated("git").args(["init", "--quiet", "--ref-format=reftable"]));
    if made.code != Some(0) {
        // A git before 2.45 makes none, so nobody has one.
        assert!(made.err.contains("ref-format"), "{made}");
        return;
    }
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: the repository at [AROUND]/repo/.git stores its refs as reftable
    hint: convert it: `git refs migrate --ref-format=files`
    ");
}

#[test]
fn detached_head_does_not_matter_to_a_run() {
    let bench = Bench::new();
    bench.agent("echo new > new.txt").git(&["checkout", "--quiet", "--detach"]);
    let said = run_one(&bench);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["rev-parse", "toll/main^"]), bench.git(&["rev-parse", "main"]));
}

#[test]
fn branch_that_is_checked_out_is_not_the_target_for_that() {
    let bench = Bench::new();
    bench.agent("echo new > new.txt").git(&["checkout", "--quiet", "-b", "experiment"]);
    bench.write("experiment.txt", "x\n").commit("Try");
    let said = run_one(&bench);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["rev-parse", "toll/main^"]), bench.git(&["rev-parse", "main"]));
}

#[test]
fn target_that_is_not_there_is_not_found() {
    let bench = Bench::new();
    bench.config("[project]\ntarget = \"trunk\"\n");
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 4
    --- stdout
    --- stderr
    error: branch trunk is not there
    hint: `git branch --list` shows what there is; `target` in tollhouse.toml names another than trunk
    ");
}
