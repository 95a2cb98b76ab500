//! `toll check`: every problem of configuration and plan at once, or what they come to.

use serde_json::{Value, json};

use crate::harness::{Bench, GATE, Said, assert_same, assert_says, run, tasks};

const PLAN: &str = r#"
plan = "retries"
max_parallel = 2

[[task]]
id = "client"
prompt = "x"
write = ["src/client/**"]
timeout = "20m"
attempts = 3

[[task]]
id = "server"
prompt = "x"
write = ["src/**"]
timeout = "10m"

[[task]]
id = "notes"
prompt = "x"
write = ["docs/**"]
conflict_group = "words"
timeout = "5m"

[[task]]
id = "readme"
prompt = "x"
needs = ["client"]
write = ["README.md"]
conflict_group = "words"
timeout = "5m"
attempts = 1
"#;

fn check(bench: &Bench, plan: &str) -> Said {
    bench.plan(plan).toll(&["check", "../plan.toml"])
}

fn report(bench: &Bench, plan: &str) -> Value {
    let said = bench.plan(plan).toll(&["check", "../plan.toml", "--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
    said.json()
}

/// The codes of what is warned of.
fn warned(report: &Value) -> Vec<&str> {
    let warnings = report["warnings"].as_array().expect("a list");
    warnings.iter().map(|warning| warning["code"].as_str().expect("a code")).collect()
}

#[test]
fn plan_is_shown_with_its_waves_and_what_they_come_to() {
    let bench = Bench::new();
    let said = check(&bench, PLAN);
    // Only the times are what would be filtered out, and they are what is shown here.
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(said.to_string(), @r#"
        exit: 0
        --- stdout
        retries · 4 tasks · from main, landing on toll/main · at most 2 at once

        Wave 1
          client  script  3 × 20m00s  gates check  writes src/client/**
          notes   script  3 × 5m00s   gates check  writes docs/**
        Wave 2
          server  script  3 × 10m00s  gates check  writes src/**
          readme  script  1 × 5m00s   gates check  writes README.md  after client

        Never together
          client, server  may both write: src/client/** and src/**  server waits 20m00s
          notes, readme   share the conflict group words

        Estimates
          longest   client → readme · 25m00s
          bound     agents work at most 1h05m along client → readme
                    timeouts times attempts along the chain; gates, pauses between tries and waiting for room or for other tasks come on top
          time      unknown: no such agent finished anything here yet; 30m00s with all timeouts
          at once   2 at most, 1.33 on average; more than 2 would make it no faster
          overlaps  it takes 5m00s longer for what never runs together
          cost      unknown: nobody saw yet what 4 tasks cost

        warning: write "src/client/**" of task client matches no file that is there
          hint: well if the task makes it; else look for a slip of the pen

        warning: write "docs/**" of task notes matches no file that is there
          hint: well if the task makes it; else look for a slip of the pen
        --- stderr
        "#);
    });
}

#[test]
fn configuration_is_checked_alone() {
    let bench = Bench::new();
    let said = bench.toll(&["check"]);
    assert_says!(bench, said, @r"
    exit: 0
    --- stdout
    tollhouse.toml of repo · from main, landing on toll/main · at most 4 at once

      agents  script
      gates   check
    --- stderr
    ");
}

#[test]
fn waves_keep_apart_what_clashes() {
    let report = report(&Bench::new(), PLAN);
    assert_eq!(report["waves"], json!([["client", "notes"], ["server", "readme"]]));
    let pairs: Vec<&Value> = report["conflicts"].as_array().unwrap().iter().map(|pair| &pair["tasks"]).collect();
    assert_eq!(pairs, [&json!(["client", "server"]), &json!(["notes", "readme"])]);
}

#[test]
fn what_it_will_cost_is_unknown_and_not_nothing() {
    assert_eq!(report(&Bench::new(), PLAN)["cost_estimate"], Value::Null);
}

#[test]
fn time_is_bound_by_timeouts_and_attempts_and_says_what_comes_on_top() {
    let report = report(&Bench::new(), PLAN);
    assert_eq!(report["critical_path"], json!({ "tasks": ["client", "readme"], "length": 1500, "timeout": 1500 }));
    assert_eq!(report["time_bound"]["agents"], 3900);
    assert!(report["time_bound"]["source"].as_str().unwrap().contains("come on top"));
}

#[test]
fn every_problem_of_both_files_is_told_at_once() {
    let bench = Bench::new();
    bench.config("[policy]\nwrit = []\n");
    let said = check(&bench, "[[task]]\nid = \"a\"\nprompt = \"x\"\nneeds = [\"b\"]\ntimeout = 5\n");
    assert_says!(bench, said, @r#"
    exit: 2
    --- stdout
    --- stderr
    error: tollhouse.toml:5:1: unknown key `writ`
      hint: did you mean `write`?
    error: ../plan.toml:4:10: unknown task `b`
      hint: did you mean `a`?
    error: ../plan.toml:5:11: expected a length of time as text, found a whole number
      hint: write it like "[TIME]", "10m" or "1h30m"
    error: 3 problems
    "#);
}

#[test]
fn check_finds_what_run_would_find() {
    let bench = Bench::new();
    let plan = tasks(&["a", "b"]).replace("id = \"b\"", "id = \"b\"\nagent = \"nobody\"\ngates = [\"none\"]");
    let said = check(&bench, &plan);
    assert_eq!((said.code, said.err), (Some(2), bench.toll(&["run", "../plan.toml"]).err));
}

#[test]
fn target_that_is_not_there_is_a_problem_of_the_configuration() {
    let bench = Bench::new();
    bench.config("[project]\ntarget = \"gone\"\n");
    let said = bench.toll(&["check", "--json"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said}");
    let problem = &said.error()["problems"][0];
    assert_eq!((&problem["pointer"], &problem["line"]), (&json!("/project/target"), &json!(5)), "{problem:#}");
}

#[test]
fn branch_that_is_checked_out_is_warned_of() {
    let bench = Bench::new();
    bench.config(&format!("{GATE}[project]\nland_on = \"main\"\n"));
    let said = bench.toll(&["check", "--json"]);
    assert_eq!(warned(&said.json()), ["refused_now"], "{said}");
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let bench = Bench::new();
    assert_eq!(warned(&report(&bench, &tasks(&["a", "b"]))), ["unscoped", "unscoped"]);
    bench.config("[policy]\nforbid = [\"secrets/**\"]\n");
    let plan = tasks(&["a"]).replace("prompt", "write = [\"secrets/*.txt\"]\nprompt");
    assert_eq!(warned(&report(&bench, &plan)), ["no_gate", "write_matches_nothing", "can_change_nothing"]);
}

#[test]
fn check_writes_nothing_and_is_open_to_agents() {
    let bench = Bench::new();
    bench.plan(PLAN);
    let before = bench.photograph(&bench.around());
    let said = run(bench.command(&["check", "../plan.toml"]).env("TOLLHOUSE_TASK", "one"));
    assert_eq!(said.code, Some(0), "{said}");
    assert_same(&before, &bench.photograph(&bench.around()));
}

#[test]
fn how_long_it_will_take_is_unknown_until_an_agent_finished_something() {
    let bench = Bench::new();
    bench.agent("echo \"$TOLLHOUSE_TASK\" > \"$TOLLHOUSE_TASK.txt\"");
    let plan = tasks(&["a", "b"]);
    let before = report(&bench, &plan);
    assert_eq!((&before["duration_estimate"], &before["schedule"]["basis"]), (&Value::Null, &json!("timeouts")));
    assert_eq!(
        before["tasks"][0]["estimate"],
        json!({ "time": null, "from": "none", "observations": 0, "cost": null })
    );
    let said = bench.toll(&["run", "../plan.toml"]);
    assert_eq!(said.code, Some(0), "{said}");
    let after = report(&bench, &plan);
    assert_eq!(after["schedule"]["basis"], "history");
    assert_eq!(after["duration_estimate"], after["schedule"]["makespan"]);
    let estimate = &after["tasks"][0]["estimate"];
    assert_eq!((&estimate["from"], &estimate["observations"]), (&json!("task"), &json!(1)));
    // Another plan's task of that agent is known by what the agent took for these.
    let other = report(&bench, &plan.replace("plan = \"test\"", "plan = \"other\""));
    let estimate = &other["tasks"][0]["estimate"];
    assert_eq!((&estimate["from"], &estimate["observations"]), (&json!("agent"), &json!(2)));
}

#[test]
fn what_if_is_told_beside_what_is() {
    let bench = Bench::new();
    let said = bench.plan(PLAN).toll(&["check", "../plan.toml", "--max-parallel", "1"]);
    let lines: Vec<&str> = said.out.lines().map(str::trim).filter(|line| line.starts_with("what if")).collect();
    assert_eq!((said.code, lines), (Some(0), vec!["what if   with 1 at once 40m00s: 0.75 times as fast"]), "{said}");
    let said = bench.toll(&["check", "../plan.toml", "--max-parallel", "1", "--json"]);
    assert_eq!(said.json()["what_if"], json!({ "max_parallel": 1, "makespan": 2400, "speed_up": 0.75 }));
    assert_eq!(said.json()["schedule"]["makespan"], 1800);
    for number in ["0", "-1", "1001"] {
        assert_eq!(bench.toll(&["check", "../plan.toml", "--max-parallel", number]).code, Some(2), "{number}");
    }
}

#[test]
fn scope_that_matches_no_file_is_told() {
    let bench = Bench::new();
    let plan = tasks(&["a"]).replace("prompt", "write = [\"scr/**\", \"tollhouse.toml\"]\nprompt");
    let report = report(&bench, &plan);
    assert_eq!(warned(&report), ["write_matches_no_file"]);
    assert!(report["warnings"][0]["message"].as_str().unwrap().contains("scr/**"), "{report}");
}

#[test]
fn plan_that_is_not_there_is_not_found() {
    let said = Bench::new().toll(&["check", "nowhere.toml"]);
    assert_eq!(said.code, Some(4), "{said}");
}

#[test]
fn plan_of_many_tasks_is_checked_in_no_time() {
    let bench = Bench::new();
    let names: Vec<String> = (0..1000).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = tasks(&names).replace("attempts", "write = [\"src/**\"]\nattempts");
    let report = report(&bench, &plan);
    assert_eq!(report["waves"].as_array().unwrap().len(), 1000);
    assert_eq!(report["conflicts"].as_array().unwrap().len(), 1000);
    assert_eq!(report["conflicts_left_out"], 1000 * 999 / 2 - 1000);
}
