//! `toll purge`: what was said is nowhere any more, and history still holds.

use std::fs;

use serde_json::Value;

use crate::harness::{Bench, run, tasks};

const SECRET: &str = "hunter2-hunter2-hunter2";

/// A run in which an agent was told something, printed it at length and landed something else; a second task was refused.
fn told() -> Bench {
    let bench = Bench::new();
    let agent = format!(
        "seq 1 100000 | sed 's/^/{SECRET} /'; if [ $1 = a ]; then echo $1 > $1.txt; else echo {SECRET} > README.md; : > README.md; fi"
    );
    let plan = tasks(&["a", "b"]).replace("Do a", &format!("Do a with {SECRET}"));
    bench.agent(&agent).plan(&plan);
    let said = bench.toll(&["run", "../plan.toml"]);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(is_somewhere(&bench));
    bench
}

/// Whether a file beside the ledger, or of a workspace, has the text in it.
fn is_somewhere(bench: &Bench) -> bool {
    let folders = [bench.path(".git/tollhouse"), bench.around().join("state")];
    folders.iter().any(|folder| {
        bench.photograph(folder).into_keys().any(|path| {
            let bytes = fs::read(bench.path("").join(path)).unwrap_or_default();
            bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
        })
    })
}

fn sound(bench: &Bench) -> Value {
    let said = bench.toll(&["verify", "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    said.json()
}

const PURGE: &[&str] = &["purge", "@", "--reason", "a password", "--json"];

#[test]
fn a_purged_run_is_silent_and_sound() {
    let bench = told();
    let before = sound(&bench);
    let tip = bench.git(&["rev-parse", "toll/main"]);
    let said = bench.toll(PURGE);
    assert_eq!(said.code, Some(0), "{said}");
    let report = said.json();
    assert_eq!(report["landed"][0].as_str().map(str::trim), Some(tip.trim()), "{report}");
    assert!(report["blobs"].as_u64() > Some(0) && report["patches"] == 2, "{report}");
    assert!(!is_somewhere(&bench));
    let after = sound(&bench);
    assert_eq!(after["landed"], before["landed"]);
    assert_eq!(bench.git(&["rev-parse", "toll/main"]), tip);
    bench.git(&["fsck", "--no-dangling"]);
    for args in [&["status"][..], &["status", "--json"], &["log"], &["runs"], &["task", "list"], &["patch", "list"]] {
        let said = bench.toll(args);
        assert!(matches!(said.code, Some(0 | 1)), "{said}");
        assert!(!said.out.contains(SECRET), "{said}");
    }
    let said = bench.toll(&["log", "--kind", "effect"]);
    assert!(said.out.contains("a password"), "{said}");
}

#[test]
fn what_was_purged_says_so() {
    let bench = told();
    let patch = bench.toll(&["patch", "list", "--json"]).json()["patches"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(bench.toll(PURGE).code, Some(0));
    for args in [&["patch", "show", &patch][..], &["patch", "show", "--diff", &patch], &["task", "show", "a"]] {
        let said = bench.toll(args);
        assert_eq!(said.code, Some(0), "{said}");
        assert!(said.out.contains("[purged]"), "{said}");
    }
    let refused = bench.toll(&["patch", "checkout", &patch]);
    assert_ne!(refused.code, Some(0), "{refused}");
    let refused = bench.toll(&["fork"]);
    assert!(refused.err.contains("was purged"), "{refused}");
}

#[test]
fn looking_changes_nothing() {
    let bench = told();
    let before = bench.toll(&["log", "--json"]).out;
    let report = bench.toll(&["purge", "@", "--dry-run", "--json"]).json();
    assert_eq!((&report["dry_run"], &report["patches"]), (&Value::Bool(true), &Value::from(2)), "{report}");
    assert_eq!(bench.toll(&["log", "--json"]).out, before);
    assert!(is_somewhere(&bench));
    let done = bench.toll(PURGE).json();
    for count in ["records", "events", "blobs", "patches", "workspaces", "long_reasons", "landed"] {
        assert_eq!(done[count], report[count], "{count}");
    }
}

#[test]
fn only_a_person_with_a_reason_purges() {
    let bench = told();
    let said = bench.toll(&["purge", "@"]);
    assert_eq!(said.code, Some(2), "{said}");
    assert!(said.err.contains("needs a reason"), "{said}");
    let said = run(bench.command(PURGE).env("TOLLHOUSE_TASK", "task_1"));
    assert!(said.code != Some(0) && format!("{said}").contains("not_a_person"), "{said}");
    let said = bench.toll(&["purge", "patch_00000000000000000000000001", "--reason", "x"]);
    assert_eq!(said.code, Some(4), "{said}");
    assert!(is_somewhere(&bench));
}

#[test]
fn one_task_is_forgotten_and_the_other_stays() {
    let bench = told();
    let said = bench.toll(&["purge", "b", "--reason", "a password", "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(is_somewhere(&bench), "the other was told and printed the same");
    assert!(bench.toll(&["task", "show", "a"]).out.contains(SECRET));
    assert!(!bench.toll(&["task", "show", "b"]).out.contains(SECRET));
    sound(&bench);
    // Said again, nothing is left to be done, and it is no mistake.
    assert_eq!(bench.toll(&["purge", "b", "--reason", "again"]).code, Some(0));
    sound(&bench);
}

#[test]
fn a_backup_of_a_purged_ledger_is_whole() {
    let bench = told();
    assert_eq!(bench.toll(PURGE).code, Some(0));
    let said = bench.toll(&["backup", "../ledger.tar"]);
    assert_eq!(said.code, Some(0), "{said}");
    let said = bench.toll(&["restore", "../ledger.tar", "--ledger", "../again/ledger.db"]);
    assert_eq!(said.code, Some(0), "{said}");
}

/// The hashes of an older ledger are over what was purged: what can still be compared is.
#[test]
fn an_older_ledger_can_be_purged() {
    let bench = Bench::new();
    bench.write("../old.sql", include_str!("../../../../tests/ledgers/schema-2.sql"));
    let script =
        "import sqlite3, sys\nledger = sqlite3.connect('../old.db')\nledger.executescript(open('../old.sql').read())";
    let said = run(bench.isolated("python3").args(["-c", script]));
    assert_eq!(said.code, Some(0), "{said}");
    let findings = || {
        let said = bench.toll(&["verify", "--ledger", "../old.db", "--json"]);
        said.json()["findings"].as_array().expect("there is a list").clone()
    };
    let runs = bench.toll(&["runs", "--ledger", "../old.db", "--json"]).json();
    let mut purged = 0;
    for run in runs["runs"].as_array().expect("there are runs") {
        let id = run["id"].as_str().expect("it has an id");
        purged += u32::from(bench.toll(&["purge", id, "--ledger", "../old.db", "--reason", "x"]).code == Some(0));
    }
    assert!(purged > 0, "{runs}");
    let findings = findings();
    assert!(
        findings.iter().all(|finding| finding["code"] == "landed_differs" || finding["code"] == "blob_missing"),
        "{findings:#?}"
    );
}
