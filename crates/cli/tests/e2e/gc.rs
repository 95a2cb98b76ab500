//! What `toll gc` takes away, and what it leaves.

use serde_json::Value;

use crate::harness::{Bench, assert_same, tasks};
use crate::killed::bench;

fn rows(bench: &Bench, args: &[&str]) -> Vec<Value> {
    let said = bench.toll(args);
    assert_eq!(said.code, Some(0), "{said}");
    said.json()["found"].as_array().expect("a list").clone()
}

fn killed_at(bench: &Bench, point: &str) {
    let mut command = bench.command(&["run", "../plan.toml"]);
    let output = command.env("TOLLHOUSE_FAILPOINT", point).output().expect("toll starts");
    assert_eq!(output.status.code(), None, "it was to be killed");
}

#[test]
fn what_an_unfinished_run_needs_stays() {
    let bench = bench();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]).replace("attempts = 1", "attempts = 3"));
    killed_at(&bench, "git.keep:before");
    let found = rows(&bench, &["gc", "--json"]);
    assert!(!found.is_empty());
    assert!(found.iter().all(|row| row["fate"] == "stays"), "{found:#?}");
    let said = bench.toll(&["resume"]);
    assert_eq!(said.code, Some(0), "{said}");
    let found = rows(&bench, &["gc", "--json"]);
    assert!(found.iter().all(|row| row["fate"] == "goes"), "{found:#?}");
    assert_eq!(rows(&bench, &["gc", "--json"]), Vec::<Value>::new());
    assert_eq!(bench.toll(&["gc"]).out, "nothing was left\n");
}

#[test]
fn dry_run_says_what_would_go_and_changes_nothing() {
    let bench = bench();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(0));
    // Opening the ledger to write may touch its own files.
    let ours = || {
        let mut files = bench.photograph(&bench.around());
        files.retain(|path, _| !path.to_string_lossy().contains("tollhouse/ledger.db"));
        files
    };
    let before = ours();
    let found = rows(&bench, &["gc", "--dry-run", "--json"]);
    assert!(found.iter().any(|row| row["fate"] == "goes"), "{found:#?}");
    assert_same(&before, &ours());
}

#[test]
fn patch_that_may_come_back_keeps_what_it_was_made_on() {
    let bench = bench();
    bench.agent("mkdir -p secrets; echo \"$1\" > secrets/key").plan(&tasks(&["one"]));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(1));
    let found = rows(&bench, &["gc", "--json"]);
    assert!(found.iter().any(|row| row["fate"] == "stays" && row["kind"] == "pin"), "{found:#?}");
    // What it was made on is on no branch any more.
    bench.git(&["commit", "--quiet", "--amend", "--message", "Begin again"]);
    bench.git(&["reflog", "expire", "--expire=now", "--all"]);
    bench.git(&["gc", "--quiet", "--prune=now"]);
    let patches = bench.toll(&["patch", "list", "--json"]).json();
    let id = patches["patches"][0]["id"].as_str().expect("there is one").to_owned();
    let said = bench.toll(&["patch", "release", &id, "--allow", "secrets/**", "--reason", "it is a sample"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["show", "toll/main:secrets/key"]), "one");
}

#[test]
fn what_a_living_run_uses_stays() {
    let bench = bench();
    bench.agent("touch \"$TMPDIR/begun\"; while ! test -e \"$TMPDIR/go\"; do sleep 0.05; done; echo x > x.txt");
    bench.plan(&tasks(&["one"]));
    let mut child = bench.command(&["run", "../plan.toml", "--quiet"]).spawn().expect("toll starts");
    bench.until("the agent works", || bench.notes().join("begun").exists());
    let found = rows(&bench, &["gc", "--json"]);
    bench.write("../tmp/go", "");
    assert!(child.wait().expect("it ends").success());
    let of_run: Vec<&Value> = found.iter().filter(|row| row["why"] != "its gate has ended").collect();
    assert!(!of_run.is_empty() && of_run.iter().all(|row| row["fate"] == "stays"), "{found:#?}");
    assert_eq!(bench.git(&["show", "toll/main:x.txt"]), "x");
}
