//! With `--json`, what is printed is one document that its schema describes, and nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Bench, Said, run, tasks};

/// A repository after a run in which one task landed and another was refused by a gate.
fn after_a_run() -> Bench {
    let bench = Bench::new();
    bench.agent("case $1 in good) echo x > x.txt ;; bad) : > README.md ;; esac");
    let plan = tasks(&["good", "bad"]);
    let said = bench.plan(&plan).toll(&["run", "../plan.toml", "--json"]);
    assert_eq!(said.code, Some(1), "{said}");
    bench
}

fn schema(bench: &Bench, name: &str) -> Value {
    let said = bench.toll(&["schema", name]);
    assert_eq!(said.code, Some(0), "{said}");
    said.json()
}

/// Fails where a document is not what its schema says, or has a field that the schema does not name.
#[track_caller]
fn assert_valid(bench: &Bench, document: &Value, name: &str) {
    assert_eq!(document["schema"], format!("{name}.v1"), "{document:#}");
    let schema = schema(bench, name);
    let validator = jsonschema::validator_for(&schema).expect("a schema of ours is a schema");
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    };
    let unnamed: Vec<String> = keys(document).difference(&keys(&schema["properties"])).cloned().collect();
    assert!(unnamed.is_empty(), "{name} says nothing of {unnamed:?}");
}

/// Fails unless a command prints one valid document, and nothing on standard error.
#[track_caller]
fn assert_document(bench: &Bench, args: &[&str], name: &str) -> Value {
    let said = bench.toll(&[args, &["--json"]].concat());
    assert_eq!(said.err, "", "toll {args:?} --json\n{said}");
    let document = said.json();
    assert_valid(bench, &document, name);
    document
}

/// Fails unless a command prints nothing but one valid error, on standard error.
#[track_caller]
fn assert_error(bench: &Bench, said: &Said, code: &str, exit: i32) {
    assert_eq!((said.code, said.out.as_str()), (Some(exit), ""), "{said}");
    let error = said.error();
    assert_valid(bench, &error, "error");
    assert_eq!(error["code"], code, "{said}");
}

fn schemas_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

#[test]
fn schemas_that_are_checked_in_are_those_that_toll_prints() {
    let bench = Bench::empty();
    for name in bench.toll(&["schema"]).out.lines() {
        let path = schemas_dir().join(format!("{name}.v1.json"));
        let file = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(file == bench.toll(&["schema", name]).out, "{name}: write them with `cargo xtask schemas`");
    }
}

#[test]
fn every_schema_that_is_checked_in_is_one_that_toll_knows() {
    let known: BTreeSet<String> =
        Bench::empty().toll(&["schema"]).out.lines().map(|name| format!("{name}.v1.json")).collect();
    let files: BTreeSet<String> = std::fs::read_dir(schemas_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(files, known);
}

#[test]
fn every_schema_is_a_valid_schema() {
    let bench = Bench::empty();
    for name in bench.toll(&["schema"]).out.lines() {
        assert!(jsonschema::meta::is_valid(&schema(&bench, name)), "{name}");
    }
}

#[test]
fn schema_goes_by_its_file_name_too() {
    let bench = Bench::empty();
    assert_eq!(bench.toll(&["schema", "run.v1.json"]).out, bench.toll(&["schema", "run"]).out);
}

#[test]
fn run_and_status_print_the_same_document() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    let run = assert_document(&bench, &["run", "../plan.toml"], "run");
    let mut status = assert_document(&bench, &["status"], "run");
    let progress = status.as_object_mut().expect("a document").remove("progress");
    assert_eq!((status, progress.map(|progress| progress["finished"].clone())), (run, Some(1.0.into())));
}

#[test]
fn toll_alone_prints_the_newest_run() {
    assert_document(&after_a_run(), &[], "run");
}

#[test]
fn single_task_prints_a_run() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt");
    assert_document(&bench, &["do", "Do it"], "run");
}

#[test]
fn demo_prints_a_report() {
    assert_document(&Bench::empty(), &["demo"], "demo_report");
}

#[test]
fn init_prints_a_report() {
    let bench = Bench::new();
    assert_document(&bench, &["init", "--print"], "init_report");
    assert_document(&bench, &["init", "--force"], "init_report");
}

#[test]
fn check_prints_a_report() {
    let bench = after_a_run();
    assert_document(&bench, &["check"], "check_report");
    assert_document(&bench, &["check", "../plan.toml"], "check_report");
}

#[test]
fn lists_are_documents_of_their_rows() {
    let bench = after_a_run();
    for (args, name) in [
        (&["runs"][..], "runs"),
        (&["task", "list"], "tasks"),
        (&["patch", "list"], "patches"),
        (&["gate", "list"], "gates"),
        (&["worker", "list", "--all"], "workers"),
    ] {
        let document = assert_document(&bench, args, name);
        assert!(document[name].as_array().is_some_and(|rows| !rows.is_empty()), "{document:#}");
    }
}

#[test]
fn list_of_nothing_is_an_empty_list() {
    let bench = Bench::new();
    assert_eq!(assert_document(&bench, &["runs"], "runs")["runs"], serde_json::json!([]));
}

#[test]
fn pages_of_a_list_follow_each_other_to_the_end() {
    let bench = after_a_run();
    let first = assert_document(&bench, &["patch", "list", "--limit", "1"], "patches");
    let next = first["next"].as_str().expect("there is another page");
    let second = assert_document(&bench, &["patch", "list", "--limit", "1", "--after", next], "patches");
    assert_ne!(first["patches"], second["patches"]);
    assert_eq!(second["next"], Value::Null);
}

#[test]
fn single_things_are_themselves() {
    let bench = after_a_run();
    let status = bench.toll(&["status", "--json"]).json();
    let patch = status["patches"][0]["id"].as_str().expect("there is a patch");
    let gate_run = status["gate_runs"][0]["id"].as_str().expect("there is a gate run");
    assert_document(&bench, &["task", "show", "good"], "task");
    assert_document(&bench, &["patch", "show", patch], "patch");
    assert_document(&bench, &["gate", "show", gate_run], "gate_run");
}

#[test]
fn patch_carries_its_text_where_that_is_asked_for() {
    let bench = after_a_run();
    let patch = bench.toll(&["patch", "list", "--json"]).json()["patches"][0]["id"].to_string();
    let patch = patch.trim_matches('"');
    let document = assert_document(&bench, &["patch", "show", patch, "--diff"], "patch");
    assert_eq!(document["diff"], bench.toll(&["patch", "show", patch, "--diff"]).out);
}

#[test]
fn log_is_one_event_a_line() {
    let bench = after_a_run();
    let said = bench.toll(&["log", "--json", "--limit", "0"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let events: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    assert!(events.len() > 10, "{said}");
    // One of each kind stands for all: the schema is the same.
    let mut kinds = BTreeSet::new();
    for event in events.iter().filter(|event| kinds.insert(event["kind"].to_string())) {
        assert_valid(&bench, event, "event");
    }
}

#[test]
fn positions_in_the_log_grow() {
    let bench = after_a_run();
    let said = bench.toll(&["log", "--json", "--limit", "0"]);
    let position = |line: &str| serde_json::from_str::<Value>(line).unwrap()["position"].as_u64().unwrap();
    let positions: Vec<u64> = said.out.lines().map(position).collect();
    assert!(positions.is_sorted_by(|a, b| a < b), "{positions:?}");
}

#[test]
fn output_of_an_agent_and_of_a_gate_is_a_document() {
    let bench = after_a_run();
    assert_document(&bench, &["log", "good", "--output"], "output");
    let gate_run = bench.toll(&["status", "--json"]).json()["gate_runs"][0]["id"].to_string();
    assert_document(&bench, &["log", gate_run.trim_matches('"'), "--output"], "output");
}

#[test]
fn gates_run_by_hand_print_a_list_of_gate_runs() {
    assert_document(&Bench::new(), &["gate", "run"], "gate_runs");
}

#[test]
fn gate_by_hand_that_fails_is_a_document_and_exit_status_1() {
    let bench = Bench::new();
    bench.config("[[gate]]\nname = \"no\"\nrun = \"exit 3\"\n");
    let said = bench.toll(&["gate", "run", "--json"]);
    assert_eq!(said.code, Some(1), "{said}");
    assert_valid(&bench, &said.json(), "gate_runs");
}

#[test]
fn sync_prints_a_report() {
    assert_document(&after_a_run(), &["sync"], "sync_report");
}

/// A repository with a run of two tasks that both wait to be landed, and a branch made by hand.
fn held() -> Bench {
    let bench = Bench::new();
    bench.agent("echo x > $1.txt").plan(&tasks(&["one", "two"]));
    assert_eq!(bench.toll(&["run", "../plan.toml", "--hold"]).code, Some(7));
    bench.git(&["switch", "--quiet", "--create", "mine"]);
    bench.write("mine.txt", "mine\n").commit("Mine").git(&["switch", "--quiet", "main"]);
    bench
}

#[test]
fn commands_that_drive_a_run_print_it() {
    let bench = held();
    assert_document(&bench, &["submit", "mine"], "run");
    let held = &bench.toll(&["runs", "--json"]).json()["runs"][1]["id"].to_string();
    let held = held.trim_matches('"');
    assert_document(&bench, &["resume", held], "run");
    assert_document(&bench, &["pause", held], "run");
    assert_document(&bench, &["cancel", held], "run");
    assert_document(&bench, &["fork", held], "run");
}

#[test]
fn words_on_a_task_print_the_task() {
    let bench = held();
    assert_document(&bench, &["task", "retry", "one"], "task");
    assert_document(&bench, &["task", "skip", "one", "--reason", "x"], "task");
    assert_document(&bench, &["task", "cancel", "two", "--reason", "x"], "task");
}

#[test]
fn words_on_a_patch_print_what_became_of_it() {
    let bench = held();
    let list = bench.toll(&["patch", "list", "--json"]).json();
    let [first, second] = [0, 1].map(|place| list["patches"][place]["id"].as_str().expect("an id").to_owned());
    assert_document(&bench, &["patch", "checkout", &first], "checkout_report");
    let landed = assert_document(&bench, &["land", &first], "patches");
    assert_eq!(landed["patches"][0]["state"], "committed");
    assert_document(&bench, &["patch", "drop", &second, "--reason", "x"], "patch");
}

#[test]
fn release_prints_the_patch() {
    let bench = after_a_run();
    let bad = bench.toll(&["status", "--json"]).json()["tasks"][1]["patch"].to_string();
    assert_document(&bench, &["patch", "release", bad.trim_matches('"'), "--reason", "x"], "patch");
}

#[test]
fn doctor_verify_backup_and_restore_print_reports() {
    let bench = after_a_run();
    assert_document(&bench, &["doctor"], "doctor_report");
    assert_document(&bench, &["verify"], "verify_report");
    assert_document(&bench, &["backup", "../ledger.tar"], "backup_report");
    assert_document(&bench, &["restore", "../ledger.tar", "--ledger", "../other.db"], "restore_report");
}

#[test]
fn explanations_are_documents() {
    let bench = after_a_run();
    let status = bench.toll(&["status", "--json"]).json();
    let gate_run = status["gate_runs"][0]["id"].as_str().expect("there is a gate run");
    for args in [&["explain"][..], &["explain", "@"], &["explain", "bad"], &["explain", "good"], &["explain", gate_run]]
    {
        assert_document(&bench, args, "explanation");
    }
}

#[test]
fn errors_of_every_kind_are_documents_on_standard_error() {
    let bench = after_a_run();
    let said = |args: &[&str]| bench.toll(&[args, &["--json"]].concat());
    assert_error(&bench, &said(&["frobnicate"]), "usage", 2);
    assert_error(&bench, &said(&["run"]), "usage", 2);
    assert_error(&bench, &said(&["log", "--kind", "nonsense"]), "usage", 2);
    assert_error(&bench, &said(&["run", "../plan.toml", "--budget", "5"]), "not_supported_yet", 2);
    assert_error(&bench, &said(&["do", "Do it", "--agent", "nobody"]), "invalid_file", 2);
    assert_error(&bench, &said(&["run", "nowhere.toml"]), "no_such_file", 4);
    assert_error(&bench, &said(&["patch", "show", "ZZZZZZ"]), "not_found", 4);
    assert_error(&bench, &said(&["init"]), "exists", 5);
    let agent = run(bench.command(&["sync", "--json"]).env("TOLLHOUSE_TASK", "one"));
    assert_error(&bench, &agent, "not_a_person", 3);
    std::fs::write(bench.path("../other.db"), "no ledger").unwrap();
    assert_error(&bench, &said(&["status", "--ledger", "../other.db"]), "ledger_not_openable", 6);
    let homeless = run(bench.command(&["runs", "--json"]).env_remove("HOME").env_remove("XDG_STATE_HOME"));
    assert_error(&bench, &homeless, "no_state_home", 8);
}

#[test]
fn red_target_is_an_error_with_the_facts() {
    let bench = Bench::new();
    bench.config("[[gate]]\nname = \"unit\"\nrun = \"echo the total is wrong; exit 3\"\n");
    let said = bench.toll(&["do", "Do it", "--json"]);
    assert_error(&bench, &said, "target_red", 3);
    let facts = &said.error()["facts"];
    let head = bench.git(&["rev-parse", "main"]);
    for (name, fact) in [("branch", "main"), ("commit", &head), ("gate", "unit"), ("output", "the total is wrong")] {
        assert_eq!(facts[name], fact, "{facts:#}");
    }
}

#[test]
fn help_is_help_also_for_programs() {
    let said = Bench::empty().toll(&["--json", "--help"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert!(said.out.contains("Usage: toll"), "{said}");
}
