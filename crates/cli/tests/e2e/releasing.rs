//! Patches that were set aside and that a person lets in again.

use serde_json::Value;

use crate::harness::{Bench, GATE, run, tasks};
use crate::living::WAITS_FOR_GO;
use crate::word::{NARROW, assert_refused, branch, patch, patches, refused, state_of};

#[test]
fn released_patch_lands_and_shows_what_was_waived() {
    let (bench, id) = refused();
    let said = bench.toll(&["patch", "release", &id, "--allow", "*.txt", "--reason", "it may"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["one.txt".to_owned()]), "{said}");
    let patch = patch(&bench, &id);
    let waived = patch["verdicts"].as_array().unwrap().iter().find(|verdict| verdict["rule"] == "write_scope").unwrap();
    assert_eq!((&waived["outcome"], &patch["allowed"]), (&"waived".into(), &serde_json::json!(["*.txt"])), "{patch:#}");
}

#[test]
fn release_stays_on_the_ledger_with_its_reason_and_who_said_it() {
    let (bench, id) = refused();
    bench.toll(&["patch", "release", &id, "--allow", "*.txt", "--reason", "it may"]);
    let log = bench.toll(&["log", &id, "--json"]).out;
    let release: Value = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .find(|row: &Value| row["event"] == "release")
        .unwrap();
    assert_eq!((&release["reason"], &release["severity"]), (&"it may".into(), &"warning".into()), "{release:#}");
    assert!(release["actor"].to_string().contains("ada"), "{release:#}");
    let line = bench.toll(&["log", &id]).out;
    assert!(line.contains("release → created  it may; allowed: *.txt"), "{line}");
}

#[test]
fn release_of_what_its_rules_still_refuse_is_a_no() {
    let (bench, id) = refused();
    let said = bench.toll(&["patch", "release", &id, "--allow", "other/**", "--reason", "it may"]);
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(1), "quarantined"), "{said}");
}

#[test]
fn release_needs_a_reason() {
    let (bench, id) = refused();
    let before = bench.all_that_is();
    assert_refused(&bench.toll(&["patch", "release", &id, "--allow", "*.txt", "--json"]), 2, "no_reason");
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn rule_that_nobody_may_waive_is_not_waived() {
    let (bench, id) = refused();
    let before = bench.all_that_is();
    for rule in ["git_directory", "outside_repository", "nonsense"] {
        let said = bench.toll(&["patch", "release", &id, "--waive", rule, "--reason", "x", "--json"]);
        assert_refused(&said, 2, "not_waivable");
    }
    assert_refused(&bench.toll(&["patch", "release", &id, "--allow", "[", "--reason", "x", "--json"]), 2, "bad_glob");
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn patch_whose_task_goes_on_is_not_released() {
    let bench = Bench::new();
    bench.config(&format!("{GATE}{NARROW}")).commit("Narrow");
    bench.agent(&format!(
        "[ -e \"$TMPDIR/begun\" ] || {{ echo 1 >> \"$TMPDIR/begun\"; echo x > x.txt; exit 0; }}\n{WAITS_FOR_GO}"
    ));
    let living = bench.start_plan(&tasks(&["one"]).replace("attempts = 1", "attempts = 2"));
    let id = patches(&bench).remove(0);
    assert_refused(&bench.toll(&["patch", "release", &id, "--reason", "x", "--json"]), 5, "task_in_the_way");
    bench.toll(&["cancel", "--kill"]);
    living.ended();
}

#[test]
fn ctrl_c_while_a_released_patch_is_at_the_gate_leaves_it_to_be_resumed() {
    let (bench, id) = refused();
    bench.config(&format!("{GATE}{NARROW}"));
    let waits = "[ ! -e one.txt ] || [ -e \"$TMPDIR/go\" ] || { echo $$ >> \"$TMPDIR/pids\"; sleep 1000 & wait; }";
    bench.write("check.sh", waits).commit("Wait");
    let living = bench.start(&["patch", "release", &id, "--allow", "*.txt", "--reason", "it may"]);
    bench.until("the gate began", || !bench.pids().is_empty());
    let said = living.interrupted();
    assert_eq!((said.code, state_of(&bench, &id).as_str()), (Some(130), "applied"), "{said}");
    assert!(bench.status()["next"].as_str().is_some_and(|next| next.starts_with("toll resume")));
    bench.let_go().toll(&["resume"]);
    assert_eq!(bench.landed(), ["one.txt"]);
}

#[test]
fn submitted_patch_that_was_set_aside_can_be_released() {
    let bench = Bench::new();
    bench.config(&format!("{GATE}{NARROW}")).commit("Narrow");
    branch(&bench, "wide", "wide.txt", "wide\n");
    bench.toll(&["submit", "wide"]);
    let said = bench.toll(&["patch", "release", &patches(&bench)[0], "--allow", "wide.txt", "--reason", "it may"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["wide.txt".to_owned()]), "{said}");
}

#[test]
fn killed_release_names_how_to_go_on_and_keeps_what_it_needs() {
    for point in ["commit.drive:after", "commit.claim.gate:after", "git.swap:after"] {
        let (bench, id) = refused();
        let mut release = bench.command(&["patch", "release", &id, "--allow", "*.txt", "--reason", "it may"]);
        assert_eq!(run(release.env("TOLLHOUSE_FAILPOINT", point)).code, None, "it is killed at {point}");
        let refs = bench.git(&["for-each-ref", "refs/tollhouse", "--format=%(refname)"]);
        assert_eq!(bench.toll(&["gc"]).code, Some(0));
        let gone: Vec<&str> = refs.lines().filter(|name| bench.git(&["for-each-ref", name]).is_empty()).collect();
        assert!(gone.iter().all(|name| name.ends_with("/base")), "{point}: {gone:?}");
        let next = bench.status()["next"].as_str().expect("it says how to go on").to_owned();
        assert!(next.starts_with("toll resume"), "{point}: {next}");
        bench.toll(&["resume"]);
        assert_eq!(bench.landed(), ["one.txt"], "{point}");
    }
}
