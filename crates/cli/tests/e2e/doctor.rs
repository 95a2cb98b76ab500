//! What `toll doctor` finds, and that it only looks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::harness::{Bench, Said, assert_same, run, tasks};

/// A repository with a ledger.
fn worked() -> Bench {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    bench
}

/// The checks of a name, each as its state and what was found.
fn checks(said: &Said, name: &str) -> Vec<(String, String)> {
    let report = said.json();
    let all = report["checks"].as_array().expect("there is a list");
    let text = |check: &Value, key: &str| check[key].as_str().expect("it is text").to_owned();
    all.iter()
        .filter(|check| check["name"] == name)
        .map(|check| (text(check, "state"), text(check, "detail")))
        .collect()
}

/// That there is a problem of this name that says so, and the answer is no.
#[track_caller]
fn assert_problem(said: &Said, name: &str, words: &str) {
    assert_eq!(said.code, Some(1), "{said}");
    let found = checks(said, name);
    assert!(found.iter().any(|(state, detail)| state == "problem" && detail.contains(words)), "{said}");
}

#[track_caller]
fn assert_warning(said: &Said, name: &str, words: &str) {
    assert_eq!(said.code, Some(0), "{said}");
    let found = checks(said, name);
    assert!(found.iter().any(|(state, detail)| state == "warning" && detail.contains(words)), "{said}");
}

#[test]
fn healthy_repository_is_a_yes() {
    let bench = worked();
    let said = bench.toll(&["doctor", "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    let states: Vec<Value> =
        said.json()["checks"].as_array().unwrap().iter().map(|check| check["state"].clone()).collect();
    // How full the disk of this machine is, is not ours to promise.
    assert!(states.len() > 12 && states.iter().all(|state| state != "problem"), "{said}");
}

#[test]
fn settings_of_the_ledger_are_read_back() {
    let said = worked().toll(&["doctor", "--json"]);
    let expected = ("ok".to_owned(), "schema 5, durability full, journal_mode wal, foreign_keys 1".to_owned());
    assert!(checks(&said, "ledger").contains(&expected), "{said}");
}

#[test]
fn people_read_a_list() {
    let said = worked().toll(&["doctor"]);
    assert!(said.out.contains("ok       branches: main lands on toll/main\n"), "{said}");
    assert!(
        said.out.lines().all(|line| ["ok  ", "warn", "prob", "    "].iter().any(|head| line.starts_with(head))),
        "{said}"
    );
}

#[test]
fn doctor_writes_nothing() {
    let bench = worked();
    bench.git(&["worktree", "add", "--quiet", "../second"]);
    // What SQLite shares among those who read is made by whoever reads first, and touched by all.
    bench.toll(&["status"]);
    let look = || {
        let mut stills = bench.photograph(&bench.around());
        stills.retain(|path, _| !path.ends_with("ledger.db-shm"));
        stills
    };
    let before = look();
    bench.toll(&["doctor"]);
    assert_same(&before, &look());
}

#[test]
fn doctor_makes_no_ledger() {
    let bench = Bench::new();
    let before = bench.photograph(&bench.around());
    let said = bench.toll(&["doctor", "--json"]);
    assert_eq!(checks(&said, "ledger"), [("ok".to_owned(), "nothing was ever recorded here".to_owned())]);
    assert_same(&before, &bench.photograph(&bench.around()));
}

#[test]
fn folder_outside_any_repository_is_a_problem_and_the_rest_is_looked_at() {
    let said = Bench::empty().toll(&["doctor", "--json"]);
    assert_problem(&said, "repository", "is not in a git repository");
    assert_eq!(checks(&said, "git").len() + checks(&said, "own configuration").len(), 2, "{said}");
}

#[test]
fn git_that_is_not_there_is_a_warning() {
    let bench = worked();
    let said = run(bench.command(&["doctor", "--json"]).env("PATH", "/nowhere"));
    assert!(checks(&said, "git").iter().any(|(state, _)| state == "warning"), "{said}");
    assert_problem(&said, "agent script", "sh was not found");
}

#[test]
fn program_of_a_gate_that_is_not_there_is_a_warning() {
    let bench = Bench::new();
    bench.config("[[gate]]\nname = \"unit\"\nrun = \"no-such-program --all\"\n");
    assert_warning(&bench.toll(&["doctor", "--json"]), "gate unit", "no-such-program was not found");
}

#[test]
fn program_of_an_agent_is_not_run() {
    let bench = Bench::new();
    let program = bench.path("../agent");
    bench.write("../agent", "#!/bin/sh\necho ran >> \"$TMPDIR/ran\"\n");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    bench.write("tollhouse.toml", format!("[agents.a]\ncommand = [{:?}]\n", program.to_str().unwrap()));
    assert_eq!(bench.toll(&["doctor"]).code, Some(0));
    assert_eq!(bench.noted("ran"), [""; 0]);
}

#[test]
fn landing_branch_that_is_checked_out_is_a_problem() {
    let bench = worked();
    bench.git(&["worktree", "add", "--quiet", "../second", "toll/main"]);
    assert_problem(&bench.toll(&["doctor", "--json"]), "branches", "toll/main is checked out in");
}

#[test]
fn target_that_is_not_there_is_a_problem() {
    let bench = Bench::new();
    bench.config("[project]\ntarget = \"trunk\"\n");
    assert_problem(&bench.toll(&["doctor", "--json"]), "branches", "branch trunk is not there");
}

#[test]
fn bisection_that_is_not_finished_is_a_warning() {
    let bench = Bench::new();
    bench.git(&["bisect", "start"]);
    assert_warning(&bench.toll(&["doctor", "--json"]), "checkout", "a bisection is not finished");
}

#[test]
fn mistake_in_the_configuration_is_a_problem_with_its_place() {
    let bench = Bench::new();
    bench.write("tollhouse.toml", "\ncolour = 1\nsize = 2\n");
    let said = bench.toll(&["doctor", "--json"]);
    assert_problem(&said, "configuration", "tollhouse.toml:2:1: unknown key `colour` (and 1 more)");
}

#[test]
fn own_configuration_that_others_can_write_is_a_problem() {
    let bench = Bench::new();
    bench.write("../home/.config/tollhouse/config.toml", "");
    let path = bench.path("../home/.config/tollhouse/config.toml");
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_problem(&bench.toll(&["doctor", "--json"]), "own configuration", "can be written by every user");
}

fn overwrite(path: &Path, at: usize, bytes: &[u8]) {
    let mut content = fs::read(path).expect("it is there");
    content[at..at + bytes.len()].copy_from_slice(bytes);
    fs::write(path, content).expect("it can be written");
}

#[test]
fn ledger_that_cannot_be_opened_is_a_problem_and_the_rest_is_looked_at() {
    let bench = worked();
    fs::write(bench.path(".git/tollhouse/ledger.db"), "no ledger, whatever its name may say").unwrap();
    let said = bench.toll(&["doctor", "--json"]);
    assert_problem(&said, "ledger", "it is not a database");
    assert!(!checks(&said, "disk").is_empty(), "{said}");
}

#[test]
fn ledger_with_a_damaged_page_is_a_problem() {
    let bench = worked();
    let path = bench.path(".git/tollhouse/ledger.db");
    let size = fs::metadata(&path).unwrap().len();
    let pages = usize::try_from(size / 4096).unwrap();
    // The pages of records are somewhere in the middle.
    for page in pages / 2..pages {
        overwrite(&path, page * 4096, &[0xff; 64]);
    }
    let said = bench.toll(&["doctor", "--json"]);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(checks(&said, "ledger").iter().any(|(state, _)| state == "problem"), "{said}");
}

#[test]
fn ledger_that_every_user_can_write_is_a_problem() {
    let bench = worked();
    fs::set_permissions(bench.path(".git/tollhouse/ledger.db"), fs::Permissions::from_mode(0o666)).unwrap();
    assert_problem(&bench.toll(&["doctor", "--json"]), "permissions", "every user can write");
}

#[test]
fn workspace_of_a_run_that_is_over_is_counted() {
    let bench = worked();
    let run = bench.toll(&["status", "--json"]).json()["id"].as_str().unwrap().to_owned();
    let places: Vec<_> = fs::read_dir(bench.path("../state/tollhouse")).unwrap().collect();
    let place = places[0].as_ref().unwrap().path();
    fs::create_dir_all(place.join(run)).unwrap();
    assert_warning(&bench.toll(&["doctor", "--json"]), "leftovers", "1 workspaces of runs that are over");
}

#[test]
fn agent_may_ask_the_doctor() {
    let said = run(worked().command(&["doctor"]).env("TOLLHOUSE_TASK", "one"));
    assert_eq!(said.code, Some(0), "{said}");
}
