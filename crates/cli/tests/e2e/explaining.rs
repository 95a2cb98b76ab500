//! `toll explain` of what does not go on by itself.

use serde_json::Value;

use crate::harness::{Bench, tasks};

/// A run whose program was killed while an agent was about to begin.
fn abandoned() -> Bench {
    let bench = Bench::new();
    bench.agent("echo x > $1.txt").plan(&tasks(&["one", "two"]));
    let mut command = bench.command(&["run", "../plan.toml"]);
    let killed = command.env("TOLLHOUSE_FAILPOINT", "effect.spawn:before").output().expect("toll starts");
    assert!(!killed.status.success(), "it was killed");
    bench
}

fn explain(bench: &Bench, id: &str) -> Value {
    let said = bench.toll(&["explain", id, "--json"]);
    assert_eq!(said.code, Some(0), "{said}");
    said.json()
}

/// The id of the newest record of a kind.
fn newest(bench: &Bench, kind: &str) -> String {
    let log = bench.toll(&["log", "--json", "--limit", "0"]).out;
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let event = events.iter().rfind(|event| event["record"].as_str().is_some_and(|id| id.starts_with(kind)));
    event.expect("there is one")["record"].as_str().expect("an id is text").to_owned()
}

#[test]
fn run_whose_program_was_killed_says_so_and_names_resume() {
    let bench = abandoned();
    let explanation = explain(&bench, "@");
    assert!(
        explanation["because"][0].as_str().is_some_and(|why| why.ends_with("which did it, is gone")),
        "{explanation:#}"
    );
    assert!(explanation["next"].as_str().is_some_and(|next| next.starts_with("toll resume ")), "{explanation:#}");
}

#[test]
fn what_a_run_without_its_program_holds_up_names_resume_too() {
    let bench = abandoned();
    for id in ["one".to_owned(), newest(&bench, "att_"), newest(&bench, "eff_")] {
        let explanation = explain(&bench, &id);
        let next = explanation["next"].as_str().unwrap_or_default();
        assert!(next.starts_with("toll resume "), "{id}: {explanation:#}");
    }
}

#[test]
fn command_that_an_explanation_names_is_one_that_moves_it() {
    let bench = abandoned();
    let next = explain(&bench, "one")["next"].as_str().expect("there is a next step").to_owned();
    let words: Vec<&str> = next.split_whitespace().skip(1).collect();
    let said = bench.toll(&words);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(explain(&bench, "one")["state"], "completed");
}
