//! What is wrong is said in a way that helps: a message, a hint, and the exit status of the table in the README.

use std::fs;
use std::process::Command;

use crate::harness::{Bench, assert_same, assert_says, run, run_one, tasks};

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
    hint: inside a task, `toll` only reads: status, log, explain, show, list
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
    hint: set HOME to your home folder, or XDG_STATE_HOME to a folder for workspaces
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
    error: [AROUND]/other.db cannot be opened as a ledger: it is not a database
    hint: if a newer `toll` wrote it, use that one; else `--ledger PATH` names another ledger, and `toll restore FILE --ledger PATH` makes one from a backup
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

      tip: some similar subcommands exist: 'pause', 'status'

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
