//! Runs that are stopped: by Ctrl-C, by another program, for good; and how they go on.

use std::fs;
use std::time::{Duration, Instant};

use crate::flow::workspaces;
use crate::harness::{Bench, Said, assert_same, assert_says, is_gone, run, tasks};
use crate::living::{DEAF, Living, WAITS_FOR_GO};

/// What is left to a program that is asked to end before it is made to.
const GRACE: Duration = Duration::from_secs(5);

/// A gate that passes where work starts from, and waits for ever on what a task made.
const GATE_WAITS_FOR_GO: &str = r#"
[[gate]]
name = "slow"
run = """
if [ -e one.txt ] && [ ! -e "$TMPDIR/go" ]; then sleep 1000 & echo $$ $! >> "$TMPDIR/pids"; wait; fi
"""
"#;

/// A run of a task whose agent is at work.
fn agent_at_work() -> (Bench, Living) {
    let bench = Bench::new();
    let living = bench.agent(WAITS_FOR_GO).start_plan(&tasks(&["one"]));
    (bench, living)
}

/// A run of a task whose change is at a gate.
fn gate_at_work() -> (Bench, Living) {
    let bench = Bench::new();
    bench.agent("echo $1 >> \"$TMPDIR/begun\"; echo $1 > $1.txt").config(GATE_WAITS_FOR_GO).commit("Configure");
    let living = bench.start_plan(&tasks(&["one"]));
    (bench, living)
}

/// A run that does not listen when it is asked to end.
fn deaf_agent_at_work() -> (Bench, Living) {
    let bench = Bench::new();
    let living = bench.agent(DEAF).start_plan(&tasks(&["one"]));
    (bench, living)
}

#[track_caller]
fn assert_all_gone(bench: &Bench) {
    let pids = bench.pids();
    assert!(!pids.is_empty(), "nothing ever began");
    assert!(pids.iter().all(|pid| is_gone(pid)), "one of {pids:?} lives on");
}

/// Lets everything go that waits, and goes on with the newest run; it must end well.
#[track_caller]
fn resumed(bench: &Bench) -> Said {
    let said = bench.let_go().toll(&["resume"]);
    assert_eq!(said.code, Some(0), "{said}");
    said
}

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

/// A landing that waits because somebody holds the branch's lock.
fn landing() -> (Bench, Living) {
    let bench = Bench::new();
    // The folder is there once a branch of it is.
    bench.agent("echo $1 > $1.txt").git(&["branch", "toll/other"]);
    bench.write(".git/refs/heads/toll/main.lock", "held by a test");
    let points = bench.notes().join("points");
    let mut command = bench.plan(&tasks(&["one"])).command(&["run", "../plan.toml"]);
    let living = Living::of(command.env("TOLLHOUSE_FAILPOINT_LOG", &points));
    bench.until("the landing began", || bench.noted("points").iter().any(|point| point == "git.swap:before"));
    (bench, living)
}

fn unlock(bench: &Bench) {
    fs::remove_file(bench.path(".git/refs/heads/toll/main.lock")).expect("it was just made");
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

/// A run of three tasks, each after the other, whose second one failed; the agent does all of them from now on.
fn failed_in_the_middle() -> Bench {
    let bench = Bench::new();
    bench.agent("echo $1 >> \"$TMPDIR/begun\"; [ $1 != two ] || [ -e \"$TMPDIR/go\" ]; echo $1 > $1.txt");
    let plan = tasks(&["one", "two", "three"]);
    let plan = plan.replace("id = \"two\"", "id = \"two\"\nneeds = [\"one\"]");
    let plan = plan.replace("id = \"three\"", "id = \"three\"\nneeds = [\"two\"]");
    let said = bench.plan(&plan).toll(&["run", "../plan.toml"]);
    assert_eq!((said.code, bench.landed()), (Some(1), vec!["one.txt".to_owned()]), "{said}");
    bench.let_go().forget("begun");
    bench
}

#[test]
fn fork_does_what_was_not_done_and_pays_for_nothing_twice() {
    let bench = failed_in_the_middle();
    let said = bench.toll(&["fork"]);
    assert_eq!((said.code, bench.noted("begun")), (Some(0), vec!["two".to_owned(), "three".to_owned()]), "{said}");
    assert_eq!(bench.landed(), ["one.txt", "three.txt", "two.txt"]);
}

#[test]
fn fork_from_a_task_does_it_again_with_all_that_comes_after_it() {
    let bench = failed_in_the_middle();
    assert_eq!(bench.toll(&["fork"]).code, Some(0));
    bench.forget("begun").agent("echo $1 >> \"$TMPDIR/begun\"; echo again >> $1.txt");
    let said = bench.toll(&["fork", "--from", "two"]);
    assert_eq!((said.code, bench.noted("begun")), (Some(0), vec!["two".to_owned(), "three".to_owned()]), "{said}");
}

#[test]
fn fork_of_a_run_in_which_all_is_done_is_refused() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    let said = bench.toll(&["fork", "--json"]);
    assert_eq!((said.code, &said.error()["code"]), (Some(5), &"nothing_left".into()), "{said}");
}

#[test]
fn fork_does_not_do_again_what_a_person_left_out() {
    let bench = Bench::new();
    bench.agent("echo $1 >> \"$TMPDIR/begun\"; echo $1 > $1.txt");
    bench.plan(&tasks(&["one", "two"])).toll(&["run", "../plan.toml", "--hold"]);
    bench.forget("begun").toll(&["task", "skip", "one", "--reason", "done elsewhere"]);
    bench.toll(&["cancel"]);
    let said = bench.toll(&["fork"]);
    assert_eq!((said.code, bench.noted("begun")), (Some(7), vec!["two".to_owned()]), "{said}");
}

#[test]
fn fork_does_not_do_again_what_landed_because_a_person_let_it_in() {
    let bench = Bench::new();
    bench.agent("echo $1 >> \"$TMPDIR/begun\"; [ $1 = one ] || [ -e \"$TMPDIR/go\" ]; echo $1 > $1.txt");
    bench.config(&format!("{}\n[policy]\nforbid = [\"one.txt\"]\n", crate::harness::GATE)).commit("Forbid");
    bench.plan(&tasks(&["one", "two"])).toll(&["run", "../plan.toml"]);
    let one = bench.toll(&["task", "show", "one", "--json"]).json()["patch"].as_str().expect("a patch").to_owned();
    let said = bench.toll(&["patch", "release", &one, "--allow", "one.txt", "--reason", "it may"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["one.txt".to_owned()]), "{said}");
    let said = bench.let_go().forget("begun").toll(&["fork"]);
    assert_eq!((said.code, bench.noted("begun")), (Some(0), vec!["two".to_owned()]), "{said}");
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
fn fork_says_where_what_is_done_was_done() {
    let bench = failed_in_the_middle();
    let source = bench.toll(&["task", "show", "one", "--json"]).json()["id"].clone();
    bench.toll(&["fork"]);
    let said = bench.toll(&["log", "one"]).out;
    assert!(said.contains(&format!("inherited → completed  done before, in {}", source.as_str().unwrap())), "{said}");
}

#[test]
fn fork_from_a_task_that_is_not_there_is_refused() {
    let bench = failed_in_the_middle();
    let said = bench.toll(&["fork", "--from", "four", "--json"]);
    assert_eq!((said.code, &said.error()["code"]), (Some(4), &"no_such_task".into()), "{said}");
}

#[test]
fn run_that_is_not_over_is_not_forked() {
    let (bench, living) = agent_at_work();
    living.interrupted();
    let said = bench.toll(&["fork", "--json"]);
    assert_eq!((said.code, &said.error()["code"]), (Some(5), &"not_over".into()), "{said}");
}

#[test]
fn canceled_run_can_be_forked() {
    let (bench, living) = agent_at_work();
    bench.let_go().toll(&["cancel"]);
    living.ended();
    let said = bench.toll(&["fork"]);
    assert_eq!((said.code, bench.landed()), (Some(0), vec!["one.txt".to_owned()]), "{said}");
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
