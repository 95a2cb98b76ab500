//! Agents and gates that misbehave: each ends its task with the right words, and nothing of it is left.

use crate::harness::{Bench, assert_says, is_gone, reason, run, run_one, tasks};

#[test]
fn agent_that_ends_badly_is_tried_again_and_then_the_task_failed_with_what_it_printed() {
    let bench = Bench::new();
    bench.agent("echo tried >> \"$TMPDIR/tries\"; echo 'no credits left' >&2; exit 3");
    let plan = tasks(&["one"]).replace("attempts = 1", "attempts = 2");
    let said = bench.plan(&plan).toll(&["run", "../plan.toml"]);
    assert_eq!((said.code, bench.noted("tries").len()), (Some(1), 2), "{said}");
    assert_eq!(reason(&bench), "the agent ended with exit status 3\nno credits left");
}

#[test]
fn agent_that_writes_nothing_fails_its_task() {
    let bench = Bench::new();
    let said = run_one(&bench);
    assert_eq!(said.code, Some(1), "{said}");
    assert_eq!(reason(&bench), "the agent ended well, but changed nothing that git would see");
}

#[test]
fn agent_that_writes_only_what_git_ignores_fails_its_task() {
    let bench = Bench::new();
    bench.agent("mkdir build; echo x > build/x; echo x > x.log");
    let said = run_one(&bench);
    assert_eq!(said.code, Some(1), "{said}");
    assert_eq!(reason(&bench), "the agent ended well, but changed nothing that git would see");
}

/// Prints two hundred million bytes.
const CHATTY: &str = "head -c 200000000 /dev/zero | tr '\\0' x; echo done > done.txt";

#[test]
fn of_very_much_output_ends_are_kept_and_the_rest_is_counted() {
    let bench = Bench::new();
    bench.agent(CHATTY);
    let said = run_one(&bench);
    assert_eq!(said.code, Some(0), "{said}");
    let printed = bench.toll(&["log", "one", "--output", "--json"]).json();
    let kept = printed["text"].as_str().expect("it is text").matches('x').count() as u64;
    assert_eq!(printed["bytes"], 200_000_000);
    assert_eq!(printed["omitted_bytes"], 200_000_000 - kept);
    assert!((4_000_000..4_300_000).contains(&kept), "{kept} bytes were kept");
}

#[test]
fn memory_stays_small_however_much_an_agent_prints() {
    let bench = Bench::new();
    bench.agent(CHATTY).plan(&tasks(&["one"]));
    let measure = "import os, sys\n\
        pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)\n\
        _, status, usage = os.wait4(pid, 0)\n\
        print(usage.ru_maxrss, file=sys.stderr)\n\
        sys.exit(os.waitstatus_to_exitcode(status))\n";
    let toll = env!("CARGO_BIN_EXE_toll");
    let said = run(bench.isolated("python3").args(["-c", measure, toll, "run", "../plan.toml", "--quiet"]));
    assert_eq!(said.code, Some(0), "{said}");
    let peak: u64 = said.err.trim().parse().unwrap_or_else(|error| panic!("{error}: {said}"));
    // In kibibytes, but for macOS, where it is bytes.
    let peak_mb = if cfg!(target_os = "macos") { peak >> 20 } else { peak >> 10 };
    assert!(peak_mb < 100, "{peak_mb} MB at its peak");
}

#[test]
fn output_that_is_not_text_is_kept_with_marks_where_it_was_not() {
    let bench = Bench::new();
    bench.agent("printf 'caf\\351\\n'; echo x > x.txt");
    run_one(&bench);
    assert_eq!(bench.toll(&["log", "one", "--output"]).out, "caf\u{fffd}\n");
}

#[test]
fn gate_that_hangs_is_ended_with_all_that_it_started() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").config(
        "[[gate]]\nname = \"slow\"\ntimeout = \"1s\"\nrun = \"test -e x.txt || exit 0; echo $$ >> $TMPDIR/pids; sleep 1000 & echo $! >> $TMPDIR/pids; wait\"\n",
    );
    let said = run_one(&bench);
    assert_eq!(said.code, Some(1), "{said}");
    let pids = bench.noted("pids");
    assert!(pids.len() >= 2, "{said}");
    assert!(pids.iter().all(|pid| is_gone(pid)), "one of {pids:?} lives on");
}

#[test]
fn gate_that_hangs_says_so() {
    let bench = Bench::new();
    bench
        .agent("echo x > x.txt")
        .config("[[gate]]\nname = \"slow\"\ntimeout = \"1s\"\nrun = \"test ! -e x.txt || sleep 1000\"\n");
    run_one(&bench);
    let said = bench.toll(&["explain"]);
    assert_says!(bench, said, @r"
    exit: 0
    --- stdout
    patch Do one patch_[ID] is quarantined
      because  refused by gate:slow
      because  gate slow could not be judged: it took longer than its [TIME]
      because  `toll gate show [ID]` shows what gate slow saw
      next     toll patch release [ID] --reason TEXT
    --- stderr
    ");
}

#[test]
fn gate_whose_program_is_not_there_says_so() {
    let bench = Bench::new();
    bench.agent("rm check").config("[[gate]]\nname = \"unit\"\nrun = [\"./check\"]\n").write("check", "#!/bin/sh\n");
    bench.git(&["add", "check"]);
    bench.git(&["update-index", "--chmod=+x", "check"]);
    bench.git(&["commit", "--quiet", "--message", "Check"]);
    let said = run_one(&bench);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(reason(&bench).contains("program \"./check\" was not found"), "{said}");
}

#[test]
fn agent_whose_program_is_not_there_says_so() {
    let bench = Bench::new();
    bench.write("tollhouse.toml", "[agents.ghost]\ncommand = [\"no-such-program\"]\n");
    let said = run_one(&bench);
    assert_eq!(said.code, Some(1), "{said}");
    assert_eq!(reason(&bench), "agent ghost: program \"no-such-program\" was not found");
}
