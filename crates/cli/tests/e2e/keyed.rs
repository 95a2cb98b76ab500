//! A name of one's own for a run: asked for again under it, it is the same run.

use std::process::{Child, Stdio};

use crate::harness::{Bench, run, tasks};
use crate::word::branch;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.agent("echo x >> $1.txt").plan(&tasks(&["one"]));
    bench
}

const RUN: [&str; 4] = ["run", "../plan.toml", "--key", "job-4711"];

fn runs(bench: &Bench) -> usize {
    bench.toll(&["runs", "--json"]).json()["runs"].as_array().map_or(0, Vec::len)
}

#[test]
fn same_under_a_key_is_the_same_run() {
    let bench = bench();
    let first = bench.toll(&[&RUN[..], &["--json"]].concat());
    assert_eq!(first.code, Some(0), "{first}");
    let landed = bench.git(&["rev-parse", "toll/main"]);
    let again = bench.toll(&[&RUN[..], &["--json"]].concat());
    assert_eq!(again.code, Some(0), "{again}");
    assert_eq!(again.json()["run"]["id"], first.json()["run"]["id"]);
    assert_eq!((runs(&bench), bench.git(&["rev-parse", "toll/main"])), (1, landed));
}

#[test]
fn something_else_under_a_key_is_refused_and_leaves_nothing() {
    let bench = bench();
    assert_eq!(bench.toll(&RUN).code, Some(0));
    bench.plan(&tasks(&["two"]));
    let said = bench.toll(&[&RUN[..], &["--json"]].concat());
    assert_eq!((said.code, said.out.as_str()), (Some(5), ""), "{said}");
    assert_eq!(said.error()["code"], "key_reused", "{said}");
    let other = bench.toll(&["run", "../plan.toml", "--key", "job-4712"]);
    assert_eq!((other.code, runs(&bench)), (Some(0), 2), "{other}");
}

#[test]
fn key_that_is_no_name_is_refused() {
    let bench = bench();
    branch(&bench, "mine", "mine.txt", "mine\n");
    for key in ["", "a\nb", &"k".repeat(201)] {
        for asked in [["do", "Do it"], ["submit", "mine"]] {
            let said = bench.toll(&[&asked[..], &["--key", key]].concat());
            assert_eq!(said.code, Some(2), "{said}");
            assert!(said.err.contains("the key of a run has 1 to 200 bytes"), "{said}");
        }
    }
    assert_eq!(runs(&bench), 0);
}

/// Whoever is killed after the run was made, or while it goes on: asked for again, it comes to its end once.
#[test]
fn what_was_killed_goes_on_under_its_key() {
    for point in ["commit.create_run:after", "commit.start_run:after", "commit.report.spawn:after"] {
        let bench = bench();
        let killed = run(bench.command(&RUN).env("TOLLHOUSE_FAILPOINT", point));
        assert_eq!(killed.code, None, "{point}: {killed}");
        let again = bench.toll(&RUN);
        assert_eq!((again.code, runs(&bench)), (Some(0), 1), "{point}: {again}");
        assert_eq!(bench.git(&["show", "toll/main:one.txt"]).trim(), "x", "{point}");
    }
}

#[test]
fn of_many_who_ask_at_once_one_makes_the_run() {
    let bench = bench();
    let ask = || bench.command(&RUN).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("toll starts");
    let asked: Vec<Child> = (0..6).map(|_| ask()).collect();
    for child in asked {
        let said = child.wait_with_output().expect("it ends");
        // One drives it; the others are told so, or come when it is over.
        let told = String::from_utf8_lossy(&said.stderr);
        assert!(matches!(said.status.code(), Some(0 | 5)), "{told}");
        assert!(said.status.code() == Some(0) || told.contains("is driven by"), "{told}");
    }
    assert_eq!(runs(&bench), 1);
    assert_eq!(bench.toll(&RUN).code, Some(0));
    assert_eq!(bench.git(&["show", "toll/main:one.txt"]).trim(), "x");
}

const SUBMIT: [&str; 4] = ["submit", "mine", "--key", "job-4711"];

fn submissions(bench: &Bench) -> String {
    let own = bench.git(&["--git-dir", ".git/tollhouse/repo.git", "for-each-ref", "refs/tollhouse/submissions"]);
    own + &bench.git(&["for-each-ref", "refs/tollhouse/submissions"])
}

#[test]
fn branch_that_is_submitted_again_under_a_key_lands_once() {
    let bench = bench();
    branch(&bench, "mine", "mine.txt", "mine\n");
    let first = bench.toll(&[&SUBMIT[..], &["--json"]].concat());
    assert_eq!(first.code, Some(0), "{first}");
    let (landed, pinned) = (bench.git(&["rev-parse", "toll/main"]), submissions(&bench));
    let again = bench.toll(&[&SUBMIT[..], &["--json"]].concat());
    assert_eq!(again.code, Some(0), "{again}");
    assert_eq!(again.json()["run"]["id"], first.json()["run"]["id"]);
    assert_eq!((runs(&bench), bench.git(&["rev-parse", "toll/main"])), (1, landed));
    assert_eq!(submissions(&bench), pinned, "nothing is left of the second time");

    bench.git(&["switch", "--quiet", "mine"]);
    bench.write("mine.txt", "other\n").commit("Write something else").git(&["switch", "--quiet", "main"]);
    branch(&bench, "theirs", "theirs.txt", "theirs\n");
    let with_hold = ["submit", "mine~1", "--key", "job-4711", "--hold"];
    for args in [&SUBMIT[..], &["submit", "theirs", "--key", "job-4711"], &with_hold, &RUN] {
        let said = bench.toll(&[args, &["--json"]].concat());
        assert_eq!((said.code, &said.error()["code"]), (Some(5), &"key_reused".into()), "{args:?}: {said}");
    }
    assert_eq!((runs(&bench), submissions(&bench)), (1, pinned));
}

#[test]
fn submission_that_was_killed_goes_on_under_its_key() {
    for point in ["git.keep:after", "commit.submit_patch:after", "effect.gate:before", "effect.land:after"] {
        let bench = bench();
        branch(&bench, "mine", "mine.txt", "mine\n");
        let killed = run(bench.command(&SUBMIT).env("TOLLHOUSE_FAILPOINT", point));
        assert_eq!(killed.code, None, "{point}: {killed}");
        let again = bench.toll(&SUBMIT);
        assert_eq!((again.code, runs(&bench)), (Some(0), 1), "{point}: {again}");
        assert_eq!(bench.landed(), ["mine.txt"], "{point}");
    }
}

#[test]
fn of_many_who_submit_at_once_one_makes_the_run() {
    let bench = bench();
    branch(&bench, "mine", "mine.txt", "mine\n");
    let ask = || bench.command(&SUBMIT).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("toll starts");
    let asked: Vec<Child> = (0..6).map(|_| ask()).collect();
    for child in asked {
        let said = child.wait_with_output().expect("it ends");
        let told = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.code() == Some(0) || told.contains("is driven by"), "{told}");
    }
    assert_eq!((runs(&bench), bench.toll(&SUBMIT).code), (1, Some(0)));
    assert_eq!(bench.landed(), ["mine.txt"]);
}

#[test]
fn runs_are_found_by_their_labels() {
    let bench = bench();
    for (plan, label) in [("one", "team=parser"), ("two", "team=docs")] {
        bench.plan(&tasks(&[plan]));
        assert_eq!(bench.toll(&["run", "../plan.toml", "--label", label]).code, Some(0));
    }
    let found = bench.toll(&["runs", "--label", "team=docs", "--json"]).json();
    assert_eq!(found["runs"].as_array().map(Vec::len), Some(1), "{found}");
    assert!(bench.toll(&["runs", "--label", "team=none"]).err.contains("no run has this label"));
    assert_eq!(bench.toll(&["runs", "--label", "team"]).code, Some(2));
}
