//! Killed at every named point, a run goes on by the commands that `toll` names, to where it would have come to without.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use serde_json::Value;

use crate::archiving::assert_archived;
use crate::blobs::forgotten_content;
use crate::harness::{Bench, Said, assert_same, run};
use crate::watching::out_of_money;

/// What is being done when the program is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// `toll run`.
    Run,
    /// `toll resume` of a run that was killed at this point before.
    Resume(&'static str),
    /// `toll submit` of a branch.
    Submit,
    /// `toll pause` of a run that was killed before.
    Pause,
    /// `toll resume` of a run that was paused.
    ResumePaused,
    /// `toll cancel` of a run that was killed before.
    Cancel,
    /// `toll cancel --quarantine` of a run that was killed before.
    Quarantine,
    /// `toll task skip` in a run that was killed before.
    Skip,
    /// `toll task add` to a run that was killed before.
    Add,
    /// `toll resume --budget` of a run that has no money.
    Raise,
    /// `toll worker pause` in a run that was killed before.
    PauseWorker,
    /// `toll land` of what a run held.
    Land,
    /// `toll purge` of a run that is over.
    Purge,
    /// The same, of one that was killed while it was purged.
    PurgeAgain,
    /// `toll gc` after a run whose time on the ledger is over.
    Archive,
    /// The same, of one that was killed while it was taken out.
    ArchiveAgain,
    /// `toll patch checkout` of what was refused.
    Checkout,
    /// `toll gc` after a run.
    Gc,
}

const AGENT: &str = "\
case $1 in
  slow) if test \"$TOLLHOUSE_ATTEMPT\" = 1; then sleep 60; fi ;;
  refused) mkdir -p secrets; echo no > secrets/key ;;
esac
echo \"$1\" > \"$1.txt\"
head -c 9000 /dev/zero | tr '\\0' x
";

const CONFIG: &str = "\
[policy]
forbid = [\"secrets/**\"]

[[gate]]
name = \"check\"
run = \"test -s README.md\"
timeout = \"20s\"
";

/// One task that hangs once, two that stand on each other, one that is refused.
fn plan(names: &[&str]) -> String {
    let task = |name: &&str| {
        let needs = if *name == "b" { "needs = [\"a\"]\n" } else { "" };
        let timeout = if *name == "slow" { "timeout = \"1s\"\n" } else { "" };
        let attempts = if *name == "refused" { 1 } else { 50 };
        format!(
            "\n[[task]]\nid = \"{name}\"\nprompt = \"Do {name}\"\nattempts = {attempts}\ncritical = false\n{needs}{timeout}"
        )
    };
    format!("plan = \"test\"\n{}", names.iter().map(task).collect::<String>())
}

pub(crate) fn bench() -> Bench {
    let bench = Bench::new();
    bench.agent(AGENT).config(CONFIG).commit("Configure");
    bench
}

const PURGE: &[&str] = &["purge", "@", "--reason", "a key"];

const GC: &[&str] = &["gc"];

const RUN: &[&str] = &["run", "../plan.toml"];

/// Calls `toll`, which must be killed at a point.
fn killed(bench: &Bench, args: &[&str], point: &str) {
    let mut command = bench.command(args);
    let output = command.env("TOLLHOUSE_FAILPOINT", point).output().expect("toll starts");
    let status = output.status;
    let said = Said::from(output);
    assert_eq!(status.signal(), Some(9), "toll {args:?} does not come past {point}\n{said}");
}

/// Brings a repository to where something is about to be done; the answer is what does it.
fn prepare(bench: &Bench, doing: Doing) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let all = plan(&["slow", "a", "b"]);
    match doing {
        Doing::Run => {
            bench.plan(&all);
            words(RUN)
        }
        Doing::Resume(first) => {
            bench.plan(&all);
            killed(bench, RUN, first);
            words(&["resume"])
        }
        Doing::Submit => {
            bench.git(&["switch", "--quiet", "--create", "work"]);
            bench.write("work.txt", "by hand\n").commit("Work by hand");
            bench.git(&["switch", "--quiet", "main"]);
            words(&["submit", "work"])
        }
        Doing::Pause
        | Doing::Cancel
        | Doing::Quarantine
        | Doing::Skip
        | Doing::Add
        | Doing::ResumePaused
        | Doing::PauseWorker => {
            bench.plan(&all);
            killed(bench, RUN, "effect.spawn:before");
            match doing {
                Doing::Pause => words(&["pause"]),
                Doing::Cancel => words(&["cancel"]),
                Doing::PauseWorker => words(&["worker", "pause", "local-1", "--reason", "not now"]),
                Doing::Skip => words(&["task", "skip", "b", "--reason", "not now"]),
                Doing::Quarantine => words(&["cancel", "--quarantine", "--reason", "unsafe"]),
                Doing::Add => words(&["task", "add", "Do c", "--id", "c"]),
                _ => {
                    let said = bench.toll(&["pause"]);
                    assert_eq!(said.code, Some(0), "{said}");
                    words(&["resume"])
                }
            }
        }
        Doing::Raise => {
            bench.run_plan(&plan(&["b"]).replace("needs = [\"a\"]\n", ""));
            out_of_money(bench, &plan(&["a"]));
            words(&["resume", "--budget", "50", "--reason", "more"])
        }
        Doing::Land => {
            let said = bench.plan(&plan(&["a"])).toll(&["run", "../plan.toml", "--hold"]);
            assert_eq!(said.code, Some(7), "{said}");
            words(&["land"])
        }
        Doing::Checkout => {
            bench.plan(&plan(&["refused"])).toll(RUN);
            let patches = bench.toll(&["patch", "list", "--json"]).json();
            let id = patches["patches"][0]["id"].as_str().expect("there is a patch").to_owned();
            words(&["patch", "checkout", &id])
        }
        Doing::Purge | Doing::PurgeAgain | Doing::Archive | Doing::ArchiveAgain | Doing::Gc => {
            words(prepare_upkeep(bench, doing))
        }
    }
}

/// Brings a ledger to where some of it is about to go.
fn prepare_upkeep(bench: &Bench, doing: Doing) -> &'static [&'static str] {
    match doing {
        Doing::Purge | Doing::PurgeAgain => {
            over(bench);
            if doing == Doing::PurgeAgain {
                killed(bench, PURGE, "effect.purge:before");
            }
            PURGE
        }
        Doing::Archive | Doing::ArchiveAgain => {
            due(bench);
            if doing == Doing::ArchiveAgain {
                killed(bench, GC, "effect.take_out:before");
            }
            GC
        }
        Doing::Gc => {
            bench.plan(&plan(&["a"])).toll(RUN);
            forgotten_content(bench);
            GC
        }
        _ => unreachable!("{doing:?} is no upkeep"),
    }
}

/// A run whose time on the ledger is over.
fn due(bench: &Bench) {
    bench.config("[ledger]\nretain = \"1ms\"\n");
    over(bench);
}

/// A run that is over, and printed at length.
fn over(bench: &Bench) {
    bench.agent("seq 1 200000; echo $1 > $1.txt").plan(&plan(&["a"])).toll(RUN);
}

/// Types what `toll` names until nothing is left to be done.
pub(crate) fn go_on(bench: &Bench, args: &[&str]) {
    for _ in 0..12 {
        let status = bench.toll(&["status", "--json"]);
        let next = match status.code {
            // It was killed before it came to a run.
            Some(4) => args.iter().map(|word| (*word).to_owned()).collect(),
            _ => match status.json()["next"].as_str() {
                None => return,
                Some(next) => next.split(' ').skip(1).map(filled_in).collect::<Vec<String>>(),
            },
        };
        let next: Vec<&str> = next.iter().map(String::as_str).collect();
        let said = bench.toll(&next);
        assert!(matches!(said.code, Some(0 | 1 | 7)), "toll {next:?}\n{said}");
    }
    panic!("there is always something left to be done:\n{}", bench.toll(&["log"]));
}

/// What a person puts in place of a word in capitals.
fn filled_in(word: &str) -> String {
    let filled = match word {
        "USD" => "50",
        "TEXT" => "more",
        word => word,
    };
    filled.to_owned()
}

/// Kills `toll` at a point, goes on by what it names, and looks at what came of it.
pub(crate) fn survives(doing: Doing, point: &str) {
    let bench = bench();
    let args = prepare(&bench, doing);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let before = bench.of_the_person();
    killed(&bench, &args, point);
    let found = bench.toll(&["verify"]);
    assert!(matches!(found.code, Some(0 | 4)), "what it names is there, wherever it was killed: {found}");
    if !matches!(doing, Doing::Archive | Doing::ArchiveAgain) {
        go_on(&bench, &args);
    }
    let status = match doing {
        Doing::Checkout => {
            // Whether it was made or not, saying it again tells.
            let again = bench.toll(&args);
            assert!(matches!(again.code, Some(0 | 5)), "{again}");
            bench.git(&["update-ref", "-d", &branch_of_patch(&bench)]);
            None
        }
        Doing::Purge | Doing::PurgeAgain => {
            let again = bench.toll(&args);
            assert_eq!(again.code, Some(0), "{again}");
            assert_purged(&bench);
            None
        }
        Doing::Archive | Doing::ArchiveAgain => {
            let again = bench.toll(&args);
            assert_eq!(again.code, Some(0), "{again}");
            assert_archived(&bench);
            assert_same(&before, &bench.of_the_person());
            return assert_nothing_left(&bench);
        }
        Doing::Gc => {
            let again = bench.toll(&args);
            assert_eq!(again.code, Some(0), "{again}");
            None
        }
        _ => Some(bench.toll(&["status", "--json"]).json()),
    };
    assert_same(&before, &bench.of_the_person());
    if let Some(status) = status {
        let state = status["state"].as_str().unwrap_or_default().to_owned();
        // Killed before it was ended, it goes on like any other.
        let expected = match doing {
            Doing::Cancel if point.ends_with(":after") => "canceled",
            Doing::Quarantine if point.ends_with(":after") => "quarantined",
            _ => "succeeded",
        };
        assert_eq!(state, expected, "{status:#}");
        if expected == "succeeded" {
            assert_done(&bench, doing, &status);
        }
    }
    assert_landed_once(&bench);
    assert_nothing_left(&bench);
}

/// Nothing says any more what was to be done, and what is left of history holds.
fn assert_purged(bench: &Bench) {
    let folder = bench.path(".git/tollhouse");
    for path in bench.photograph(&folder).into_keys() {
        let bytes = std::fs::read(bench.path("").join(&path)).unwrap_or_default();
        let is_there = bytes.windows(4).any(|window| window == b"Do a");
        assert!(!is_there, "{}", path.display());
    }
    let said = bench.toll(&["verify"]);
    assert_eq!(said.code, Some(0), "{said}");
    let effects = bench.toll(&["log", "--kind", "effect"]);
    assert!(effects.out.contains("a key"), "{effects}");
}

fn branch_of_patch(bench: &Bench) -> String {
    bench.git(&["for-each-ref", "--format=%(refname)", "refs/heads/toll/patch-*"])
}

/// The final tree is the one that it would have been.
fn assert_done(bench: &Bench, doing: Doing, status: &Value) {
    let files: BTreeSet<String> =
        bench.git(&["ls-tree", "--name-only", "toll/main"]).lines().map(str::to_owned).collect();
    let expected: &[&str] = match doing {
        Doing::Submit => &["work.txt"],
        Doing::Land => &["a.txt"],
        Doing::Raise => &["a.txt", "b.txt"],
        _ => &["slow.txt", "a.txt", "b.txt"],
    };
    let added = status["tasks"].as_array().is_some_and(|tasks| tasks.iter().any(|task| task["name"] == "c"));
    assert_eq!(files.contains("c.txt"), added, "what was added is done: {files:?}\n{status:#}");
    for name in expected {
        let skipped = doing == Doing::Skip && *name == "b.txt" && state_of(status, "b") == "skipped";
        assert_eq!(files.contains(*name), !skipped, "{name} of {files:?}\n{status:#}");
    }
}

fn state_of(status: &Value, name: &str) -> String {
    let tasks = status["tasks"].as_array().expect("a run has tasks");
    let task = tasks.iter().find(|task| task["name"] == name).expect("the plan has it");
    task["state"].as_str().unwrap_or_default().to_owned()
}

/// Every patch that the ledger says landed is on the branch once, and nothing else is.
pub(crate) fn assert_landed_once(bench: &Bench) {
    let patches = bench.toll(&["patch", "list", "--limit", "1000", "--json"]).json();
    let patches = patches["patches"].as_array().expect("a list");
    let said: BTreeMap<String, String> = patches
        .iter()
        .filter_map(|patch| Some((patch["id"].as_str()?.to_owned(), patch["commit"].as_str()?.to_owned())))
        .collect();
    let there =
        bench.isolated("git").args(["rev-parse", "--verify", "--quiet", "toll/main"]).output().expect("git runs");
    if !there.status.success() {
        assert!(said.is_empty(), "the ledger says that {said:?} landed, and there is no branch");
        return;
    }
    let format = "--format=%H %(trailers:key=Tollhouse-Patch,valueonly,separator=%x2C)";
    let log = bench.git(&["log", format, "main..toll/main"]);
    let found: Vec<(String, String)> = log
        .lines()
        .filter_map(|line| line.split_once(' ').map(|(commit, patch)| (patch.to_owned(), commit.to_owned())))
        .collect();
    let once: BTreeMap<String, String> = found.iter().cloned().collect();
    assert_eq!(once.len(), found.len(), "a patch is on the branch twice: {found:?}");
    assert_eq!(once, said, "the branch is not what the ledger says");
    bench.git(&["fsck", "--no-dangling"]);
}

/// Once `toll gc` has run, nothing is left that it does not name.
pub(crate) fn assert_nothing_left(bench: &Bench) {
    let gc = bench.toll(&["gc", "--json"]);
    assert_eq!(gc.code, Some(0), "{gc}");
    let left = bench.toll(&["gc", "--dry-run", "--json"]).json();
    let left = left["found"].as_array().expect("a list").clone();
    let young = |row: &Value| row["why"].as_str().is_some_and(|why| why.starts_with("nobody knows of it yet"));
    let kept = |row: &Value| row["why"].as_str().is_some_and(|why| why.starts_with("it holds work"));
    assert!(left.iter().all(|row| row["fate"] == "stays" && (young(row) || kept(row))), "{left:#?}");
    assert!(left.iter().all(|row| row["kind"] != "process"), "{left:#?}");
    let named: BTreeSet<&str> = left.iter().filter_map(|row| row["place"].as_str()).collect();
    let files = bench.photograph(&bench.around().join("state"));
    let unnamed = |path: &&std::path::PathBuf| {
        path.is_file() && !named.iter().any(|place| path.starts_with(place)) && !path.ends_with("tollhouse")
    };
    let unnamed: Vec<_> = files.keys().filter(unnamed).collect();
    assert!(unnamed.is_empty(), "{unnamed:?} is left, and gc does not know it: {named:?}");
    let locks: Vec<_> = bench
        .photograph(&bench.path(".git"))
        .into_keys()
        .filter(|path| path.extension().is_some_and(|extension| extension == "lock"))
        .filter(|path| !named.iter().any(|place| bench.path("").join(path).starts_with(place)))
        .collect();
    assert!(locks.is_empty(), "{locks:?}");
    assert_no_processes(bench);
}

/// No process that was started for a workspace lives on.
fn assert_no_processes(bench: &Bench) {
    let state = bench.around().join("state");
    let state = state.to_str().expect("a plain name");
    let said = run(Command::new("sh").args([
        "-c",
        "grep -lzs \"TOLLHOUSE_WORKSPACE=$0\" /proc/[0-9]*/environ || true",
        state,
    ]));
    let alive: Vec<&str> = said.out.lines().filter(|path| !path.contains("/self/")).collect();
    assert!(alive.is_empty(), "{alive:?}");
}

/// A test for each side of each point, and the list of them.
macro_rules! points {
    ($($name:ident: $point:literal, $doing:expr;)+) => {
        $(mod $name {
            use super::*;

            #[test]
            fn before() {
                survives($doing, concat!($point, ":before"));
            }

            #[test]
            fn after() {
                survives($doing, concat!($point, ":after"));
            }
        })+

        const TESTED: &[&str] = &[$($point),+];
    };
}

points! {
    commit_create_run: "commit.create_run", Doing::Run;
    commit_submit_patch: "commit.submit_patch", Doing::Submit;
    commit_drive: "commit.drive", Doing::Run;
    commit_step_down: "commit.step_down", Doing::Run;
    commit_start_run: "commit.start_run", Doing::Run;
    commit_tick: "commit.tick", Doing::Run;
    commit_pause_run: "commit.pause_run", Doing::Pause;
    commit_resume_run: "commit.resume_run", Doing::ResumePaused;
    commit_cancel_run: "commit.cancel_run", Doing::Cancel;
    commit_add_tasks: "commit.add_tasks", Doing::Add;
    commit_quarantine_run: "commit.quarantine_run", Doing::Quarantine;
    commit_change_budget: "commit.change_budget", Doing::Raise;
    commit_override_task: "commit.override_task", Doing::Skip;
    commit_override_patch: "commit.override_patch", Doing::Land;
    commit_override_worker: "commit.override_worker", Doing::PauseWorker;
    commit_archive: "commit.archive", Doing::Archive;
    commit_claim_archive: "commit.claim.archive", Doing::Archive;
    commit_report_archive: "commit.report.archive", Doing::Archive;
    commit_settle_archive: "commit.settle.archive", Doing::ArchiveAgain;
    effect_archive: "effect.archive", Doing::Archive;
    effect_place_archive: "effect.place_archive", Doing::Archive;
    effect_take_out: "effect.take_out", Doing::Archive;
    git_copy: "git.copy", Doing::Archive;
    commit_purge: "commit.purge", Doing::Purge;
    commit_claim_purge: "commit.claim.purge", Doing::Purge;
    commit_report_purge: "commit.report.purge", Doing::Purge;
    commit_settle_purge: "commit.settle.purge", Doing::PurgeAgain;
    effect_purge: "effect.purge", Doing::Purge;
    effect_rewrite: "effect.rewrite", Doing::Purge;
    blob_forget: "blob.forget", Doing::Purge;
    git_forget: "git.forget", Doing::Purge;
    commit_create_gate_run: "commit.create_gate_run", Doing::Run;
    commit_claim_spawn: "commit.claim.spawn", Doing::Run;
    commit_claim_kill: "commit.claim.kill", Doing::Run;
    commit_claim_apply: "commit.claim.apply", Doing::Run;
    commit_claim_gate: "commit.claim.gate", Doing::Run;
    commit_claim_land: "commit.claim.land", Doing::Run;
    commit_report_spawn: "commit.report.spawn", Doing::Run;
    commit_report_kill: "commit.report.kill", Doing::Run;
    commit_report_apply: "commit.report.apply", Doing::Run;
    commit_report_gate: "commit.report.gate", Doing::Run;
    commit_report_land: "commit.report.land", Doing::Run;
    commit_settle_spawn: "commit.settle.spawn", Doing::Resume("effect.spawn:after");
    commit_settle_kill: "commit.settle.kill", Doing::Resume("effect.kill:before");
    commit_settle_apply: "commit.settle.apply", Doing::Resume("effect.apply:after");
    commit_settle_gate: "commit.settle.gate", Doing::Resume("effect.gate:before");
    commit_settle_land: "commit.settle.land", Doing::Resume("effect.land:after");
    effect_spawn: "effect.spawn", Doing::Run;
    effect_kill: "effect.kill", Doing::Run;
    effect_apply: "effect.apply", Doing::Run;
    effect_gate: "effect.gate", Doing::Run;
    effect_land: "effect.land", Doing::Run;
    blob_put: "blob.put", Doing::Run;
    blob_place: "blob.place", Doing::Run;
    blob_take: "blob.take", Doing::Gc;
    git_make_ledger_repo: "git.make_ledger_repo", Doing::Run;
    git_pin: "git.pin", Doing::Run;
    git_unpin: "git.unpin", Doing::Gc;
    git_workspace: "git.workspace", Doing::Run;
    git_remove_workspace: "git.remove_workspace", Doing::Run;
    git_snapshot: "git.snapshot", Doing::Run;
    git_keep: "git.keep", Doing::Run;
    git_candidate: "git.candidate", Doing::Run;
    git_candidate_commit: "git.candidate_commit", Doing::Run;
    git_commit: "git.commit", Doing::Run;
    git_import: "git.import", Doing::Run;
    git_swap: "git.swap", Doing::Run;
    git_branch: "git.branch", Doing::Checkout;
}

#[test]
fn every_point_is_tested() {
    use tollhouse_runner::failpoint::{BLOB_WRITES, COMMITS, EFFECTS, GIT_WRITES};
    let listed: BTreeSet<&str> = [COMMITS, EFFECTS, BLOB_WRITES, GIT_WRITES].concat().into_iter().collect();
    assert_eq!(TESTED.iter().copied().collect::<BTreeSet<_>>(), listed);
}
