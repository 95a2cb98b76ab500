//! What is wrong is said in a way that helps: a message, a hint, and the exit status of the table in the README.

use std::fs;
use std::process::Command;

use crate::harness::{Bench, Said, assert_same, assert_says, is_gone, run, tasks};

fn run_one(bench: &Bench) -> Said {
    bench.plan(&tasks(&["one"])).toll(&["run", "../plan.toml"])
}

/// The reason of the only task of the newest run.
fn reason(bench: &Bench) -> String {
    let status = bench.toll(&["status", "--json"]).json();
    status["tasks"][0]["reason"].as_str().unwrap_or_else(|| panic!("no reason: {status:#}")).to_owned()
}

#[test]
fn folder_outside_any_repository_is_not_found() {
    let bench = Bench::empty();
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 4
    --- stdout
    --- stderr
    error: [AROUND]/repo is not in a git repository
    hint: go to a checkout of your project, or make one with `git init`
    ");
}

#[test]
fn repository_without_a_commit_is_refused() {
    let bench = Bench::empty();
    bench.git(&["init", "--quiet", "--initial-branch=main"]);
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: the repository at [AROUND]/repo has no commits yet
    hint: make a first commit: git commit --allow-empty -m start
    ");
}

#[test]
fn bare_repository_is_refused() {
    let bench = Bench::empty();
    bench.git(&["init", "--quiet", "--bare"]);
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: [AROUND]/repo is a bare repository
    hint: make a checkout: git -C [AROUND]/repo worktree add ../checkout
    ");
}

#[test]
fn sha256_repository_is_refused() {
    let bench = Bench::empty();
    bench.git(&["init", "--quiet", "--object-format=sha256"]);
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: the repository at [AROUND]/repo/.git has the object format sha256
    hint: only repositories with SHA-1 objects work as yet
    ");
}

#[test]
fn reftable_repository_is_refused() {
    let bench = Bench::empty();
    let made = run(bench.isolated("git").args(["init", "--quiet", "--ref-format=reftable"]));
    if made.code != Some(0) {
        // A git before 2.45 makes none, so nobody has one.
        assert!(made.err.contains("ref-format"), "{made}");
        return;
    }
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: the repository at [AROUND]/repo/.git stores its refs as reftable
    hint: convert it: git refs migrate --ref-format=files
    ");
}

#[test]
fn detached_head_does_not_matter_to_a_run() {
    let bench = Bench::new();
    bench.agent("echo new > new.txt").git(&["checkout", "--quiet", "--detach"]);
    let said = run_one(&bench);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["rev-parse", "toll/main^"]), bench.git(&["rev-parse", "main"]));
}

#[test]
fn branch_that_is_checked_out_is_not_the_target_for_that() {
    let bench = Bench::new();
    bench.agent("echo new > new.txt").git(&["checkout", "--quiet", "-b", "experiment"]);
    bench.write("experiment.txt", "x\n").commit("Try");
    let said = run_one(&bench);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["rev-parse", "toll/main^"]), bench.git(&["rev-parse", "main"]));
}

#[test]
fn target_that_is_not_there_is_not_found() {
    let bench = Bench::new();
    bench.config("[project]\ntarget = \"trunk\"\n");
    let said = run_one(&bench);
    assert_says!(bench, said, @r"
    exit: 4
    --- stdout
    --- stderr
    error: branch trunk is not there
    hint: `git branch --list` shows what there is; `target` in tollhouse.toml names another than trunk
    ");
}

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
    assert!((60_000..70_000).contains(&kept), "{kept} bytes were kept");
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
        "[[gate]]\nname = \"slow\"\ntimeout = \"1s\"\nrun = \"echo $$ >> $TMPDIR/pids; sleep 1000 & echo $! >> $TMPDIR/pids; wait\"\n",
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
    bench.agent("echo x > x.txt").config("[[gate]]\nname = \"slow\"\ntimeout = \"1s\"\nrun = \"sleep 1000\"\n");
    run_one(&bench);
    let said = bench.toll(&["explain"]);
    assert_says!(bench, said, @r"
    exit: 0
    --- stdout
    patch Do one patch_[ID] is quarantined
      because  refused by gate:slow
      because  gate slow could not be judged: it took longer than its [TIME]
      next     toll patch show [ID] --diff
    --- stderr
    ");
}

#[test]
fn gate_whose_program_is_not_there_says_so() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").config("[[gate]]\nname = \"unit\"\nrun = [\"no-such-program\"]\n");
    let said = run_one(&bench);
    assert_eq!(said.code, Some(1), "{said}");
    assert!(reason(&bench).contains("program \"no-such-program\" was not found"), "{said}");
}

#[test]
fn agent_whose_program_is_not_there_says_so() {
    let bench = Bench::new();
    bench.write("tollhouse.toml", "[agents.ghost]\ncommand = [\"no-such-program\"]\n");
    let said = run_one(&bench);
    assert_eq!(said.code, Some(1), "{said}");
    assert_eq!(reason(&bench), "agent ghost: program \"no-such-program\" was not found");
}

#[test]
fn flag_that_is_promised_and_not_there_yet_is_refused() {
    let bench = Bench::new();
    bench.plan(&tasks(&["one"]));
    let said = bench.toll(&["run", "../plan.toml", "--budget", "5"]);
    assert_says!(bench, said, @r"
    exit: 2
    --- stdout
    --- stderr
    error: --budget is not supported yet
    hint: leave it out
    ");
}

#[test]
fn keys_that_are_promised_and_not_there_yet_are_refused() {
    let bench = Bench::new();
    bench.write(
        "tollhouse.toml",
        "[agents.codex]\nkind = \"codex\"\n\n[budget]\nper_run_usd = \"5\"\n\n[[gate]]\nname = \"unit\"\nrun = \"true\"\njunit = \"x.xml\"\n",
    );
    let said = run_one(&bench);
    assert_says!(bench, said, @r#"
    exit: 2
    --- stdout
    --- stderr
    error: tollhouse.toml:2:8: kind = "codex" is not yet supported
      hint: leave kind out and give the command that runs it, as in command = ["program", "{prompt_file}"]
    error: tollhouse.toml:4:2: the key `budget` is not yet supported
      hint: take it out; it would have no effect
    error: tollhouse.toml:10:1: the key `junit` is not yet supported
      hint: take it out; it would have no effect
    error: 3 problems
    "#);
}

#[test]
fn agent_may_call_no_command_that_changes_something() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    let before = bench.photograph(bench.dir());
    let changing: [&[&str]; 6] =
        [&["run", "../plan.toml"], &["do", "Do it"], &["sync"], &["init", "--force"], &["gate", "run"], &["demo"]];
    for args in changing {
        let said = run(bench.command(args).env("TOLLHOUSE_TASK", "one"));
        assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "toll {args:?}\n{said}");
    }
    assert_same(&before, &bench.photograph(bench.dir()));
}

#[test]
fn agent_is_told_why_it_may_not() {
    let bench = Bench::new();
    let said = run(bench.command(&["sync"]).env("TOLLHOUSE_TASK", "one"));
    assert_says!(bench, said, @r"
    exit: 3
    --- stdout
    --- stderr
    error: an agent may not call `toll sync`
    hint: inside a task, `toll` reads and vets, no more
    ");
}

#[test]
fn agent_may_read() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    let reading: [&[&str]; 6] =
        [&["status"], &["runs"], &["log"], &["explain", "one"], &["gate", "list"], &["init", "--print"]];
    for args in reading {
        let said = run(bench.command(args).env("TOLLHOUSE_TASK", "one"));
        assert_eq!(said.code, Some(0), "toll {args:?}\n{said}");
    }
}

#[test]
fn reader_that_has_seen_enough_is_no_error() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    for args in [&["log"][..], &["status"], &["log", "--json"], &["patch", "list"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = bench.command(args);
        let output = command.stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap().wait_with_output();
        let output = output.unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "toll {args:?}");
    }
}

#[test]
fn without_a_home_there_is_no_place_for_workspaces() {
    let bench = Bench::new();
    bench.plan(&tasks(&["one"]));
    let said = run(bench.command(&["run", "../plan.toml"]).env_remove("HOME").env_remove("XDG_STATE_HOME"));
    assert_says!(bench, said, @r"
    exit: 8
    --- stdout
    --- stderr
    error: neither XDG_STATE_HOME nor HOME says where workspaces may be made
    hint: set HOME
    ");
}

#[test]
fn home_alone_is_enough() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    let said = run(bench.command(&["run", "../plan.toml"]).env_remove("XDG_STATE_HOME"));
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn names_with_spaces_and_other_letters_do_not_matter() {
    let bench = Bench::new_named("a folder, with \"quotes\" & ümläuts");
    bench.agent("echo x > 'a new file.txt'");
    let said = run_one(&bench);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["show", "toll/main:a new file.txt"]), "x");
}

#[test]
fn run_from_a_folder_inside_is_a_run_of_the_repository() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    let said = run(bench.command(&["run", "../../plan.toml"]).current_dir(bench.path("src")));
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.git(&["show", "toll/main:x.txt"]), "x");
}

#[test]
fn run_from_a_linked_worktree_is_on_the_ledger_of_all() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    bench.git(&["worktree", "add", "--quiet", "-b", "other", "../second"]);
    let said = run(bench.command(&["run", "../plan.toml"]).current_dir(bench.path("../second")));
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(bench.toll(&["status", "--json"]).json()["counts"]["landed"], 1);
}

#[test]
fn reading_where_nothing_was_recorded_says_how_to_begin() {
    let bench = Bench::new();
    let said = bench.toll(&["status"]);
    assert_says!(bench, said, @r"
    exit: 4
    --- stdout
    --- stderr
    error: nothing was ever recorded here
    hint: `toll do PROMPT` or `toll run PLAN` starts a ledger
    ");
}

#[test]
fn reading_makes_no_ledger() {
    let bench = Bench::new();
    let before = bench.photograph(&bench.around());
    for args in
        [&["status"][..], &["runs"], &["log"], &["task", "list"], &["patch", "list"], &["gate", "list"], &["explain"]]
    {
        bench.toll(args);
    }
    assert_same(&before, &bench.photograph(&bench.around()));
}

#[test]
fn file_that_is_no_ledger_is_not_openable() {
    let bench = Bench::new();
    fs::write(bench.path("../other.db"), "this is no ledger, whatever its name may say").unwrap();
    let said = bench.toll(&["status", "--ledger", "../other.db"]);
    assert_says!(bench, said, @r"
    exit: 6
    --- stdout
    --- stderr
    error: [AROUND]/repo/../other.db cannot be opened as a ledger: it is not a database
    hint: `--ledger PATH` names another ledger
    ");
}

#[test]
fn unknown_id_is_not_found() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").run_plan(&tasks(&["one"]));
    let said = bench.toll(&["patch", "show", "ZZZZZZ"]);
    assert_says!(bench, said, @r#"
    exit: 4
    --- stdout
    --- stderr
    error: there is no patch "ZZZZZZ"
    hint: `toll runs`, `toll task list` and `toll patch list` show what there is
    "#);
}

#[test]
fn command_that_is_not_there_is_a_usage_error_with_the_nearest() {
    let bench = Bench::new();
    let said = bench.toll(&["stauts"]);
    assert_says!(bench, said, @r"
    exit: 2
    --- stdout
    --- stderr
    error: unrecognized subcommand 'stauts'

      tip: a similar subcommand exists: 'status'

    Usage: toll [OPTIONS] [COMMAND]

    For more information, try '--help'.
    ");
}

#[test]
fn git_that_is_not_on_the_path_does_not_matter_to_a_run() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").plan(&tasks(&["one"]));
    fs::create_dir(bench.path("../bin")).unwrap();
    for program in ["sh", "test"] {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        if found.starts_with('/') {
            std::os::unix::fs::symlink(found.trim(), bench.path("../bin").join(program)).unwrap();
        }
    }
    let said = run(bench.command(&["run", "../plan.toml"]).env("PATH", bench.path("../bin")));
    assert_eq!(said.code, Some(0), "{said}");
}
