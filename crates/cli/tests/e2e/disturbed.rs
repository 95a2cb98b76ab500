//! What else a bad day brings while a run goes on: random kills, clocks, full disks, hands on the branch, `git gc`.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::disk::SmallDisk;
use crate::draws::{Dice, rounds, seeds};
use crate::harness::{Bench, GATE, assert_same, run, tasks};
use crate::killed::{assert_landed_once, assert_nothing_left, bench, go_on};
use crate::told::figure;

const RUN: &[&str] = &["run", "../plan.toml"];

fn plan_of_four() -> String {
    let task = |(name, needs): (&str, &str)| {
        format!("\n[[task]]\nid = \"{name}\"\nprompt = \"Do {name}\"\nattempts = 50\nneeds = [{needs}]\n")
    };
    let all = [("a", ""), ("b", "\"a\""), ("c", ""), ("d", "\"b\", \"c\"")];
    format!("plan = \"test\"\n{}", all.map(task).concat())
}

fn files(bench: &Bench) -> BTreeSet<String> {
    bench.git(&["ls-tree", "--name-only", "toll/main"]).lines().map(str::to_owned).collect()
}

fn assert_all_landed(bench: &Bench, names: &[&str]) {
    let files = files(bench);
    assert!(names.iter().all(|name| files.contains(*name)), "{names:?} of {files:?}\n{}", bench.toll(&["status"]));
    assert_landed_once(bench);
    assert_nothing_left(bench);
}

/// Runs a plan, kills it after a while, and goes on; the answer is whether it was killed before its end.
fn kill_once(dice: &mut Dice) -> bool {
    let bench = bench();
    bench.agent("sleep 0.05; echo \"$1\" > \"$1.txt\"");
    bench.plan(&plan_of_four());
    let before = bench.of_the_person();
    let mut child = bench.command(RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("toll starts");
    thread::sleep(Duration::from_millis(dice.below(1200)));
    let killed = child.try_wait().expect("it is ours").is_none();
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    // Perhaps once more, while it recovers.
    if dice.below(3) == 0 {
        let mut child =
            bench.command(&["resume"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("toll starts");
        thread::sleep(Duration::from_millis(dice.below(600)));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
    }
    go_on(&bench, RUN);
    assert_same(&before, &bench.of_the_person());
    assert_all_landed(&bench, &["a.txt", "b.txt", "c.txt", "d.txt"]);
    killed
}

/// 300 of them in a soak.
#[test]
fn kills_at_any_moment_change_nothing_about_what_lands() {
    let count = if rounds() >= 1000 { 300 } else { 6 };
    let mut dice = Dice::new(seeds());
    let killed = (0..count).filter(|_| kill_once(&mut dice)).count();
    figure(
        "random kills",
        &format!("{count} runs, {killed} killed before their end; all ended as they would have without"),
    );
}

#[test]
fn clock_that_is_set_back_in_the_middle_changes_nothing() {
    let bench = bench();
    bench.agent("echo -3600 > \"$TMPDIR/clock\"; echo \"$1\" > \"$1.txt\"");
    bench.plan(&plan_of_four()).write("../tmp/clock", "0");
    let clock = bench.notes().join("clock");
    let toll = |args: &[&str], point: &str| {
        let mut command = bench.command(args);
        command.env("TOLLHOUSE_CLOCK_FILE", &clock).env("TOLLHOUSE_FAILPOINT", point);
        run(&mut command)
    };
    let killed = toll(RUN, "commit.report.land:before");
    assert_eq!(killed.code, None, "{killed}");
    bench.write("../tmp/clock", "-7200");
    let said = toll(&["resume"], "none");
    assert_eq!(said.code, Some(0), "{said}");
    let log = bench.toll(&["log", "--json"]);
    let times: Vec<String> = log
        .out
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()?["at"].as_str().map(str::to_owned))
        .collect();
    assert!(times.len() > 20 && times.is_sorted(), "time goes back: {times:?}");
    assert_all_landed(&bench, &["a.txt", "b.txt", "c.txt", "d.txt"]);
}

#[test]
fn what_a_hand_lands_in_the_middle_stays_in() {
    let bench = bench();
    let repo = bench.dir().display();
    // Whoever else lands in between, it is tried again until it is on the branch.
    let by_hand = format!(
        "by_hand() {{ old=$(git rev-parse toll/main); blob=$(echo by hand | git hash-object -w --stdin)\n\
         tree=$( (git ls-tree $old; printf '100644 blob %s\\thand.txt\\n' $blob) | git mktree)\n\
         new=$(git -c user.name=Ada -c user.email=ada@example.org commit-tree -p $old -m 'By hand' $tree)\n\
         git update-ref refs/heads/toll/main $new $old 2>/dev/null; }}\n\
         if test $1 = b && ! test -e \"$TMPDIR/once\"; then\n\
         (cd '{repo}'; until by_hand; do :; done); touch \"$TMPDIR/once\"; fi\n\
         echo \"$1\" > \"$1.txt\""
    );
    bench.agent(&by_hand);
    bench.plan(&plan_of_four());
    let mut command = bench.command(RUN);
    let output = command.env("TOLLHOUSE_FAILPOINT", "effect.apply:before#2").output().expect("toll starts");
    assert_eq!(output.status.code(), None, "it was to be killed");
    go_on(&bench, RUN);
    assert_eq!(bench.git(&["show", "toll/main:hand.txt"]), "by hand");
    let subjects = bench.git(&["log", "--format=%s", "main..toll/main"]);
    let landed = subjects.lines().filter(|line| line.starts_with("Do ")).count();
    assert_eq!(landed, 4, "{subjects}");
}

#[test]
fn objects_that_are_collected_in_the_middle_are_not_needed_or_pinned() {
    let bench = bench();
    let collect = format!("git -C '{}' gc --quiet --prune=now; echo \"$1\" > \"$1.txt\"", bench.dir().display());
    bench.agent(&collect);
    bench.plan(&plan_of_four());
    let mut command = bench.command(RUN);
    let output = command.env("TOLLHOUSE_FAILPOINT", "effect.land:before#2").output().expect("toll starts");
    assert_eq!(output.status.code(), None, "it was to be killed");
    bench.git(&["reflog", "expire", "--expire=now", "--all"]);
    // That of the agent may not be over yet.
    let collect = || run(bench.isolated("git").args(["gc", "--quiet", "--prune=now"])).code == Some(0);
    bench.until("nobody else collects", collect);
    go_on(&bench, RUN);
    assert_all_landed(&bench, &["a.txt", "b.txt", "c.txt", "d.txt"]);
}

#[test]
fn ledger_whose_disk_is_full_in_the_middle_goes_on_once_there_is_room() {
    let bench = bench();
    let disk = bench.around().join("disk");
    let Some(disk_of) = SmallDisk::mount(&disk, "1m") else { return };
    bench.agent("echo \"$1\" > \"$1.txt\"");
    bench.plan(&plan_of_four());
    let ledger = disk.join("ledger.db");
    let toll = |args: &[&str]| {
        let mut command = bench.command(args);
        run(command.env("TOLLHOUSE_LEDGER", &ledger))
    };
    let said = toll(RUN);
    assert_eq!(said.code, Some(8), "{said}");
    assert!(said.err.contains("disk is full") && said.err.contains("hint: "), "{said}");
    disk_of.grow("64m");
    let known = toll(&["runs", "--json"]);
    let begun = known.code == Some(0) && !known.json()["runs"].as_array().is_none_or(Vec::is_empty);
    let said = toll(if begun { &["resume"] } else { RUN });
    assert_eq!(said.code, Some(0), "{said}");
    let files = files(&bench);
    assert!(["a.txt", "b.txt", "c.txt", "d.txt"].iter().all(|name| files.contains(*name)), "{files:?}");
}

/// Starts a plan, and whenever it is killed, goes on with it; the answer is how often it was killed.
fn drive_through(bench: &Bench, name: &str, stop_killing: Instant, dice: &mut Dice) -> u32 {
    let longest = if rounds() >= 1000 { 8000 } else { 800 };
    let mut deaths = 0;
    loop {
        let runs = bench.toll(&["runs", "--limit", "1000", "--json"]);
        let id = runs.code.filter(|code| *code == 0).and_then(|_| {
            let runs = runs.json();
            let runs = runs["runs"].as_array()?.clone();
            let ours = runs.iter().find(|run| run["plan"] == name)?.clone();
            Some((ours["id"].as_str()?.to_owned(), ours["state"].as_str()?.to_owned()))
        });
        let args = match &id {
            Some((_, state)) if state == "succeeded" => return deaths,
            Some((id, state)) if state != "failed" && state != "canceled" => vec!["resume".to_owned(), id.clone()],
            Some((id, state)) => panic!("{name} {state}:\n{}", bench.toll(&["status", id])),
            None => vec!["run".to_owned(), format!("../{name}.toml"), "--max-parallel".to_owned(), "3".to_owned()],
        };
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut child = bench.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("toll starts");
        let patience = Duration::from_millis(longest / 8 + dice.below(longest));
        let began = Instant::now();
        while child.try_wait().expect("it is ours").is_none() {
            if Instant::now() < stop_killing && began.elapsed() > patience {
                deaths += 1;
                child.kill().expect("it can be killed");
                child.wait().expect("it ends");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// In a soak: eight at once, twenty tasks each, again and again for two minutes.
#[test]
fn many_runs_at_once_with_kills_all_end_and_nothing_is_lost_or_doubled() {
    let soak = rounds() >= 1000;
    let (runs, count, time) = if soak { (8, 20, Duration::from_mins(2)) } else { (3, 4, Duration::from_secs(6)) };
    let bench = bench();
    bench.agent("sleep 0.1; echo \"$TOLLHOUSE_RUN\" > \"$1.txt\"");
    let began = Instant::now();
    let stop_killing = began + time;
    let mut dice = Dice::new(seeds());
    let drivers: Vec<(usize, Dice)> = (0..runs).map(|number| (number, dice.another())).collect();
    let outcomes: Vec<(u32, u32)> = thread::scope(|scope| {
        let threads: Vec<_> = drivers
            .into_iter()
            .map(|(number, mut dice)| {
                let bench = &bench;
                scope.spawn(move || {
                    let (mut plans, mut deaths) = (0_u32, 0);
                    while plans == 0 || (soak && Instant::now() < stop_killing) {
                        let name = format!("plan{number}x{plans}");
                        let names: Vec<String> = (0..count).map(|task| format!("{name}-{task}")).collect();
                        let names: Vec<&str> = names.iter().map(String::as_str).collect();
                        let text = tasks(&names).replace("plan = \"test\"", &format!("plan = \"{name}\""));
                        let text = text.replace("attempts = 1", "attempts = 100");
                        bench.write(&format!("../{name}.toml"), text);
                        deaths += drive_through(bench, &name, stop_killing, &mut dice);
                        plans += 1;
                    }
                    (plans, deaths)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a driver does not panic")).collect()
    });
    let took = began.elapsed();
    let (plans, deaths) = outcomes.iter().fold((0, 0), |(plans, deaths), (p, d)| (plans + p, deaths + d));
    let expected: BTreeSet<String> = outcomes
        .iter()
        .enumerate()
        .flat_map(|(number, (plans, _))| {
            (0..*plans).flat_map(move |plan| (0..count).map(move |task| format!("plan{number}x{plan}-{task}.txt")))
        })
        .collect();
    let landed = files(&bench);
    let missing: Vec<_> = expected.difference(&landed).collect();
    assert!(missing.is_empty(), "{missing:?} did not land");
    assert_landed_once(&bench);
    assert_nothing_left(&bench);
    let rate = u64::try_from(expected.len()).unwrap_or(u64::MAX) * 1000 / u64::try_from(took.as_millis()).unwrap_or(1);
    let figures = format!(
        "{runs} at once, {plans} runs of {count} tasks, {deaths} kills: {} landed in {} s, {rate} a second, none lost, none twice",
        expected.len(),
        took.as_secs(),
    );
    figure("many runs at once", &figures);
}

#[test]
fn gate_by_hand_that_takes_long_is_not_taken_for_dead_by_others() {
    let bench = Bench::new();
    let setup = "echo $$ >> \"$TMPDIR/pids\"; while [ ! -e \"$TMPDIR/go\" ]; do sleep 0.02; done";
    bench.config(&format!("{GATE}timeout = \"1s\"\n\n[workspace]\nsetup = '{setup}'\n"));
    let living = bench.start(&["gate", "run"]);
    bench.until("setup began", || !bench.pids().is_empty());
    // For whoever looks, its time is over.
    let clock = bench.path("../clock");
    bench.write("../clock", "3600");
    let gc = run(bench.command(&["gc", "--json"]).env("TOLLHOUSE_CLOCK_FILE", &clock)).json();
    let found = gc["found"].as_array().expect("a list").clone();
    assert!(!found.is_empty() && found.iter().all(|row| row["fate"] == "stays"), "{gc:#}");
    bench.let_go();
    let said = living.ended();
    assert_eq!(said.code, Some(0), "{said}");
}

#[test]
fn what_a_killed_restore_left_goes_once_it_is_old() {
    let bench = Bench::new();
    assert_eq!(bench.toll(&["gate", "run"]).code, Some(0));
    let left = ".git/tollhouse/.toll-restore-AAAAAA";
    bench.write(&format!("{left}/ledger.db"), "half");
    let fate = || bench.toll(&["gc", "--json"]).json()["found"][0]["fate"].clone();
    assert_eq!(fate(), "stays");
    bench.isolated("touch").args(["-t", "202001010000", left]).status().expect("touch runs");
    assert_eq!(fate(), "goes");
    assert!(!bench.path(left).exists());
}
