//! Tasks that may go to several agents.

use serde_json::Value;

use crate::harness::Bench;

/// Two agents, of which the first always fails, and a rule for all tasks.
fn bench(strategy: &str) -> Bench {
    let bench = Bench::new();
    bench.write("../bad.sh", "echo bad >> $TMPDIR/asked\nexit 3\n");
    bench.write("../good.sh", "echo good >> $TMPDIR/asked\necho done >> $1.txt\n");
    let path = |name: &str| bench.path(name).canonicalize().expect("it was written").display().to_string();
    let (bad, good) = (path("../bad.sh"), path("../good.sh"));
    let config = format!(
        "[agents.bad]\ncommand = [\"sh\", \"-eu\", {bad:?}, \"{{task}}\"]\ncapabilities = [\"text\"]\n\n\
         [agents.good]\ncommand = [\"sh\", \"-eu\", {good:?}, \"{{task}}\"]\ncapabilities = [\"text\"]\n\n\
         [[route]]\nname = \"edits\"\nkind = \"edit\"\nagents = [\"bad\", \"good\"]\nstrategy = \"{strategy}\"\n"
    );
    bench.write("tollhouse.toml", config).commit("Configure");
    bench
}

const PLAN: &str =
    "[[task]]\nid = \"one\"\nprompt = \"Do it.\"\ncapabilities = [\"text\"]\nroute = { kind = \"edit\" }\n";

fn explain(bench: &Bench, id: &str) -> String {
    let said = bench.toll(&["explain", id]);
    assert_eq!(said.code, Some(0), "{said}");
    said.out
}

#[test]
fn where_the_first_agent_fails_the_second_takes_over_and_the_ledger_says_why() {
    let bench = bench("fixed");
    bench.run_plan(PLAN);
    assert_eq!(bench.noted("asked"), ["bad", "good"]);
    let said = explain(&bench, "one");
    let chosen = "good was chosen by `fixed`, as route edits (tollhouse.toml:9) says";
    assert!(said.contains(chosen), "{said}");
    assert!(said.contains("bad gave way: it had tried this in vain more often"), "{said}");
    let task = bench.toll(&["task", "show", "one", "--json"]).json();
    let attempts = task["attempts"].as_array().expect("it has attempts");
    let asked: Vec<&Value> = attempts.iter().map(|attempt| &attempt["routing"]["chosen"]).collect();
    assert_eq!(asked, ["bad", "good"]);
    let candidates = &attempts[1]["routing"]["candidates"];
    assert_eq!((&candidates[0]["outcome"], &candidates[0]["tries"]), (&Value::from("gave_way"), &Value::from(1)));
    assert_eq!(candidates[1]["outcome"], "chosen");
}

#[test]
fn check_says_to_which_agents_a_task_may_go() {
    let bench = bench("best");
    let said = bench.plan(PLAN).toll(&["check", "../plan.toml"]);
    assert_eq!(said.code, Some(0), "{said}");
    assert!(said.out.contains("bad, good [best, route edits (tollhouse.toml:9)]"), "{said}");
    let report = bench.toll(&["check", "../plan.toml", "--json"]).json();
    assert_eq!(report["tasks"][0]["route"]["strategy"], "best");
}

#[test]
fn what_earlier_runs_showed_counts_in_the_next() {
    let bench = bench("best");
    for _ in 0..4 {
        bench.run_plan(PLAN);
    }
    let task = bench.toll(&["task", "show", "one", "--json"]).json();
    let newest = task["attempts"].as_array().and_then(|attempts| attempts.last()).expect("it has attempts").clone();
    assert_eq!(newest["routing"]["chosen"], "good");
    let figures = newest["routing"]["candidates"].as_array().expect("there are two").iter();
    let accepted: Vec<u64> = figures.filter_map(|one| one["figures"]["record"]["accepted"].as_u64()).collect();
    assert!(accepted.contains(&3), "what landed in three runs before is known: {newest:#}");
}
