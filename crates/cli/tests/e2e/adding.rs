//! Tasks that a person adds to a run that goes on.

use crate::harness::{Bench, GATE, tasks};
use crate::living::{DEAF, Living};
use crate::word::{AGENT, NARROW, assert_refused, one_after_the_other};

/// A run of two tasks, one after the other, whose first agent works until it is let go.
fn under_way(config: &str) -> (Bench, Living) {
    let bench = Bench::new();
    bench.agent(DEAF);
    if !config.is_empty() {
        bench.config(&format!("{GATE}{config}")).commit("Configure");
    }
    let living = bench.start_plan(&one_after_the_other());
    (bench, living)
}

#[test]
fn what_is_added_to_a_run_that_another_program_drives_is_done_in_its_turn() {
    let (bench, living) = under_way("");
    let args = ["task", "add", "Write it", "--id", "between", "--needs", "one", "--needed-by", "two", "--json"];
    let added = bench.toll(&args);
    assert_eq!(added.code, Some(0), "{added}");
    assert_eq!(added.json()["tasks"][0]["state"], "blocked");
    let again = bench.toll(&args);
    assert_eq!((again.code, &again.json()["tasks"]), (Some(0), &added.json()["tasks"]), "{again}");
    bench.let_go();
    let run = living.ended();
    assert_eq!(run.code, Some(0), "{run}");
    assert!(run.err.contains("between") && run.err.contains("added by"), "{run}");
    assert_eq!(bench.noted("begun"), ["one", "between", "two"]);
    assert_eq!(bench.landed(), ["between.txt", "one.txt", "two.txt"]);
}

#[test]
fn tasks_from_a_file_have_every_problem_told_with_its_place_and_nothing_is_added() {
    let (bench, living) = under_way(NARROW);
    let file = "[[task]]\nid = \"one\"\nprompt = \"x\"\nagnt = \"a\"\n[[task]]\nid = \"new\"\nprompt = \"x\"\n\
                needs = [\"tow\"]\nwrite = [\"docs/**\"]\n";
    bench.write("../more.toml", file);
    let said = bench.toll(&["task", "add", "--from", "../more.toml", "--json"]);
    assert_refused(&said, 2, "invalid_file");
    let problems = said.error()["problems"].as_array().unwrap().clone();
    let told: Vec<(u64, &str)> = problems
        .iter()
        .map(|problem| (problem["line"].as_u64().unwrap(), problem["message"].as_str().unwrap()))
        .collect();
    let wider = "write `docs/**` widens the write of project (tollhouse.toml:";
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(told[0], (2, "the run has a task `one` already"));
    assert_eq!(told[1], (4, "unknown key `agnt`"));
    assert_eq!(told[2], (8, "unknown task `tow`"));
    assert!(told[3].0 == 9 && told[3].1.starts_with(wider), "{told:?}");
    assert_eq!(bench.toll(&["task", "list", "--json"]).json()["tasks"].as_array().unwrap().len(), 2);
    bench.let_go();
    living.ended();
}

#[test]
fn a_circle_is_refused_in_words() {
    let (bench, living) = under_way("");
    let said = bench.toll(&["task", "add", "x", "--id", "new", "--needs", "two", "--needed-by", "two"]);
    assert_refused(
        &bench.toll(&["task", "add", "x", "--id", "new", "--needs", "two", "--needed-by", "two", "--json"]),
        2,
        "bad_tasks",
    );
    assert!(said.err.contains("tasks need each other: two → new → two"), "{said}");
    bench.let_go();
    assert_eq!(living.ended().code, Some(0));
}

#[test]
fn a_run_that_is_over_takes_no_task() {
    let bench = Bench::new();
    bench.agent(AGENT).run_plan(&tasks(&["one"]));
    assert_refused(&bench.toll(&["task", "add", "x", "--id", "new", "--json"]), 5, "run_over");
    let wrong = bench.toll(&["task", "add", " ", "--id", "a b", "--agent", "nobody", "--json"]);
    assert_refused(&wrong, 2, "invalid_file");
    let problems = wrong.error()["problems"].as_array().unwrap().clone();
    let pointers: Vec<&str> = problems.iter().map(|problem| problem["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/agent", "/id", "/prompt"], "{wrong}");
}
