//! Work that goes out to a person as a branch, and work that a person hands in.

use crate::harness::{Bench, GATE, assert_same, assert_says, run, tasks};
use crate::word::{NARROW, assert_refused, branch, held, one_after_the_other, patch, patches, refused, state_of};

#[test]
fn checkout_makes_only_a_branch() {
    let (bench, id) = refused();
    let (before, refs) = (bench.of_the_person(), bench.git(&["for-each-ref", "--format=%(refname)"]));
    let said = bench.toll(&["patch", "checkout", &id, "--json"]);
    let branch = said.json()["branch"].as_str().unwrap().to_owned();
    let made = format!("refs/heads/{branch}");
    let more: Vec<String> = bench
        .git(&["for-each-ref", "--format=%(refname)"])
        .lines()
        .filter(|name| !refs.lines().any(|old| old == *name) && !name.starts_with("refs/tollhouse/"))
        .map(str::to_owned)
        .collect();
    assert_eq!(more, [made]);
    assert_same(&before, &bench.of_the_person());
}

#[test]
fn checkout_of_a_patch_whose_branch_is_there_is_refused() {
    let (bench, id) = refused();
    assert_eq!(bench.toll(&["patch", "checkout", &id]).code, Some(0));
    assert_refused(&bench.toll(&["patch", "checkout", &id, "--json"]), 5, "branch_exists");
}

/// A patch that a person mends in a worktree, and its branch.
fn mended(bench: &Bench, id: &str) -> String {
    let made = bench.toll(&["patch", "checkout", id, "--json"]).json();
    let branch = made["branch"].as_str().expect("a branch was made").to_owned();
    bench.git(&["worktree", "add", "--quiet", "../mending", &branch]);
    let git = |args: &[&str]| {
        let said = run(bench.isolated("git").current_dir(bench.around().join("mending")).args(args));
        assert_eq!(said.code, Some(0), "{said}");
    };
    git(&["mv", "one.txt", "src/one.txt"]);
    git(&[
        "-c",
        "user.name=Grace",
        "-c",
        "user.email=grace@example.org",
        "commit",
        "--quiet",
        "--message",
        "Put it where it belongs",
    ]);
    branch
}

#[test]
fn what_a_person_mended_lands_as_theirs() {
    let (bench, id) = refused();
    let said = bench.toll(&["submit", &mended(&bench, &id)]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["src/one.txt".to_owned()]), "{said}");
    assert_eq!(
        bench.git(&["log", "-1", "--format=%an <%ae> %s", "toll/main"]),
        "Grace <grace@example.org> Put it where it belongs"
    );
}

#[test]
fn patch_that_was_mended_is_superseded() {
    let (bench, id) = refused();
    bench.toll(&["submit", &mended(&bench, &id)]);
    let old = patch(&bench, &id);
    assert_eq!(old["state"], "dropped", "{old:#}");
    assert!(old["reason"].as_str().unwrap().contains("superseded by patch_"), "{old:#}");
}

#[test]
fn patch_that_was_finished_by_hand_is_not_landed_too_when_the_program_died_before_it_said_so() {
    let bench = held(&tasks(&["one"]));
    let id = patches(&bench).remove(0);
    let made = bench.toll(&["patch", "checkout", &id, "--json"]).json();
    let mut submit = bench.command(&["submit", made["branch"].as_str().expect("a branch was made")]);
    assert_eq!(run(submit.env("TOLLHOUSE_FAILPOINT", "commit.step_down:after")).code, None, "it is killed");
    assert_eq!(state_of(&bench, &id), "verified");
    assert_refused(&bench.toll(&["land", "--json"]), 4, "nothing_held");
    assert_eq!((state_of(&bench, &id).as_str(), bench.landed()), ("dropped", vec!["one.txt".to_owned()]));
}

#[test]
fn patch_that_was_mended_and_held_is_superseded_when_that_lands() {
    let (bench, id) = refused();
    let said = bench.toll(&["submit", &mended(&bench, &id), "--hold"]);
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(7), "quarantined"), "{said}");
    let said = bench.toll(&["land"]);
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(0), "dropped"), "{said}");
}

#[test]
fn held_change_that_a_person_finished_is_not_made_again() {
    let bench = held(&one_after_the_other());
    let id = patches(&bench).remove(0);
    let said = bench.toll(&["submit", &mended(&bench, &id)]);
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(0), "dropped"), "{said}");
    let run = bench.toll(&["runs", "--json"]).json()["runs"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(bench.toll(&["resume", &run]).code, Some(7));
    assert_eq!(bench.noted("begun"), ["one", "two"]);
}

#[test]
fn branch_is_left_as_it_was_by_submitting_it() {
    let bench = Bench::new();
    branch(&bench, "mine", "mine.txt", "mine\n");
    let (before, tip) = (bench.of_the_person(), bench.git(&["rev-parse", "mine"]));
    assert_eq!(bench.toll(&["submit", "mine"]).code, Some(0));
    assert_same(&before, &bench.of_the_person());
    assert_eq!(tip, bench.git(&["rev-parse", "mine"]));
}

#[test]
fn submit_says_what_landed() {
    let bench = Bench::new();
    branch(&bench, "mine", "mine.txt", "mine\n");
    assert_says!(bench, bench.toll(&["submit", "mine"]), @r"
    exit: 0
    --- stdout
    submit [SHORT] · succeeded · 1 landed on toll/main · [TIME]

      ✓  Write mine.txt  [SHORT] [COMMIT]  1 file, +1 −0
    --- stderr
    submit  gate check passed
    submit  landed as [COMMIT]
    ");
}

#[test]
fn submitted_branch_whose_gate_fails_is_set_aside() {
    let bench = Bench::new();
    branch(&bench, "bad", "README.md", "");
    let said = bench.toll(&["submit", "bad"]);
    assert_eq!((said.code, state_of(&bench, &patches(&bench)[0]).as_str()), (Some(1), "quarantined"), "{said}");
    assert!(bench.landed().is_empty());
}

#[test]
fn submitted_branch_that_leaves_the_policy_is_set_aside() {
    let bench = Bench::new();
    bench.config(&format!("{GATE}{NARROW}")).commit("Narrow");
    branch(&bench, "wide", "wide.txt", "wide\n");
    let said = bench.toll(&["submit", "wide"]);
    assert_eq!(
        (said.code, &patch(&bench, &patches(&bench)[0])["refused_by"]),
        (Some(1), &"write_scope".into()),
        "{said}"
    );
}

#[test]
fn submit_of_what_changes_nothing_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.git(&["branch", "same"]);
    assert_refused(&bench.toll(&["submit", "same", "--json"]), 2, "nothing_to_submit");
    assert!(!bench.path(".git/tollhouse").exists());
}

#[test]
fn submit_of_what_is_not_there_leaves_nothing_behind() {
    let bench = Bench::new();
    for args in [&["submit", "nowhere", "--json"][..], &["submit", "main", "--base", "nowhere", "--json"]] {
        assert_eq!(bench.toll(args).code, Some(4));
    }
    assert!(!bench.path(".git/tollhouse").exists());
}

#[test]
fn submit_with_a_base_hands_in_only_what_came_after_it() {
    let bench = Bench::new();
    branch(&bench, "mine", "first.txt", "first\n");
    bench.git(&["switch", "--quiet", "mine"]);
    bench.write("second.txt", "second\n").commit("Second").git(&["switch", "--quiet", "main"]);
    let said = bench.toll(&["submit", "mine", "--base", "mine~1"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["second.txt".to_owned()]), "{said}");
}

#[test]
fn submitted_branch_can_be_held() {
    let bench = Bench::new();
    branch(&bench, "mine", "mine.txt", "mine\n");
    let said = bench.toll(&["submit", "mine", "--hold"]);
    assert_eq!((said.code, bench.has_branch("toll/main")), (Some(7), false), "{said}");
    let said = bench.toll(&["land"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["mine.txt".to_owned()]), "{said}");
}

#[test]
fn submitted_branch_with_a_merge_of_the_target_brings_only_what_is_its_own() {
    let bench = Bench::new();
    branch(&bench, "mine", "mine.txt", "mine\n");
    bench.write("theirs.txt", "theirs\n").commit("Theirs");
    bench.git(&["switch", "--quiet", "mine"]);
    bench.git(&["merge", "--quiet", "--no-edit", "main"]);
    bench.git(&["switch", "--quiet", "main"]);
    let said = bench.toll(&["submit", "mine"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["mine.txt".to_owned()]), "{said}");
}

#[test]
fn submit_of_unrelated_history_is_refused() {
    let bench = Bench::new();
    bench.git(&["switch", "--quiet", "--orphan", "alone"]);
    bench.write("alone.txt", "alone\n").commit("Alone").git(&["switch", "--quiet", "main"]);
    assert_refused(&bench.toll(&["submit", "alone", "--json"]), 2, "unrelated");
}
