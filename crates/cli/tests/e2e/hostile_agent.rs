//! Agents that mean harm, as far as Tollhouse itself is the one who would do it: each ends its task in the right words, and the
//! maintainer's checkout, index, refs and configuration stay as they were.
//!
//! An agent runs as the user who called `toll`. What that user may do by hand, it can do by itself: write into the
//! maintainer's checkout, push there, take `TOLLHOUSE_TASK` out of its environment before it calls `toll`, end processes.
//! Against that only a sandbox helps, and nothing of it is tried here.

use std::process::Command;

use crate::disk::SmallDisk;
use crate::harness::{Bench, Said, assert_same, is_gone, reason, run, tasks};
use crate::told::skipped;

/// What only a person may order, each as it would be called for the agent's own task or patch. New ones go here.
const ORDERS: &[&str] = &[
    "do x",
    "run ../plan.toml",
    "sync",
    "init --force",
    "gate run",
    "demo",
    "submit main",
    "land",
    "resume",
    "resume --budget 5 --reason x",
    "pause",
    "cancel",
    "cancel --kill",
    "cancel --quarantine --reason x",
    "fork",
    "task add x --id y",
    "task retry one",
    "task skip one --reason x",
    "task cancel one --reason x",
    "worker drain local-1 --reason x",
    "worker pause local-1 --reason x",
    "worker resume local-1 --reason x",
    "patch checkout 0",
    "patch release 0 --allow x --reason x",
    "patch drop 0 --reason x",
    "gc",
    "purge @ --reason x",
    "restore x",
];

/// Runs a plan of one task, with an agent that means harm; nothing of the person may change.
#[track_caller]
fn harm_by(bench: &Bench, script: &str) -> Said {
    bench.agent(script);
    let before = bench.of_the_person();
    let said = bench.plan(&tasks(&["one"])).toll(&["run", "../plan.toml"]);
    assert_same(&before, &bench.of_the_person());
    said
}

/// Why the task of such an agent failed.
#[track_caller]
fn reason_after(script: &str) -> String {
    let bench = Bench::new();
    let said = harm_by(&bench, script);
    assert_eq!(said.code, Some(1), "{said}");
    assert_eq!(left_behind(&bench), [""; 0]);
    reason(&bench)
}

/// What landed of such an agent's work.
#[track_caller]
fn landed_after(script: &str) -> Vec<String> {
    let bench = Bench::new();
    let said = harm_by(&bench, script);
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(left_behind(&bench), [""; 0]);
    changes(&bench)
}

fn changes(bench: &Bench) -> Vec<String> {
    bench.git(&["diff", "--name-status", "main", "toll/main"]).lines().map(str::to_owned).collect()
}

/// What is left of workspaces, by its path below the folder of the runs.
fn left_behind(bench: &Bench) -> Vec<String> {
    let state = bench.around().join("state/tollhouse");
    let said = run(Command::new("find").arg(&state).args(["-mindepth", "2", "-printf", "%P\\n"]));
    said.out.lines().map(str::to_owned).collect()
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")).out.trim() == "0"
}

#[test]
fn agent_that_changes_the_configuration_is_refused() {
    let script = "echo '[policy]' >> tollhouse.toml; echo 'write = [\"**\"]' >> tollhouse.toml";
    insta::assert_snapshot!(reason_after(script), @"policy refused the change: project_config (the project's own configuration, which its own `write` does not name: tollhouse.toml); make it again so that it keeps these rules");
}

#[test]
fn gate_that_an_agent_takes_out_of_the_configuration_judges_it_all_the_same() {
    let bench = Bench::new();
    bench.config(
        "[policy]\nwrite = [\"**\", \"tollhouse.toml\"]\n\n[[gate]]\nname = \"never\"\nrun = \"grep -q sh tollhouse.toml || { echo no; exit 1; }\"\n",
    );
    bench.commit("A gate that only the configuration as it is passes");
    let said = harm_by(&bench, "printf '[agents.script]\\ncommand = [\"true\"]\\n' > tollhouse.toml");
    assert_eq!(said.code, Some(1), "{said}");
    insta::assert_snapshot!(reason(&bench), @r"
    gate never failed: exit status 1
    no
    ");
}

#[test]
fn agent_may_order_nothing_from_within_its_task() {
    let bench = Bench::new();
    let (place, toll) = (bench.dir().display(), env!("CARGO_BIN_EXE_toll"));
    let order = |order: &&str| {
        format!("(cd '{place}'; '{toll}' {order}; echo \"{order}: $?\" >> \"$TMPDIR/orders\") || true\n")
    };
    let orders = ORDERS.iter().map(order).collect::<Vec<_>>().concat();
    let said = harm_by(&bench, &format!("set +e\n{orders}echo x > x.txt"));
    assert_eq!(said.code, Some(0), "{said}");
    let expected: Vec<String> = ORDERS.iter().map(|order| format!("{order}: 3")).collect();
    assert_eq!(bench.noted("orders"), expected);
}

#[test]
fn history_that_an_agent_rewrites_lands_as_the_files_that_it_left() {
    for rewriting in [
        "git commit --quiet --amend --message Amended",
        "git checkout --quiet --orphan other; git commit --quiet --message Other",
        "git update-ref -d HEAD",
        "git branch --quiet --move task/one toll/main; git tag --force main HEAD",
        "git update-ref refs/tollhouse/runs/x HEAD; git symbolic-ref HEAD refs/heads/none",
        "git commit --quiet --allow-empty --message Empty; git rebase --quiet --root --force-rebase; git gc --quiet --prune=now",
        "rm .git/objects/info/alternates",
    ] {
        let who = "export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org";
        assert_eq!(landed_after(&format!("{who}\n{rewriting}\necho x > x.txt")), ["A\tx.txt"], "{rewriting}");
    }
}

#[test]
fn agent_that_resets_its_clone_to_an_older_commit_hands_in_what_is_there() {
    let bench = Bench::new();
    bench.write("second.txt", "second\n").commit("Second");
    let said = harm_by(&bench, "git reset --quiet --hard HEAD~1; echo x > x.txt");
    assert_eq!(said.code, Some(0), "{said}");
    assert_eq!(changes(&bench), ["D\tsecond.txt", "A\tx.txt"]);
    assert_eq!(bench.git(&["rev-parse", "toll/main~1"]), bench.git(&["rev-parse", "main"]));
}

#[test]
fn clone_of_an_agent_knows_no_place_to_push_to() {
    let pushes = ["push", "push origin HEAD:refs/heads/main", "push --all", "fetch origin", "pull"];
    let pushes = pushes.map(|push| format!("if git {push} 2> /dev/null; then echo '{push}' >> pushed.txt; fi\n"));
    assert_eq!(landed_after(&format!("{}echo x > x.txt", pushes.concat())), ["A\tx.txt"]);
}

#[test]
fn agent_that_removes_its_workspace_is_told_so() {
    insta::assert_snapshot!(reason_after("rm -rf \"$TOLLHOUSE_WORKSPACE\""), @"what it changed cannot be read: the workspace is gone, or something else is in its place");
}

#[test]
fn link_in_place_of_a_workspace_is_not_followed() {
    let bench = Bench::new();
    let script = format!("rm -rf \"$TOLLHOUSE_WORKSPACE\"; ln -s '{}' \"$TOLLHOUSE_WORKSPACE\"", bench.dir().display());
    let said = harm_by(&bench, &script);
    assert_eq!((said.code, left_behind(&bench)), (Some(1), Vec::new()), "{said}");
    insta::assert_snapshot!(reason(&bench), @"what it changed cannot be read: the workspace is gone, or something else is in its place");
}

/// Deaf, and writes without end into the workspace that it was started for.
const DAEMON: &str = "trap '' TERM HUP
echo $$ > \"$TMPDIR/pid\"
while :; do date > \"$TOLLHOUSE_WORKSPACE/n.txt\"; sleep 0.01; done
";

#[test]
#[cfg(target_os = "linux")]
fn daemon_that_left_its_group_ends_with_the_attempt() {
    let bench = Bench::new();
    bench.write("../tmp/daemon.sh", DAEMON);
    let script = "setsid sh -c 'sh \"$TMPDIR/daemon.sh\" < /dev/null > /dev/null 2>&1 &'\n\
                  until test -s \"$TMPDIR/pid\" && test -s n.txt; do sleep 0.01; done";
    let said = harm_by(&bench, script);
    let pid = bench.noted("pid").concat();
    assert!(!pid.is_empty() && is_gone(&pid), "{pid} lives on");
    assert_eq!((said.code, left_behind(&bench)), (Some(0), Vec::new()), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn daemon_of_a_gate_ends_with_the_gate() {
    let bench = Bench::new();
    let daemon = "setsid sh -c 'echo $$ > $TMPDIR/pid; exec sleep 1000' > /dev/null 2>&1 &";
    let gate = format!("{daemon}\nuntil test -s $TMPDIR/pid; do sleep 0.01; done\n");
    let gate = format!("[[gate]]\nname = \"daemon\"\nrun = \"\"\"\n{gate}\"\"\"\n");
    bench.config(&gate);
    let said = harm_by(&bench, "echo x > x.txt");
    let pid = bench.noted("pid").concat();
    assert!(!pid.is_empty() && is_gone(&pid), "{pid} lives on");
    assert_eq!((said.code, left_behind(&bench)), (Some(0), Vec::new()), "{said}");
}

#[test]
fn agent_that_is_deaf_to_being_asked_is_made_to_end_when_its_time_is_over() {
    let bench = Bench::new();
    bench
        .agent("trap '' TERM; echo $$ > \"$TMPDIR/pid\"; while :; do sleep 0.1; done")
        .plan(&tasks(&["one"]).replace("attempts = 1", "attempts = 1\ntimeout = \"1s\""));
    let said = bench.toll(&["run", "../plan.toml"]);
    assert_eq!(said.code, Some(1), "{said}");
    let pid = bench.noted("pid").concat();
    assert!(is_gone(&pid), "{pid} lives on");
    insta::assert_snapshot!(reason(&bench), @"the attempt took longer than its 1.0s");
}

#[test]
fn pipe_and_socket_are_refused_by_name() {
    let script =
        "mkfifo pipe; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"socket\")'; echo x > x.txt";
    insta::assert_snapshot!(reason_after(script), @"policy refused the change: representable (pipe: a named pipe; socket: a socket); make it again so that it keeps these rules");
}

#[test]
fn pipe_in_place_of_ignore_rules_is_refused_and_not_waited_for() {
    insta::assert_snapshot!(reason_after("rm .gitignore; mkfifo .gitignore; echo x > x.txt"), @"policy refused the change: representable (.gitignore: a named pipe); make it again so that it keeps these rules");
}

#[test]
fn device_is_refused_by_name() {
    if !can(&["mknod", "c", "1", "3"]) {
        return;
    }
    insta::assert_snapshot!(reason_after("mknod zero c 1 5; echo x > x.txt"), @"policy refused the change: representable (zero: a device); make it again so that it keeps these rules");
}

/// Whether this user may make a device.
fn can(words: &[&str]) -> bool {
    let scratch = tempfile::tempdir().expect("a scratch folder can be made");
    let made = run(Command::new(words[0]).arg(scratch.path().join("it")).args(&words[1..]));
    if made.code != Some(0) {
        skipped("a hostile agent", &format!("this user may not call {}: {}", words[0], made.err.trim()));
    }
    made.code == Some(0)
}

/// Makes folders within each other, so many, below one that is there already.
const DEEP: &str = "python3 -c '
import os, sys
os.chdir(sys.argv[1])
for _ in range(int(sys.argv[2])):
    os.mkdir(\"d\")
    os.chdir(\"d\")
open(\"x\", \"w\").close()'";

#[test]
fn path_of_three_hundred_folders_is_refused_by_name() {
    let reason = reason_after(&format!("{DEEP} . 300; echo x > x.txt"));
    let reason = reason.replace(&"d/".repeat(128), "[DEEP]/");
    insta::assert_snapshot!(reason, @"policy refused the change: representable ([DEEP]/d: too many folders within each other); make it again so that it keeps these rules");
}

#[test]
fn ignored_folders_without_end_are_no_obstacle_and_are_removed() {
    assert_eq!(landed_after(&format!("mkdir build; {DEEP} build 2000; echo x > x.txt")), ["A\tx.txt"]);
}

#[test]
fn ignored_folder_without_permissions_is_no_obstacle_and_is_removed() {
    let script = "mkdir -p build/locked/below; echo x > build/locked/below/x; chmod 000 build/locked/below build/locked build; \
                  echo x > x.txt";
    assert_eq!(landed_after(script), ["A\tx.txt"]);
}

#[test]
fn folder_that_cannot_be_read_is_told_and_no_deletion() {
    if is_root() {
        skipped("a hostile agent", "nothing is unreadable for root");
        return;
    }
    insta::assert_snapshot!(reason_after("chmod 000 src; echo x > x.txt"), @"what it changed cannot be read: cannot read src: Permission denied (os error 13)");
}

#[test]
fn file_that_nobody_can_remove_is_left_behind_and_the_work_lands() {
    let bench = Bench::new();
    let said = harm_by(
        &bench,
        "mkdir build; echo x > build/x; chattr +i build/x || echo no > \"$TMPDIR/skipped\"; echo x > x.txt",
    );
    let left = left_behind(&bench);
    if !bench.noted("skipped").is_empty() {
        skipped("a hostile agent", "chattr +i is not possible here");
        return;
    }
    let path = left.iter().find(|path| path.ends_with("build/x")).expect("the file is still there");
    let path = bench.around().join("state/tollhouse").join(path);
    assert_eq!(run(Command::new("chattr").arg("-i").arg(&path)).code, Some(0));
    assert_eq!((said.code, changes(&bench)), (Some(0), vec!["A\tx.txt".to_owned()]), "{said}");
    assert_eq!(left.len(), 4, "the folder of the run, the workspace, build, and the file: {left:?}");
}

#[test]
fn file_of_three_gigabytes_is_told() {
    insta::assert_snapshot!(reason_after("truncate -s 3G big.bin; echo x > x.txt"), @"what it changed cannot be read: big.bin has 3221225472 bytes, more than 536870912");
}

#[test]
fn agent_that_fills_the_disk_of_the_workspaces_fails_its_task_with_what_the_disk_says() {
    let bench = Bench::new();
    let state = bench.around().join("state");
    let Some(_disk) = SmallDisk::mount(&state, "8m") else { return };
    let said = harm_by(&bench, "head -c 20000000 /dev/zero > big.bin");
    assert_eq!((said.code, left_behind(&bench)), (Some(1), Vec::new()), "{said}");
    insta::assert_snapshot!(reason(&bench), @r"
    the agent ended with exit status 1
    head: error writing 'standard output': No space left on device
    ");
}

#[test]
fn attempt_on_a_disk_that_another_filled_for_good_fails_with_what_the_disk_says() {
    let bench = Bench::new();
    let state = bench.around().join("state");
    let Some(_disk) = SmallDisk::mount(&state, "8m") else { return };
    bench.agent("head -c 20000000 /dev/zero > \"$TOLLHOUSE_WORKSPACE/../../full\"");
    let before = bench.of_the_person();
    let said = bench.plan(&tasks(&["one"]).replace("attempts = 1", "attempts = 2")).toll(&["run", "../plan.toml"]);
    assert_same(&before, &bench.of_the_person());
    assert_eq!(said.code, Some(1), "{said}");
    let reason = reason(&bench);
    assert!(reason.contains("No space left on device"), "{reason}");
}
