//! How work goes from a plan to the branch: order, attempts, surroundings, ends.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Bench, Said, assert_same, is_gone, run, tasks};

/// The greatest number of agents that were at work at the same time, as they noted it.
fn overlap_max(bench: &Bench) -> usize {
    let mut working = 0_usize;
    let counts = bench.noted("marks").into_iter().map(|mark| {
        working = if mark == "+" { working + 1 } else { working - 1 };
        working
    });
    counts.max().unwrap_or(0)
}

/// An agent that waits until as many are at work as may be, and a little longer, so that one too many would be seen.
const SOCIABLE: &str = r#"
echo + >> "$TMPDIR/marks"
tries=0
while [ "$(grep -c + "$TMPDIR/marks")" -lt 3 ] && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
sleep 0.3
echo - >> "$TMPDIR/marks"
echo "$1" > "$1.txt"
"#;

#[test]
fn as_many_agents_work_at_once_as_may_and_no_more() {
    let bench = Bench::new();
    bench.agent(SOCIABLE).plan(&tasks(&["a", "b", "c", "d", "e", "f"]));
    let said = bench.toll(&["run", "../plan.toml", "--max-parallel", "3"]);
    assert_eq!((said.code, overlap_max(&bench)), (Some(0), 3), "{said}");
}

#[test]
fn limit_of_an_agent_holds_below_that_of_the_run() {
    let bench = Bench::new();
    let config = bench
        .agent("echo + >> \"$TMPDIR/marks\"; sleep 0.2; echo - >> \"$TMPDIR/marks\"; echo x > \"$1\"")
        .read("tollhouse.toml");
    bench.write("tollhouse.toml", config.replace("\n\n[[gate]]", "\nmax_parallel = 1\n\n[[gate]]"));
    bench.run_plan(&tasks(&["a", "b", "c"]));
    assert_eq!(overlap_max(&bench), 1);
}

#[test]
fn task_finds_what_the_tasks_that_it_needs_have_landed() {
    let bench = Bench::new();
    bench.agent("case $1 in last) cat first.txt second.txt > last.txt ;; *) echo $1 > $1.txt ;; esac");
    let plan =
        tasks(&["last", "first", "second"]).replace("\"Do last\"", "\"Do last\"\nneeds = [\"first\", \"second\"]");
    bench.run_plan(&plan);
    assert_eq!(bench.git(&["show", "toll/main:last.txt"]), "first\nsecond");
}

#[test]
fn task_that_needs_one_that_failed_is_skipped_with_the_reason() {
    let bench = Bench::new();
    bench.agent("exit 1");
    let plan = tasks(&["first", "last"]).replace("\"Do last\"", "\"Do last\"\nneeds = [\"first\"]");
    let plan = plan.replace("prompt", "critical = false\nprompt");
    bench.plan(&plan).toll(&["run", "../plan.toml"]);
    let task = bench.toll(&["status", "--json"]).json()["tasks"][1].clone();
    assert_eq!(task["state"], "skipped", "{task:#}");
    assert!(task["reason"].as_str().is_some_and(|reason| reason.contains("first")), "{task:#}");
}

/// A gate that is content only with the second attempt, and an agent that notes what it was told.
fn twice() -> Bench {
    let bench = Bench::new();
    bench
        .agent(
            "cat > \"$TMPDIR/prompt-$TOLLHOUSE_ATTEMPT\"
             cp \"$TOLLHOUSE_FEEDBACK_FILE\" \"$TMPDIR/feedback-$TOLLHOUSE_ATTEMPT\"
             cp \"$TOLLHOUSE_PROMPT_FILE\" \"$TMPDIR/prompt-file-$TOLLHOUSE_ATTEMPT\"
             echo $TOLLHOUSE_ATTEMPT > tries.txt",
        )
        .config("[[gate]]\nname = \"picky\"\nrun = \"test -e tries.txt || exit 0; echo the number is too small; grep -q 2 tries.txt\"\n");
    bench.run_plan(&tasks(&["one"]).replace("attempts = 1", "attempts = 2"));
    bench
}

#[test]
fn first_attempt_reads_its_prompt_and_no_feedback() {
    let bench = twice();
    assert_eq!((bench.noted("prompt-1"), bench.noted("feedback-1")), (vec!["Do one".to_owned()], Vec::new()));
}

#[test]
fn second_attempt_reads_in_its_prompt_what_the_gate_said() {
    let prompt = twice().noted("prompt-2").join("\n");
    assert!(prompt.starts_with("Do one\n") && prompt.contains("the number is too small"), "{prompt}");
}

#[test]
fn second_attempt_reads_in_its_feedback_file_what_the_gate_said() {
    let feedback = twice().noted("feedback-2").join("\n");
    assert!(feedback.contains("the number is too small"), "{feedback}");
}

#[test]
fn prompt_is_in_its_file_as_it_is_on_standard_input() {
    let bench = twice();
    assert_eq!(bench.noted("prompt-2"), bench.noted("prompt-file-2"));
}

/// The names of the variables that a program printed with `env`.
fn names(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect()
}

const BASE: [&str; 7] = ["HOME", "LANG", "LC_TIME", "PATH", "TMPDIR", "TZ", "USER"];

fn with_secrets(bench: &Bench, args: &[&str]) {
    let mut command = bench.command(args);
    command.env("SECRET_TOKEN", "hunter2").env("MY_TOOL", "here").env("LC_TIME", "C").env("TZ", "UTC");
    let said = run(&mut command);
    assert_eq!(said.code, Some(1), "{said}");
}

#[test]
fn agent_finds_in_its_environment_what_was_promised_and_nothing_else() {
    let bench = Bench::new();
    bench.write(
        "tollhouse.toml",
        "[agents.env]\ncommand = [\"env\"]\nenv_pass = [\"MY_TOOL\", \"NOT_THERE\"]\nenv = { GIVEN = \"x\" }\n",
    );
    bench.plan(&tasks(&["one"]));
    with_secrets(&bench, &["run", "../plan.toml"]);
    let printed = bench.toll(&["log", "one", "--output"]).out;
    let ours = ["RUN", "TASK", "ATTEMPT", "EPOCH", "WORKSPACE", "PROMPT_FILE", "FEEDBACK_FILE", "REPORT"];
    let ours = ours.map(|name| format!("TOLLHOUSE_{name}"));
    let promised: BTreeSet<&str> =
        BASE.into_iter().chain(["GIVEN", "MY_TOOL", "TRACEPARENT"]).chain(ours.iter().map(String::as_str)).collect();
    assert_eq!(names(&printed), promised);
}

#[test]
fn gate_finds_in_its_environment_no_more_than_was_promised() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").config(
        "[[gate]]\nname = \"env\"\nrun = [\"sh\", \"-c\", \"env; test ! -e x.txt\"]\nenv_pass = [\"MY_TOOL\"]\n",
    );
    bench.plan(&tasks(&["one"]));
    with_secrets(&bench, &["run", "../plan.toml"]);
    let gate_run = bench.toll(&["status", "--json"]).json()["gate_runs"][0]["id"].to_string();
    let printed = bench.toll(&["log", gate_run.trim_matches('"'), "--output"]).out;
    let shell = ["PWD", "SHLVL", "_", "OLDPWD"];
    let found: BTreeSet<&str> = names(&printed).into_iter().filter(|name| !shell.contains(name)).collect();
    let ours = ["MY_TOOL", "TOLLHOUSE_RUN", "TOLLHOUSE_TASK", "TOLLHOUSE_WORKSPACE", "TRACEPARENT"];
    assert_eq!(found, BASE.into_iter().chain(ours).collect());
}

#[test]
fn agent_works_in_its_workspace_and_never_in_the_repository() {
    let bench = Bench::new();
    bench.agent("pwd -P > \"$TMPDIR/pwd\"; echo \"$TOLLHOUSE_WORKSPACE\" >> \"$TMPDIR/pwd\"; echo x > x.txt");
    bench.run_plan(&tasks(&["one"]));
    let noted = bench.noted("pwd");
    let state = bench.around().join("state/tollhouse");
    assert!(noted[0] == noted[1] && noted[0].starts_with(state.to_str().unwrap()), "{noted:?}");
}

/// A workspace that is made ready with an untracked file and a program that makes another.
fn prepared() -> Bench {
    let bench = Bench::new();
    bench
        .agent("cat .env.test made.txt > seen.txt")
        .config("[workspace]\nsetup = \"echo made > made.txt\"\ncopy = [\".env.test\"]\n\n[[gate]]\nname = \"ready\"\nrun = \"test -f .env.test -a -f made.txt\"\n")
        .commit("Configure");
    bench.write(".env.test", "copied\n");
    bench.run_plan(&tasks(&["one"]));
    bench
}

#[test]
fn workspaces_and_gate_checkouts_are_made_ready() {
    assert_eq!(prepared().git(&["show", "toll/main:seen.txt"]), "copied\nmade");
}

#[test]
fn what_made_a_workspace_ready_is_in_no_patch() {
    assert_eq!(prepared().git(&["diff", "--name-only", "main", "toll/main"]), "seen.txt");
}

#[test]
fn setup_that_fails_fails_the_attempt_with_what_it_printed() {
    let bench = Bench::new();
    bench
        .config("[workspace]\nsetup = \"echo no network; exit 7\"\n")
        .plan(&tasks(&["one"]))
        .toll(&["run", "../plan.toml"]);
    let status = bench.toll(&["status", "--json"]).json();
    let reason = status["tasks"][0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("exit status 7") && reason.contains("no network"), "{status:#}");
}

/// The first attempt hangs with a child of its own; the second one does the work.
fn hangs_once() -> Bench {
    let bench = Bench::new();
    bench.agent(
        "if [ $TOLLHOUSE_ATTEMPT = 1 ]; then
             echo $$ > \"$TMPDIR/pids\"; sleep 1000 & echo $! >> \"$TMPDIR/pids\"; wait
         fi
         echo x > x.txt",
    );
    bench.run_plan(&tasks(&["one"]).replace("attempts = 1", "attempts = 2\ntimeout = \"1s\""));
    bench
}

#[test]
fn agent_whose_time_is_over_ends_with_all_that_it_started() {
    let pids = hangs_once().noted("pids");
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_gone(pid)), "one of {pids:?} lives on");
}

#[test]
fn task_whose_agent_took_too_long_is_tried_again() {
    assert_eq!(hangs_once().git(&["show", "toll/main:x.txt"]), "x");
}

#[test]
fn what_an_agent_leaves_running_ends_with_it() {
    let bench = Bench::new();
    bench.agent("sleep 1000 & echo $! > \"$TMPDIR/pid\"; echo x > x.txt");
    bench.run_plan(&tasks(&["one"]));
    let pid = bench.noted("pid").concat();
    assert!(is_gone(&pid), "{pid} lives on");
}

#[test]
fn single_task_that_lands_is_a_yes() {
    let bench = Bench::new();
    let said = bench.agent("echo x > x.txt").toll(&["do", "Do it"]);
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn single_task_that_is_refused_is_a_no() {
    let bench = Bench::new();
    let said = bench.agent("echo '# x' >> tollhouse.toml").toll(&["do", "Do it"]);
    assert_eq!(said.code, Some(1), "{said}");
}

#[test]
fn prompt_comes_from_a_file_or_from_standard_input_too() {
    let bench = Bench::new();
    bench.agent("cat > \"$TMPDIR/prompt\"; echo x > x.txt").write("../prompt.md", "From a file\n");
    let said = bench.toll(&["do", "@../prompt.md"]);
    assert_eq!((said.code, bench.noted("prompt")), (Some(0), vec!["From a file".to_owned()]), "{said}");
    bench.agent("cat > \"$TMPDIR/prompt\"; echo y > y.txt");
    let said = run(bench.command(&["do", "-"]).stdin(fs::File::open(bench.path("../prompt.md")).unwrap()));
    assert_eq!((said.code, bench.noted("prompt")), (Some(0), vec!["From a file".to_owned()]), "{said}");
}

#[test]
fn change_outside_of_what_a_single_task_may_write_is_refused() {
    let bench = Bench::new();
    bench.agent("echo x > x.txt").toll(&["do", "Do it", "--write", "src/**"]);
    let patch = bench.toll(&["patch", "list", "--json"]).json()["patches"][0].clone();
    assert_eq!((&patch["state"], &patch["commit"]), (&Value::from("quarantined"), &Value::Null), "{patch:#}");
}

/// One task that lands, and one that fails and is not critical.
fn mostly_good(args: &[&str]) -> Option<i32> {
    let bench = Bench::new();
    bench.agent("case $1 in good) echo x > x.txt ;; *) exit 1 ;; esac");
    bench.plan(&tasks(&["good", "bad"]).replace("\"Do bad\"", "\"Do bad\"\ncritical = false"));
    bench.toll(&[&["run", "../plan.toml"], args].concat()).code
}

#[test]
fn failure_that_is_not_critical_is_a_yes() {
    assert_eq!(mostly_good(&[]), Some(0));
}

#[test]
fn failure_that_is_not_critical_is_a_no_where_that_is_asked_for() {
    assert_eq!(mostly_good(&["--strict"]), Some(1));
}

/// Writes its process and a child of it to `pids`, and waits for ever.
pub(crate) const HANGS: &str = "sleep 1000 & echo $$ $! > \"$TMPDIR/pids\"; wait";

/// A run that is told by a signal to stop while its agent works: its exit status, and the agent's processes.
fn stopped_by(signal: &str) -> (Bench, Option<i32>, Vec<String>) {
    let bench = Bench::new();
    bench.agent(HANGS).plan(&tasks(&["one"]));
    stopped(bench, signal)
}

/// A run that is told by a signal to stop once something of it has written its processes to `pids`.
pub(crate) fn stopped(bench: Bench, signal: &str) -> (Bench, Option<i32>, Vec<String>) {
    let fifo = bench.notes().join("pids");
    assert_eq!(run(bench.isolated("mkfifo").arg(&fifo)).code, Some(0));
    let before = bench.of_the_person();
    let mut toll = bench.command(&["run", "../plan.toml"]);
    let toll = toll.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("toll runs");
    // Opened for both, so that it opens at once; reading waits until the agent has written, or toll has ended without.
    let wire = fs::File::options().read(true).write(true).open(fifo).expect("it was just made");
    let mut end = wire.try_clone().expect("a file can be shared");
    let kill = format!("kill -{signal} {}", toll.id());
    let ended = std::thread::spawn(move || {
        let output = toll.wait_with_output().expect("toll ends");
        writeln!(end).expect("this test reads");
        Said::from(output)
    });
    let mut pids = String::new();
    BufReader::new(wire).read_line(&mut pids).expect("a line comes in any case");
    if !pids.trim().is_empty() {
        let kill = run(bench.isolated("sh").args(["-c", &kill]));
        assert_eq!(kill.code, Some(0), "{kill}");
    }
    let said = ended.join().expect("toll ends");
    assert!(!pids.trim().is_empty(), "nothing began\n{said}");
    assert_same(&before, &bench.of_the_person());
    (bench, said.code, pids.split_ascii_whitespace().map(str::to_owned).collect())
}

#[test]
fn run_that_is_interrupted_leaves_no_process() {
    let (_bench, code, pids) = stopped_by("INT");
    assert_eq!(code, Some(130));
    assert!(pids.len() == 2 && pids.iter().all(|pid| is_gone(pid)), "one of {pids:?} lives on");
}

#[test]
fn run_that_is_terminated_says_so() {
    assert_eq!(stopped_by("TERM").1, Some(143));
}

#[test]
fn run_that_is_interrupted_leaves_a_ledger_that_can_be_read() {
    let (bench, ..) = stopped_by("INT");
    let said = bench.toll(&["status"]);
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn run_leaves_no_workspace_behind() {
    let bench = Bench::new();
    bench.agent("case $1 in good) echo x > x.txt ;; *) : > README.md ;; esac");
    bench.plan(&tasks(&["good", "bad"])).toll(&["run", "../plan.toml"]);
    assert_eq!(workspaces(&bench), [""; 0]);
}

#[test]
fn run_that_is_interrupted_leaves_no_workspace_behind() {
    assert_eq!(workspaces(&stopped_by("INT").0), [""; 0]);
}

/// What there is in the folder for the workspaces of a repository.
pub(crate) fn workspaces(bench: &Bench) -> Vec<String> {
    let all = bench.photograph(&bench.around().join("state/tollhouse"));
    let names = all.keys().filter_map(|path| path.to_str()?.split_once("state/tollhouse/"));
    names.filter(|(_, name)| name.contains('/')).map(|(_, name)| name.to_owned()).collect()
}

#[test]
fn demo_tells_its_story_and_leaves_nothing_behind() {
    let bench = Bench::empty();
    let before = bench.photograph(&bench.around());
    let said = bench.toll(&["demo"]);
    assert_eq!(said.code, Some(0), "{said}");
    let mut after = bench.photograph(&bench.around());
    // What Python's own launchers leave is not ours.
    after.retain(|path, _| !path.components().any(|part| part.as_os_str() == ".cache"));
    assert_same(&before, &after);
}

#[test]
fn demo_that_is_kept_can_be_looked_at() {
    let bench = Bench::empty();
    bench.toll(&["demo", "--keep", "kept"]);
    let said = run(bench.command(&["status", "--json"]).current_dir(bench.path("kept")));
    assert_eq!(said.json()["counts"]["landed"], 4, "{said}");
}

#[test]
fn agent_that_commits_its_work_hands_in_the_same_as_one_that_does_not() {
    let bench = Bench::new();
    let commit = "git -c user.name=a -c user.email=a@b commit --quiet --message x";
    bench.agent(&format!("echo x > x.txt; git add x.txt; {commit}; echo y > y.txt")).run_plan(&tasks(&["one"]));
    assert_eq!(bench.git(&["diff", "--name-only", "main", "toll/main"]), "x.txt\ny.txt");
}

/// Both wait until both have begun, so that neither begins with what the other landed.
const RIVALS: &str = r#"
echo + >> "$TMPDIR/marks"
tries=0
while [ "$(grep -c + "$TMPDIR/marks")" -lt 2 ] && [ $tries -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
{ echo "$1"; tail -n +2 src/app.txt; } > new
mv new src/app.txt
"#;

#[test]
fn change_that_does_not_fit_any_more_is_made_again_on_what_landed() {
    let bench = Bench::new();
    let plan = tasks(&["left", "right"]).replace("attempts = 1", "attempts = 3");
    let status = bench.agent(RIVALS).run_plan(&plan);
    assert_eq!((bench.noted("marks").len(), &status["counts"]["landed"]), (3, &Value::from(2)), "{status:#}");
}

#[test]
fn two_runs_at_once_land_all_that_both_made() {
    let bench = Bench::new();
    bench.agent("echo $1 > $1-$$.txt").plan(&tasks(&["a", "b", "c"]));
    let start = || bench.command(&["run", "../plan.toml"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    for child in [start().unwrap(), start().unwrap()] {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(bench.git(&["rev-list", "--count", "main..toll/main"]), "6");
}
