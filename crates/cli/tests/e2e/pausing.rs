//! Runs that somebody pauses, ends or goes on with from elsewhere.

use std::time::Instant;

use crate::flow::workspaces;
use crate::harness::{Bench, assert_says, run, tasks};
use crate::living::{
    GRACE, agent_at_work, assert_all_gone, deaf_agent_at_work, gate_at_work, landing, resumed, unlock,
};

#[test]
fn pause_ends_a_living_run_in_order() {
    let (bench, living) = agent_at_work();
    let paused = bench.toll(&["pause", "--reason", "lunch"]);
    let run = living.ended();
    assert_eq!((paused.code, run.code), (Some(0), Some(7)), "{paused}{run}");
    assert_eq!((bench.state().as_str(), bench.status()["reason"].as_str()), ("paused", Some("lunch")));
    assert_all_gone(&bench);
}

#[test]
fn run_can_be_resumed_as_soon_as_pause_has_returned() {
    let (bench, living) = agent_at_work();
    let paused = bench.toll(&["pause"]);
    assert_eq!(paused.code, Some(0), "{paused}");
    resumed(&bench);
    assert_eq!((bench.landed(), living.ended().code), (vec!["one.txt".to_owned()], Some(7)));
}

#[test]
fn run_that_ended_well_gives_no_reason_for_a_pause_that_is_over() {
    let (bench, living) = agent_at_work();
    bench.toll(&["pause", "--reason", "lunch"]);
    living.ended();
    resumed(&bench);
    assert_eq!(bench.status()["reason"], serde_json::Value::Null);
}

#[test]
fn pause_of_a_gate_keeps_the_change() {
    let (bench, living) = gate_at_work();
    assert_eq!(bench.toll(&["pause"]).code, Some(0));
    assert_eq!(living.ended().code, Some(7));
    resumed(&bench);
    assert_eq!(bench.noted("begun"), ["one"]);
}

#[test]
fn paused_run_may_be_paused_again() {
    let (bench, living) = agent_at_work();
    living.interrupted();
    assert_eq!(bench.toll(&["pause"]).code, Some(0));
}

#[test]
fn run_whose_program_was_killed_says_that_nothing_drives_it() {
    let (bench, living) = agent_at_work();
    living.killed();
    let status = bench.status();
    let id = status["id"].as_str().unwrap().rsplit('_').next().unwrap()[10..].to_owned();
    assert_eq!(
        (status["driven_by"].as_str(), status["next"].as_str()),
        (None, Some(format!("toll resume {id}").as_str()))
    );
    let explanation = bench.toll(&["explain", "@", "--json"]).json();
    assert_eq!(explanation["next"], status["next"], "{explanation:#}");
    bench.toll(&["cancel"]);
}

#[test]
fn pause_of_a_run_whose_program_was_killed_ends_what_it_left() {
    let (bench, living) = agent_at_work();
    living.killed();
    let said = bench.toll(&["pause"]);
    assert_eq!((said.code, bench.state().as_str()), (Some(0), "paused"), "{said}");
    assert_all_gone(&bench);
    assert_eq!(workspaces(&bench), [""; 0]);
}

#[test]
fn cancel_of_a_run_whose_program_was_killed_ends_what_it_left() {
    let (bench, living) = agent_at_work();
    living.killed();
    let said = bench.toll(&["cancel"]);
    assert_eq!((said.code, bench.state().as_str()), (Some(0), "canceled"), "{said}");
    assert_all_gone(&bench);
    assert_eq!(workspaces(&bench), [""; 0]);
}

#[test]
fn cancel_ends_a_living_run_and_nothing_of_it_lands() {
    let (bench, living) = gate_at_work();
    let canceled = bench.toll(&["cancel", "--reason", "enough"]);
    let run = living.ended();
    assert_eq!((canceled.code, run.code), (Some(0), Some(1)), "{canceled}{run}");
    assert_eq!((bench.state().as_str(), bench.landed()), ("canceled", Vec::new()));
    assert_all_gone(&bench);
}

#[test]
fn cancel_says_what_became_of_the_run() {
    let (bench, living) = agent_at_work();
    assert_says!(bench, bench.toll(&["cancel", "--reason", "enough"]), @r"
    exit: 0
    --- stdout
    test [SHORT] · canceled · 0 of 1 tasks done · 0 landed on toll/main · [TIME]
      enough

      -  one  canceled      the run is canceled: enough
    --- stderr
    ");
    living.ended();
}

#[test]
fn cancel_with_kill_does_not_wait_for_an_agent_that_does_not_listen() {
    let (bench, living) = deaf_agent_at_work();
    let began = Instant::now();
    let said = bench.toll(&["cancel", "--kill"]);
    assert_eq!((said.code, living.ended().code), (Some(0), Some(1)), "{said}");
    assert!(began.elapsed() < GRACE, "{:?}", began.elapsed());
    assert_all_gone(&bench);
}

#[test]
fn cancel_of_a_landing_lets_it_land_first() {
    let (bench, living) = landing();
    let cancel = bench.start(&["cancel"]);
    bench.until("the run is to end", || bench.state() == "canceling");
    unlock(&bench);
    assert_eq!((cancel.ended().code, living.ended().code), (Some(0), Some(1)));
    assert_eq!((bench.landed(), bench.task_states()), (vec!["one.txt".to_owned()], vec!["completed".to_owned()]));
}

#[test]
fn paused_run_can_be_canceled() {
    let (bench, living) = agent_at_work();
    living.interrupted();
    let said = bench.toll(&["cancel"]);
    assert_eq!((said.code, bench.state().as_str()), (Some(0), "canceled"), "{said}");
}

#[test]
fn run_that_is_over_cannot_be_canceled_paused_or_resumed() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    let before = bench.all_that_is();
    for command in ["cancel", "resume", "pause"] {
        let said = bench.toll(&[command, "--json"]);
        let error = said.error();
        assert_eq!((said.code, &error["code"]), (Some(5), &"run_over".into()), "{said}");
        assert!(error["hint"].as_str().unwrap().contains("toll fork"), "{said}");
    }
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn run_that_is_over_says_so_in_words() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    assert_says!(bench, bench.toll(&["resume"]), @r"
    exit: 5
    --- stdout
    --- stderr
    error: run_[ID] is over: it is succeeded
    hint: `toll fork` goes on from it in a new run
    ");
}

#[test]
fn living_run_is_not_driven_by_a_second_program() {
    let (bench, living) = agent_at_work();
    let said = bench.toll(&["resume", "--json"]);
    assert_eq!((said.code, &said.error()["code"]), (Some(5), &"already_driven".into()), "{said}");
    bench.let_go().toll(&["pause"]);
    living.ended();
}

#[test]
fn run_that_lands_on_a_branch_checked_out_meanwhile_is_not_resumed() {
    let (bench, living) = agent_at_work();
    living.interrupted();
    bench.git(&["switch", "--quiet", "--create", "toll/main"]);
    let before = bench.all_that_is();
    let said = bench.let_go().toll(&["resume", "--json"]);
    assert_eq!((said.code, &said.error()["code"]), (Some(5), &"checked_out".into()), "{said}");
    assert_eq!(before, bench.all_that_is());
}

/// A run that was made by a program that was killed before it began it.
fn made_and_never_begun() -> Bench {
    let bench = Bench::new();
    bench.agent("echo $1 > $1.txt").plan(&tasks(&["one"]));
    let killed = run(bench.command(&["run", "../plan.toml"]).env("TOLLHOUSE_FAILPOINT", "commit.start_run:before"));
    assert_eq!((killed.code, bench.state().as_str()), (None, "pending"), "{killed}");
    bench
}

#[test]
fn run_that_was_made_and_never_begun_is_begun_by_resume() {
    let bench = made_and_never_begun();
    assert!(bench.status()["next"].as_str().is_some_and(|next| next.starts_with("toll resume ")));
    let said = bench.toll(&["resume"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["one.txt".to_owned()]), "{said}");
}

#[test]
fn run_that_was_made_and_never_begun_can_be_canceled() {
    let bench = made_and_never_begun();
    let said = bench.toll(&["cancel"]);
    assert_eq!(
        (said.code, bench.state().as_str(), bench.task_states()),
        (Some(0), "canceled", vec!["canceled".to_owned()]),
        "{said}"
    );
}

#[test]
fn pause_while_nothing_runs_but_the_wait_for_another_try_is_in_order() {
    let bench = Bench::new();
    bench.agent("[ -e \"$TMPDIR/go\" ]; echo $1 > $1.txt");
    let plan = tasks(&["one"]).replace("attempts = 1", "attempts = 10");
    let living = bench.plan(&plan).start(&["run", "../plan.toml"]);
    bench.until("a run is there", || !bench.toll(&["runs"]).out.is_empty());
    bench.until("it waits", || bench.task_states() == ["retrying"]);
    assert_eq!((bench.toll(&["pause"]).code, living.ended().code), (Some(0), Some(7)));
    resumed(&bench);
    assert_eq!(bench.landed(), ["one.txt"]);
}

#[test]
fn log_says_who_drives_a_run() {
    let (bench, living) = agent_at_work();
    living.interrupted();
    let said = bench.toll(&["log", "@"]).out;
    let named = |name: &str| said.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
    assert!(named(" drive → ").contains("process "), "{said}");
    assert!(!named(" step_down → ").is_empty(), "{said}");
}

#[test]
fn agent_may_stop_resume_and_fork_nothing() {
    let (bench, living) = agent_at_work();
    living.interrupted();
    let before = bench.all_that_is();
    for command in ["resume", "pause", "cancel", "fork"] {
        let said = run(bench.command(&[command, "--json"]).env("TOLLHOUSE_TASK", "one"));
        assert_eq!((said.code, &said.error()["code"]), (Some(3), &"not_a_person".into()), "toll {command}: {said}");
    }
    assert_eq!(before, bench.all_that_is());
}

#[test]
fn run_that_is_quarantined_is_over_at_once_and_lets_nothing_in_again() {
    let (bench, living) = agent_at_work();
    let plain = bench.toll(&["cancel", "--quarantine"]);
    assert_eq!(plain.code, Some(2), "{plain}");
    let said = bench.toll(&["cancel", "--quarantine", "--reason", "a key leaked"]);
    assert_eq!((said.code, bench.state().as_str()), (Some(0), "quarantined"), "{said}");
    living.ended();
    assert_all_gone(&bench);
    assert_eq!(bench.landed(), [""; 0]);
    assert_eq!(bench.toll(&["resume", "--json"]).error()["code"], "run_over");
}
