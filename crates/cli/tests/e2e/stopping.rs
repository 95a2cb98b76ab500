//! Runs that are stopped by a signal, and how they go on.

use std::time::Instant;

use crate::flow::workspaces;
use crate::harness::{Bench, assert_same, assert_says, tasks};
use crate::living::{
    DEAF, GRACE, Living, WAITS_FOR_GO, agent_at_work, assert_all_gone, deaf_agent_at_work, gate_at_work, landing,
    resumed, unlock,
};

#[test]
fn ctrl_c_pauses_a_run_and_says_how_to_go_on() {
    let (bench, living) = agent_at_work();
    let said = living.interrupted();
    assert_says!(bench, said, @r"
    exit: 130
    --- stdout
    --- stderr
    main  gate check runs on [COMMIT], before any agent does
    main  gate check passed
    one  attempt 1 of 1: script at work
         paused: interrupted by a signal
    error: interrupted; what landed stays landed
    hint: `toll resume` goes on; `toll status` shows what was done
    ");
}

#[test]
fn run_that_was_stopped_by_a_signal_is_paused() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 130)] {
        let (bench, living) = agent_at_work();
        assert_eq!(living.stopped(signal).code, Some(code), "{signal}");
        assert_eq!((bench.state().as_str(), bench.task_states()), ("paused", vec!["queued".to_owned()]), "{signal}");
    }
}

#[test]
fn ctrl_c_ends_the_agent_and_what_it_started() {
    let (bench, living) = agent_at_work();
    living.interrupted();
    assert_all_gone(&bench);
}

#[test]
fn ctrl_c_ends_a_gate_and_what_it_started() {
    let (bench, living) = gate_at_work();
    assert_eq!(living.interrupted().code, Some(130));
    assert_all_gone(&bench);
}

#[test]
fn ctrl_c_during_a_gate_leaves_the_checkout_and_every_ref_of_the_person_as_they_were() {
    let (bench, living) = gate_at_work();
    let before = bench.of_the_person();
    living.interrupted();
    assert_same(&before, &bench.of_the_person());
}

#[test]
fn run_that_goes_on_after_ctrl_c_comes_to_the_tree_that_it_would_have_had() {
    let (bench, living) = agent_at_work();
    living.interrupted();
    resumed(&bench);
    let never_stopped = Bench::new();
    never_stopped.agent(WAITS_FOR_GO).let_go().run_plan(&tasks(&["one"]));
    let made = |bench: &Bench| bench.git(&["diff", "main", "toll/main"]);
    assert_eq!(made(&bench), made(&never_stopped));
}

#[test]
fn attempt_that_was_interrupted_does_not_count() {
    let (bench, living) = agent_at_work();
    living.stopped("TERM");
    resumed(&bench);
    let task = bench.toll(&["task", "show", "one", "--json"]).json();
    let states: Vec<&str> =
        task["attempts"].as_array().unwrap().iter().map(|attempt| attempt["state"].as_str().unwrap()).collect();
    assert_eq!((task["attempts_used"].as_u64(), states), (Some(1), vec!["interrupted", "succeeded"]));
}

#[test]
fn change_whose_gate_was_interrupted_is_not_made_again() {
    let (bench, living) = gate_at_work();
    living.interrupted();
    resumed(&bench);
    assert_eq!((bench.noted("begun"), bench.landed()), (vec!["one".to_owned()], vec!["one.txt".to_owned()]));
}

#[test]
fn gate_that_is_interrupted_time_and_again_still_gives_its_answer() {
    let (bench, living) = gate_at_work();
    living.interrupted();
    for _ in 0..4 {
        bench.forget("pids");
        let living = bench.start(&["resume"]);
        bench.until("the gate began", || !bench.noted("pids").is_empty());
        assert_eq!(living.interrupted().code, Some(130));
    }
    resumed(&bench);
    assert_eq!(bench.landed(), ["one.txt"]);
}

#[test]
fn second_ctrl_c_ends_at_once_an_agent_that_does_not_listen() {
    let (bench, living) = deaf_agent_at_work();
    let began = Instant::now();
    living.signal("INT");
    bench.until("the agent was asked to end", || !bench.noted("asked").is_empty());
    assert_eq!(living.interrupted().code, Some(130));
    assert!(began.elapsed() < GRACE, "{:?}", began.elapsed());
    assert_all_gone(&bench);
}

#[test]
fn run_goes_on_after_a_second_ctrl_c_as_after_one() {
    let (bench, living) = deaf_agent_at_work();
    living.signal("INT");
    bench.until("the agent was asked to end", || !bench.noted("asked").is_empty());
    living.interrupted();
    assert_eq!((bench.state().as_str(), workspaces(&bench)), ("paused", Vec::new()));
    resumed(&bench);
    assert_eq!(bench.landed(), ["one.txt"]);
}

#[test]
fn agent_that_does_not_listen_is_made_to_end_after_its_grace() {
    let (bench, living) = deaf_agent_at_work();
    assert_eq!(living.interrupted().code, Some(130));
    assert_all_gone(&bench);
}

#[test]
fn landing_that_has_begun_is_finished_after_ctrl_c() {
    let (bench, living) = landing();
    living.signal("INT");
    bench.until("the run is paused", || bench.state() == "paused");
    unlock(&bench);
    assert_eq!(living.ended().code, Some(130));
    assert_eq!((bench.landed(), bench.task_states()), (vec!["one.txt".to_owned()], vec!["completed".to_owned()]));
}

#[test]
fn run_whose_landing_was_interrupted_goes_on_to_its_end_and_lands_nothing_twice() {
    let (bench, living) = landing();
    living.signal("INT");
    bench.until("the run is paused", || bench.state() == "paused");
    unlock(&bench);
    living.ended();
    resumed(&bench);
    assert_eq!(
        (bench.state().as_str(), bench.git(&["rev-list", "--count", "main..toll/main"]).as_str()),
        ("succeeded", "1")
    );
}

/// A run whose gate hangs on the branch that work starts from.
fn target_at_the_gate(script: &str) -> (Bench, Living) {
    let bench = Bench::new();
    bench
        .write("hang.sh", script)
        .config("[[gate]]\nname = \"hang\"\nrun = [\"sh\", \"hang.sh\"]\n")
        .commit("Configure");
    let living = bench.start_plan(&tasks(&["one"]));
    (bench, living)
}

#[test]
fn ctrl_c_before_a_run_was_begun_does_not_speak_of_resuming() {
    let (bench, living) = target_at_the_gate(WAITS_FOR_GO);
    assert_says!(bench, living.interrupted(), @r"
    exit: 130
    --- stdout
    --- stderr
    main  gate hang runs on [COMMIT], before any agent does
    error: interrupted; no run was begun
    hint: nothing was begun; say it again
    ");
}

#[test]
fn ctrl_c_before_a_run_was_begun_leaves_no_run_and_no_process() {
    let (bench, living) = target_at_the_gate(WAITS_FOR_GO);
    living.interrupted();
    assert_eq!(bench.toll(&["runs", "--json"]).json()["runs"], serde_json::json!([]));
    assert_all_gone(&bench);
}

#[test]
fn second_ctrl_c_ends_at_once_a_gate_on_the_target_that_does_not_listen() {
    let (bench, living) = target_at_the_gate(DEAF);
    let began = Instant::now();
    living.signal("INT");
    bench.until("the gate was asked to end", || !bench.noted("asked").is_empty());
    assert_eq!(living.interrupted().code, Some(130));
    assert!(began.elapsed() < GRACE, "{:?}", began.elapsed());
    assert_all_gone(&bench);
}

#[test]
fn setup_of_a_workspace_is_ended_by_ctrl_c() {
    let bench = Bench::new();
    let setup = "[workspace]\nsetup = '[ -e $TMPDIR/go ] || { sleep 1000 & echo $$ $! >> $TMPDIR/pids; wait; }'\n";
    bench.agent("echo $1 > $1.txt").config(setup).commit("Set up");
    let living = bench.start_plan(&tasks(&["one"]));
    assert_eq!(living.interrupted().code, Some(130));
    assert_all_gone(&bench);
    resumed(&bench);
    assert_eq!(bench.landed(), ["one.txt"]);
}
