//! Plans, configuration and arguments with mistakes: every one is told at once, each with its place.

use crate::harness::{Bench, assert_says};

const FIVE_MISTAKES: &str = r#"plan = "test"
max_paralel = 3

[[task]]
id = "one"
prompt = "Do one"
agent = "scirpt"

[[task]]
id = "two"
prompt = "Do two"
needs = ["three"]

[[task]]
id = "one"
prompt = "Do one again"
timeout = "soon"
"#;

#[test]
fn all_mistakes_of_a_plan_are_told_at_once_each_with_its_place() {
    let bench = Bench::new();
    let said = bench.plan(FIVE_MISTAKES).toll(&["run", "../plan.toml"]);
    assert_says!(bench, said, @r#"
    exit: 2
    --- stdout
    --- stderr
    error: ../plan.toml:2:1: unknown key `max_paralel`
      hint: did you mean `max_parallel`?
    error: ../plan.toml:7:9: unknown agent `scirpt`
      hint: did you mean `script`?
    error: ../plan.toml:12:10: unknown task `three`
    error: ../plan.toml:15:6: another task is named `one`
      hint: the first stands on line 5
    error: ../plan.toml:17:11: `soon` is no length of time
      hint: write it like "[TIME]", "10m" or "1h30m"
    error: 5 problems
    "#);
}

#[test]
fn mistakes_of_a_plan_are_problems_with_pointers_for_programs() {
    let bench = Bench::new();
    let said = bench.plan(FIVE_MISTAKES).toll(&["run", "../plan.toml", "--json"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said}");
    let error = said.error();
    let problems = error["problems"].as_array().expect("there is a list");
    let pointers: Vec<&str> = problems.iter().filter_map(|problem| problem["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/max_paralel", "/task/0/agent", "/task/1/needs/0", "/task/2/id", "/task/2/timeout"]);
}

#[test]
fn mistakes_of_configuration_and_plan_are_told_together() {
    let bench = Bench::new();
    bench.config("[[gate]]\nname = \"unit\"\nrunn = \"true\"\n");
    let said = bench.plan("plan = \"test\"\nobjectve = \"x\"\n").toll(&["run", "../plan.toml"]);
    assert_says!(bench, said, @r"
    exit: 2
    --- stdout
    --- stderr
    error: tollhouse.toml:6:1: unknown key `runn`
      hint: did you mean `run`?
    error: ../plan.toml:1:1: a plan without tasks
      hint: add [[task]] with an id and a prompt
    error: ../plan.toml:2:1: unknown key `objectve`
      hint: did you mean `objective`?
    error: 3 problems
    ");
}

#[test]
fn plan_that_is_no_toml_is_told_with_its_place() {
    let bench = Bench::new();
    let said = bench.plan("plan = \"test\n").toll(&["run", "../plan.toml"]);
    assert_says!(bench, said, @r#"
    exit: 2
    --- stdout
    --- stderr
    error: ../plan.toml:1:13: invalid basic string, expected `"`
    error: 1 problem
    "#);
}

#[test]
fn plan_that_is_not_there_is_not_found() {
    let bench = Bench::new();
    let said = bench.toll(&["run", "../plan.toml"]);
    assert_says!(bench, said, @r"
    exit: 4
    --- stdout
    --- stderr
    error: cannot read ../plan.toml: No such file or directory (os error 2)
    hint: name a file that is there, as seen from the folder that you are in
    ");
}

#[test]
fn plan_that_is_a_folder_cannot_be_read() {
    let bench = Bench::new();
    let said = bench.toll(&["run", "src"]);
    assert_says!(bench, said, @r"
    exit: 8
    --- stdout
    --- stderr
    error: cannot read src: Is a directory (os error 21)
    hint: check that it is a file, and that you may read it
    ");
}

#[test]
fn plan_that_is_not_text_is_a_mistake_of_its_writer() {
    let bench = Bench::new();
    let said = bench.write("../plan.toml", b"plan = \"caf\xe9\"\n").toll(&["run", "../plan.toml"]);
    assert_says!(bench, said, @r"
    exit: 2
    --- stdout
    --- stderr
    error: cannot read ../plan.toml: stream did not contain valid UTF-8
    hint: write it anew as UTF-8 text
    ");
}
#[test]
fn agent_of_a_single_task_that_is_not_there_is_told_with_the_nearest_name() {
    let bench = Bench::new();
    let said = bench.toll(&["do", "Do it", "--agent", "scirpt"]);
    assert_says!(bench, said, @r"
    exit: 2
    --- stdout
    --- stderr
    error: arguments:1:1: unknown agent `scirpt`
      hint: did you mean `script`?
    error: 1 problem
    ");
}
