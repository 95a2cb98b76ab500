//! What lies around a run: what is prepared for it, what it borrows, what others do meanwhile.

use crate::harness::{Bench, tasks};

#[test]
fn what_setup_does_to_the_tree_is_not_the_agents_work() {
    let bench = Bench::new();
    let config = "[workspace]\nsetup = \"echo setup >> README.md; echo made > made.txt\"\n";
    bench.agent("echo work > work.txt").config(config).plan(&tasks(&["one"]));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(0));
    assert_eq!(bench.git(&["diff", "--name-only", "main", "toll/main"]), "work.txt");
}

#[test]
fn gate_does_not_judge_a_tree_that_setup_changed() {
    let bench = Bench::new();
    let setup = "test ! -e work.txt || echo setup >> README.md";
    let config = format!("[workspace]\nsetup = \"{setup}\"\n[[gate]]\nname = \"yes\"\nrun = \"true\"\n");
    bench.agent("echo work > work.txt").config(&config).plan(&tasks(&["one"]));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(1));
    let reason = bench.toll(&["explain", "--json"]).json()["because"].to_string();
    assert!(reason.contains("setup changes files of the tree that is to be judged: README.md"), "{reason}");
}

#[test]
fn copy_of_a_tracked_file_is_refused_so_that_uncommitted_work_never_lands() {
    let bench = Bench::new();
    bench.agent("echo work > work.txt").config("[workspace]\ncopy = [\"README.md\"]\n").plan(&tasks(&["one"]));
    bench.write("README.md", "uncommitted\n");
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(1));
    let reason = bench.toll(&["status", "--json"]).json()["reason"].to_string();
    assert!(reason.contains("README.md is tracked by git"), "{reason}");
}

#[test]
fn run_whose_landing_branch_somebody_moved_back_does_not_build_on_what_is_gone() {
    let bench = Bench::new();
    let elsewhere = bench.git(&["rev-parse", "--show-toplevel"]);
    bench.agent(&format!("[ $1 = a ] || git -C '{elsewhere}' update-ref -d refs/heads/toll/main; echo $1 > $1.txt"));
    bench.plan(&tasks(&["a", "b"]).replace("\"Do b\"", "\"Do b\"\nneeds = [\"a\"]"));
    assert_eq!(bench.toll(&["run", "../plan.toml"]).code, Some(7));
    let status = bench.toll(&["status", "--json"]).json();
    let reason = status["reason"].to_string();
    assert!(reason.contains("which landed in this run, is not on it any more"), "{reason}");
    let landed = status["patches"][0]["commit"].as_str().expect("a landed").to_owned();
    bench.git(&["update-ref", "refs/heads/toll/main", &landed]);
    assert_eq!(bench.toll(&["resume"]).code, Some(0));
    assert_eq!(bench.git(&["show", "toll/main:b.txt"]), "b");
    assert_eq!(bench.toll(&["task", "show", "b", "--json"]).json()["attempts_used"], 1);
}

#[test]
fn ledger_elsewhere_touches_no_repository_beside_it() {
    let bench = Bench::new();
    bench.agent("echo work > work.txt").plan(&tasks(&["one"]));
    bench.git(&["init", "-q", "--bare", "../repo.git"]);
    let before = bench.git(&["-C", "../repo.git", "config", "--list", "--local"]);
    assert_eq!(bench.toll(&["--ledger", "../x.db", "run", "../plan.toml"]).code, Some(0));
    assert_eq!(bench.git(&["-C", "../repo.git", "config", "--list", "--local"]), before);
}
