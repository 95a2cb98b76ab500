//! Gates must pass where work starts from before an agent is paid, and what is known to pass there is not run again.

use crate::flow::{HANGS, stopped, workspaces};
use crate::harness::{Bench, Said, assert_same, assert_says, is_gone, run_one, tasks};

/// A gate that notes each time it runs, and is red while somebody says so.
const COUNTED: &str =
    "[[gate]]\nname = \"unit\"\nrun = \"echo ran >> $TMPDIR/ran; echo the total is wrong; test ! -e $TMPDIR/red\"\n";

/// A repository with that gate, and an agent that notes that it began and adds a file.
fn counted() -> Bench {
    let bench = Bench::new();
    bench.agent("echo began >> \"$TMPDIR/began\"; echo x > \"file-$(wc -l < $TMPDIR/began).txt\"").config(COUNTED);
    bench
}

/// Makes the gate red, or green again.
fn red(bench: &Bench) {
    bench.write("../tmp/red", "");
}

fn green(bench: &Bench) {
    std::fs::remove_file(bench.path("../tmp/red")).expect("it was red");
}

fn gate_ran(bench: &Bench) -> usize {
    bench.noted("ran").len()
}

#[track_caller]
fn lands(bench: &Bench) -> Said {
    let said = bench.toll(&["do", "Do it"]);
    assert_eq!(said.code, Some(0), "{said}");
    said
}

#[test]
fn red_target_is_refused_with_what_failed() {
    let bench = counted();
    red(&bench);
    let said = bench.toll(&["do", "Do it", "--quiet"]);
    let head = bench.git(&["rev-parse", "main"]);
    let said = Said { err: said.err.replace(&head[..10], "[HEAD]"), ..said };
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: gate unit does not pass on main ([HEAD]): it failed: exit status 1
      the total is wrong
    hint: nothing was started; mend it on main: `toll gate run unit --tree main` shows it again
    ");
}

#[test]
fn red_target_starts_no_agent_and_makes_no_run() {
    let bench = counted();
    red(&bench);
    let before = bench.of_the_person();
    bench.toll(&["do", "Do it"]);
    assert_eq!(bench.noted("began"), [""; 0]);
    assert_eq!(bench.toll(&["runs", "--json"]).json()["runs"], serde_json::json!([]));
    assert_same(&before, &bench.of_the_person());
}

#[test]
fn gate_that_cannot_be_judged_on_the_target_is_refused_too() {
    let bench = Bench::new();
    bench.config("[[gate]]\nname = \"unit\"\nrun = [\"no-such-program\"]\n");
    let said = bench.toll(&["do", "Do it"]);
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.err.contains("it could not be judged: program \"no-such-program\" was not found"), "{said}");
}

#[test]
fn gate_that_needs_a_red_one_is_not_run() {
    let bench = counted();
    bench.config(&format!("[[gate]]\nname = \"lint\"\nrun = \"exit 1\"\n{COUNTED}needs = [\"lint\"]\n"));
    let said = bench.toll(&["do", "Do it"]);
    assert_eq!((said.code, gate_ran(&bench)), (Some(3), 0), "{said}");
}

#[test]
fn plan_is_refused_on_a_red_target_as_a_single_task_is() {
    let bench = counted();
    red(&bench);
    let said = run_one(&bench);
    assert_eq!((said.code, bench.noted("began").len()), (Some(3), 0), "{said}");
}

#[test]
fn target_that_is_mended_by_a_commit_lets_work_begin() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").config("[[gate]]\nname = \"unit\"\nrun = \"test -e mended.txt\"\n");
    assert_eq!(bench.toll(&["do", "Do it"]).code, Some(3));
    bench.write("mended.txt", "yes\n").commit("Mend");
    lands(&bench);
}

#[test]
fn what_passed_on_the_target_once_is_not_run_there_again() {
    let bench = counted();
    bench.agent("exit 1");
    for _ in 0..2 {
        assert_eq!(bench.toll(&["do", "Do it"]).code, Some(1));
    }
    assert_eq!(gate_ran(&bench), 1);
}

#[test]
fn what_a_person_saw_pass_by_hand_is_not_run_again() {
    let bench = counted();
    assert_eq!(bench.toll(&["gate", "run"]).code, Some(0));
    lands(&bench);
    // By hand, and on what the agent made.
    assert_eq!(gate_ran(&bench), 2);
}

#[test]
fn what_landed_was_judged_when_it_landed() {
    let bench = counted();
    lands(&bench);
    assert_eq!(gate_ran(&bench), 2, "the target, and the candidate");
    lands(&bench);
    assert_eq!(gate_ran(&bench), 3, "only the second candidate");
}

#[test]
fn gate_of_another_definition_is_run_again() {
    let bench = counted();
    bench.agent("exit 1");
    bench.toll(&["do", "Do it"]);
    bench.config(&format!("{COUNTED}timeout = \"5m\"\n"));
    bench.toll(&["do", "Do it"]);
    assert_eq!(gate_ran(&bench), 2);
}

#[test]
fn flaky_gate_is_run_again_each_time() {
    let bench = counted();
    bench.agent("exit 1");
    assert_eq!(bench.toll(&["gate", "run"]).code, Some(0));
    red(&bench);
    assert_eq!(bench.toll(&["gate", "run"]).code, Some(1));
    green(&bench);
    for runs in [3, 4] {
        assert_eq!(bench.toll(&["do", "Do it"]).code, Some(1));
        assert_eq!(gate_ran(&bench), runs);
    }
}

#[test]
fn advisory_gate_keeps_no_agent_from_beginning() {
    let bench = counted();
    bench.config(&format!("{COUNTED}required = false\n"));
    red(&bench);
    lands(&bench);
    assert_eq!(gate_ran(&bench), 1, "only on the candidate");
}

#[test]
fn gate_on_the_target_is_told_while_it_runs() {
    let bench = counted();
    let said = lands(&bench);
    let head = bench.git(&["rev-parse", "main"]);
    let lines: Vec<&str> = said.err.lines().take(2).collect();
    let runs = format!("main  gate unit runs on {}, before any agent does", &head[..10]);
    assert_eq!(lines, [runs.as_str(), "main  gate unit passed"], "{said}");
}

#[test]
fn gate_on_the_target_is_not_told_to_who_wants_quiet() {
    let said = counted().toll(&["do", "Do it", "--quiet"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said}");
}

#[test]
fn gate_on_the_target_that_is_interrupted_leaves_no_process_and_no_run() {
    let bench = Bench::new();
    let hangs = HANGS.replace('"', "\\\"");
    bench.config(&format!("[[gate]]\nname = \"slow\"\nrun = \"{hangs}\"\n")).plan(&tasks(&["one"]));
    let (bench, code, pids) = stopped(bench, "INT");
    assert_eq!(code, Some(130));
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_gone(pid)), "one of {pids:?} lives on");
    assert_eq!(bench.toll(&["runs", "--json"]).json()["runs"], serde_json::json!([]));
    assert_eq!(workspaces(&bench), [""; 0]);
}
