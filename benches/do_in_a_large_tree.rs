//! What `toll do` costs in a repository of ten thousand files, beside what the git program takes for the same plain steps.
//!
//! Measures and prints; asserts no time. The agent is this program itself: it changes one file and notes when it began and
//! ended, so that its share is not counted as `toll`'s. The other parts come from the times of the ledger's events. `TMPDIR`
//! chooses the disk.
//!
//! ```text
//! cargo bench -p tollhouse-cli --bench do_in_a_large_tree -- [--files N] [--rounds N]
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "talking to a person at a terminal is what it is for")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tollhouse::Timestamp;

const FILES: usize = 10_000;
const ROUNDS: usize = 5;

/// The number of the file that changes, in every round.
const CHANGED: usize = 37;

/// The first word of the agent's command line.
const AS_AGENT: &str = "--as-agent";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [AS_AGENT, stamps] => work_as_agent(Path::new(stamps)),
        words if words.contains(&"--bench") => {
            measure(number(words, "--files", FILES), number(words, "--rounds", ROUNDS));
        }
        // `cargo test --all-targets` runs it, too.
        _ => eprintln!("measures only under `cargo bench`"),
    }
}

/// A number of the command line.
fn number(words: &[&str], flag: &str, default: usize) -> usize {
    let value = words.iter().position(|word| *word == flag).map(|at| words.get(at + 1).copied().unwrap_or_default());
    value.map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{flag} needs a number, not {value:?}")))
}

/// Changes one file, and notes when it began and ended.
fn work_as_agent(stamps: &Path) {
    let began = since_epoch();
    append(&path_of(CHANGED));
    let ended = since_epoch();
    fs::write(stamps, format!("{} {}", began.as_micros(), ended.as_micros())).expect("the stamps can be written");
}

fn append(path: &Path) {
    let mut file = fs::OpenOptions::new().append(true).open(path).expect("the file is there");
    file.write_all(b"// one more line\n").expect("the file can be written");
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970")
}

fn between(from: Duration, to: Duration) -> Duration {
    to.checked_sub(from).expect("nobody sets the clock meanwhile")
}

fn measure(files: usize, rounds: usize) {
    assert!(files > CHANGED, "file {CHANGED} is the one that changes");
    let bench = Bench::make(files);
    let (mut ours, mut gits) = (Vec::new(), Vec::new());
    for round in 0..=rounds {
        // Taking turns at being first, so that neither gets the warmer cache.
        let (one, other) = if round % 2 == 0 {
            let git = bench.git_round(round);
            (bench.toll_round(), git)
        } else {
            (bench.toll_round(), bench.git_round(round))
        };
        // The first warms up.
        if round > 0 {
            ours.push(one);
            gits.push(other);
        }
    }
    let landed = bench.git_out(&bench.project, &["rev-list", "--count", "main..toll/main"]);
    assert_eq!(landed.trim(), (rounds + 1).to_string(), "every round lands");
    print!("{}", report(files, &ours, &gits));
}

/// The places of the measurement. All of it is gone afterwards.
struct Bench {
    scratch: tempfile::TempDir,
    project: PathBuf,
}

impl Bench {
    /// A project with a history of one commit, packed.
    fn make(files: usize) -> Self {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let project = scratch.path().join("project");
        let bench = Self { scratch, project };
        eprintln!("making a repository of {files} files");
        bench.git(bench.scratch.path(), &["init", "--quiet", "--initial-branch=main", "project"]);
        let mut source = Source(1);
        for at in 0..files {
            let path = bench.project.join(path_of(at));
            fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
            fs::write(path, source.file()).expect("the file can be written");
        }
        let agent = std::env::current_exe().expect("this program has a path");
        // A JSON string is a TOML string.
        let word = |path: &Path| Value::from(path.to_str().expect("a path in UTF-8")).to_string();
        let (agent, stamps) = (word(&agent), word(&bench.stamps()));
        let config = format!(
            "[project]\nname = \"large\"\n\n[agents.one-line]\ncommand = [{agent}, \"{AS_AGENT}\", {stamps}]\n"
        );
        fs::write(bench.project.join("tollhouse.toml"), config).expect("the configuration can be written");
        bench.git(&bench.project, &["add", "--all"]);
        bench.git(&bench.project, &["commit", "--quiet", "--message=Begin"]);
        bench.git(&bench.project, &["repack", "-a", "-d", "--quiet"]);
        bench
    }

    fn stamps(&self) -> PathBuf {
        self.scratch.path().join("stamps")
    }

    /// A program that sees nobody's configuration.
    fn isolated(&self, program: &str, dir: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(dir);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.scratch.path()).env("XDG_STATE_HOME", self.scratch.path().join("state"));
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "Bench").env(format!("GIT_{who}_EMAIL"), "bench@localhost");
        }
        command
    }

    fn git(&self, dir: &Path, arguments: &[&str]) {
        self.git_out(dir, arguments);
    }

    fn git_out(&self, dir: &Path, arguments: &[&str]) -> String {
        output(self.isolated("git", dir).args(arguments))
    }

    fn toll(&self, arguments: &[&str]) -> String {
        output(self.isolated(env!("CARGO_BIN_EXE_toll"), &self.project).args(arguments))
    }

    /// One task, from the command line to the landing branch.
    fn toll_round(&self) -> Round {
        let began = Instant::now();
        let began_at = since_epoch();
        let run = self.toll(&["do", "add one line", "--quiet", "--json"]);
        let wall = began.elapsed();
        let run: Value = serde_json::from_str(&run).expect("one document");
        let id = run["id"].as_str().expect("the run has an id");
        let events = self.toll(&["log", id, "--json", "--limit", "0"]);
        let effects = effects(&events);
        let stamps = fs::read_to_string(self.stamps()).expect("the agent noted its times");
        let (agent_began, agent_ended) = stamps.split_once(' ').expect("two times");
        let micros = |text: &str| Duration::from_micros(text.parse().expect("a time"));
        let (agent_began, agent_ended) = (micros(agent_began), micros(agent_ended));
        let spawn = effects.iter().find(|effect| effect.work == "spawn").expect("an agent ran");
        let took = |work: &str| {
            effects
                .iter()
                .filter(|effect| effect.work == work)
                .map(|effect| between(effect.started, effect.finished))
                .sum()
        };
        Round {
            wall,
            start: between(began_at, spawn.started),
            workspace: between(spawn.started, agent_began),
            agent: between(agent_began, agent_ended),
            snapshot: between(agent_ended, spawn.finished),
            candidate: took("apply"),
            landing: took("land"),
        }
    }

    /// The same steps by hand: a clone that borrows objects, the change, a commit, a push to a branch. The clone stays, which
    /// is in git's favour: clearing up counts for `toll`, and some file systems are slow where much was just removed.
    fn git_round(&self, round: usize) -> Duration {
        let name = format!("clone-{round}");
        let clone = self.scratch.path().join(&name);
        let began = Instant::now();
        let from = self.project.to_str().expect("a path in UTF-8");
        self.git(self.scratch.path(), &["clone", "--quiet", "--shared", from, &name]);
        if self.project.join(".git/refs/heads/by-hand").exists() {
            self.git(&clone, &["reset", "--quiet", "--hard", "origin/by-hand"]);
        }
        append(&clone.join(path_of(CHANGED)));
        self.git(&clone, &["commit", "--quiet", "--all", "--message=One more line"]);
        self.git(&clone, &["push", "--quiet", "origin", "HEAD:refs/heads/by-hand"]);
        began.elapsed()
    }
}

fn output(command: &mut Command) -> String {
    let done = command.output().expect("the program can be run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {}\n{said}{}", done.status, String::from_utf8_lossy(&done.stdout));
    String::from_utf8(done.stdout).expect("UTF-8")
}

/// Two levels of folders, twenty files in each of the lower ones.
fn path_of(at: usize) -> PathBuf {
    let (area, part) = (at / 20 % 25, at / 500);
    format!("area{area:02}/part{part:02}/unit_{at:04}.rs").into()
}

/// Text that looks like a program and compresses like one; the same every time.
struct Source(u64);

impl Source {
    fn next(&mut self, below: u64) -> u64 {
        // Knuth's numbers; the high bits are good enough.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    /// 2 to 8 KB.
    fn file(&mut self) -> String {
        const WORDS: [&str; 12] = [
            "order", "amount", "ledger", "branch", "offset", "parser", "value", "result", "index", "node", "queue",
            "limit",
        ];
        let size = 2_048 + usize::try_from(self.next(6_144)).expect("a small number");
        let mut text = String::with_capacity(size + 128);
        while text.len() < size {
            let mut word = || WORDS[usize::try_from(self.next(12)).expect("a small number")];
            let (one, two, three) = (word(), word(), word());
            let number = self.next(100_000);
            let head = format!("pub fn {one}_{two}_{number}({three}: u64) -> u64 {{");
            text.extend([head, format!("    {three}.wrapping_add({number})\n}}\n")].map(|line| line + "\n"));
        }
        text
    }
}

/// One `toll do`, and its parts.
struct Round {
    /// From the start of the process to its end.
    wall: Duration,
    /// Until the workspace is begun: the process, the configuration, the ledger, the plan of the run.
    start: Duration,
    workspace: Duration,
    agent: Duration,
    /// What changed is read and kept, and the workspace removed.
    snapshot: Duration,
    candidate: Duration,
    landing: Duration,
}

impl Round {
    fn toll(&self) -> Duration {
        self.wall.saturating_sub(self.agent)
    }

    /// The ledger between the parts, the report, the end of the process.
    fn rest(&self) -> Duration {
        let parts = [self.start, self.workspace, self.snapshot, self.candidate, self.landing];
        self.toll().saturating_sub(parts.iter().sum())
    }
}

/// One thing that the engine asked for.
struct Done {
    work: String,
    started: Duration,
    finished: Duration,
}

fn effects(events: &str) -> Vec<Done> {
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
    let effects = events.iter().filter(|event| event["kind"] == "effect");
    let at = |record: &Value, state: &str| {
        let event = events.iter().find(|event| event["record"] == *record && event["state"] == state);
        let text = &event.expect("the effect came so far")["at"];
        let time: Timestamp = serde_json::from_value(text.clone()).expect("a time");
        Duration::from_micros(u64::try_from(time.as_micros()).expect("past 1970"))
    };
    let created = effects.filter(|event| event["event"] == "created");
    created
        .map(|event| Done {
            work: event["body"]["effect"]["work"]["do"].as_str().expect("it says what is to be done").to_owned(),
            started: at(&event["record"], "started"),
            finished: at(&event["record"], "done"),
        })
        .collect()
}

fn report(files: usize, ours: &[Round], gits: &[Duration]) -> String {
    let column = |part: fn(&Round) -> Duration| Spread::of(ours.iter().map(part).collect());
    let (wall, toll, git) = (column(|round| round.wall), column(Round::toll), Spread::of(gits.to_vec()));
    let rows = [
        ("toll do, the whole process", wall),
        ("  the agent's own share", column(|round| round.agent)),
        ("  toll itself", toll),
        ("    start, until work begins", column(|round| round.start)),
        ("    workspace made, agent started", column(|round| round.workspace)),
        ("    snapshot, patch, clearing up", column(|round| round.snapshot)),
        ("    candidate", column(|round| round.candidate)),
        ("    landing", column(|round| round.landing)),
        ("    ledger and rest", column(Round::rest)),
        ("git clone --shared, commit, push", git),
    ];
    let mut lines = vec![
        format!("\none task in {files} files, {} rounds, milliseconds", ours.len()),
        format!("{:<36}{:>10}{:>10}{:>10}", "", "median", "min", "max"),
    ];
    for (name, spread) in rows {
        let [median, min, max] = [spread.median, spread.min, spread.max].map(|time| time.as_secs_f64() * 1e3);
        lines.push(format!("{name:<36}{median:>10.1}{min:>10.1}{max:>10.1}"));
    }
    let ratio = toll.median.as_secs_f64() / git.median.as_secs_f64();
    lines.push(format!("toll itself takes {ratio:.2} times what git takes for the plain steps\n"));
    lines.join("\n")
}

#[derive(Clone, Copy)]
struct Spread {
    median: Duration,
    min: Duration,
    max: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let (min, max) = (*times.first().expect("a round"), *times.last().expect("a round"));
        Self { median: times[times.len() / 2], min, max }
    }
}
