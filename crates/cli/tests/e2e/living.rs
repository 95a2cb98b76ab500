//! A `toll` that goes on while a test does other things.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Bench, Said, is_gone, run, tasks};

/// How long is waited for what must happen.
const SOON: Duration = Duration::from_secs(30);

/// How often is looked.
const LOOK: Duration = Duration::from_millis(5);

/// An agent that writes its process and a child of it to `pids` and waits for ever, until a file `go` lies with the notes.
/// From then on it makes a file named after its task. Each time it begins, it says so in `begun`.
pub(crate) const WAITS_FOR_GO: &str = r#"
echo $1 >> "$TMPDIR/begun"
echo "half of $1" > half.txt
if [ ! -e "$TMPDIR/go" ]; then sleep 1000 & echo $$ $! >> "$TMPDIR/pids"; wait; fi
rm half.txt
echo $1 > $1.txt
"#;

/// The same, and it does not listen when it is asked to end: it only notes that it was, in `asked`.
pub(crate) const DEAF: &str = r#"
trap 'echo asked >> "$TMPDIR/asked"' TERM
echo $1 >> "$TMPDIR/begun"
echo $$ >> "$TMPDIR/pids"
while [ ! -e "$TMPDIR/go" ]; do sleep 0.02; done
echo $1 > $1.txt
"#;

/// A `toll` that was started and not waited for.
pub(crate) struct Living(Option<Child>);

impl Living {
    /// Starts a program, and goes on.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self(Some(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("toll runs")))
    }

    fn child(&self) -> &Child {
        self.0.as_ref().expect("it was not waited for yet")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) -> &Self {
        let kill = format!("kill -{name} {}", self.child().id());
        let status = Command::new("sh").args(["-c", &kill]).status().expect("sh runs");
        assert!(status.success(), "{kill}");
        self
    }

    /// Sends it a signal and waits for its end.
    pub(crate) fn stopped(self, name: &str) -> Said {
        self.signal(name);
        self.ended()
    }

    /// Presses Ctrl-C and waits for its end.
    pub(crate) fn interrupted(self) -> Said {
        self.stopped("INT")
    }

    /// Waits for its end.
    pub(crate) fn ended(mut self) -> Said {
        self.0.take().expect("it was not waited for yet").wait_with_output().expect("it ends").into()
    }

    /// Kills it as the machine would: nothing of it has a say.
    pub(crate) fn killed(self) {
        self.stopped("KILL");
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Bench {
    /// Starts `toll`, and goes on.
    pub(crate) fn start(&self, args: &[&str]) -> Living {
        Living::of(&mut self.command(args))
    }

    /// Starts the plan, and goes on once its agent or gate has written so many lines of processes.
    pub(crate) fn start_plan(&self, plan: &str) -> Living {
        let living = self.plan(plan).start(&["run", "../plan.toml"]);
        self.until("something began", || !self.noted("pids").is_empty());
        living
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + SOON;
        while !is_so() {
            assert!(Instant::now() < deadline, "it never came to pass that {what}; {}", self.toll(&["log"]));
            thread::park_timeout(LOOK);
        }
    }

    /// From now on agents and gates that wait for it go on.
    pub(crate) fn let_go(&self) -> &Self {
        self.write("../tmp/go", "")
    }

    /// The processes that agents and gates wrote down.
    pub(crate) fn pids(&self) -> Vec<String> {
        self.noted("pids").iter().flat_map(|line| line.split_ascii_whitespace()).map(str::to_owned).collect()
    }

    /// Forgets what agents and gates wrote down under a name.
    pub(crate) fn forget(&self, name: &str) -> &Self {
        fs::remove_file(self.notes().join(name)).expect("it was written");
        self
    }

    /// What `toll status` says, as a document.
    pub(crate) fn status(&self) -> Value {
        self.toll(&["status", "--json"]).json()
    }

    /// The state of the newest run.
    pub(crate) fn state(&self) -> String {
        self.status()["state"].as_str().expect("a run has a state").to_owned()
    }

    /// The names of the files that landed.
    pub(crate) fn landed(&self) -> Vec<String> {
        if !self.has_branch("toll/main") {
            return Vec::new();
        }
        self.git(&["diff", "--name-only", "main", "toll/main"]).lines().map(str::to_owned).collect()
    }

    pub(crate) fn has_branch(&self, name: &str) -> bool {
        let name = format!("refs/heads/{name}");
        run(self.isolated("git").args(["rev-parse", "--quiet", "--verify", &name])).code == Some(0)
    }

    /// The state of each task of the newest run.
    pub(crate) fn task_states(&self) -> Vec<String> {
        let status = self.status();
        let tasks = status["tasks"].as_array().expect("a run has tasks");
        tasks.iter().map(|task| task["state"].as_str().expect("a task has a state").to_owned()).collect()
    }

    /// Everything that is on the ledger, and every ref.
    pub(crate) fn all_that_is(&self) -> String {
        let log = self.toll(&["log", "--limit", "0", "--json"]).out;
        log + &self.git(&["for-each-ref", "--format=%(refname) %(objectname)"])
    }
}

/// A gate that passes where work starts from, and waits for ever on what a task made.
const GATE_WAITS_FOR_GO: &str = r#"
[[gate]]
name = "slow"
run = """
if [ -e one.txt ] && [ ! -e "$TMPDIR/go" ]; then sleep 1000 & echo $$ $! >> "$TMPDIR/pids"; wait; fi
"""
"#;

/// A run of a task whose agent is at work.
pub(crate) fn agent_at_work() -> (Bench, Living) {
    let bench = Bench::new();
    let living = bench.agent(WAITS_FOR_GO).start_plan(&tasks(&["one"]));
    (bench, living)
}

/// A run of a task whose change is at a gate.
pub(crate) fn gate_at_work() -> (Bench, Living) {
    let bench = Bench::new();
    bench.agent("echo $1 >> \"$TMPDIR/begun\"; echo $1 > $1.txt").config(GATE_WAITS_FOR_GO).commit("Configure");
    let living = bench.start_plan(&tasks(&["one"]));
    (bench, living)
}

/// A run that does not listen when it is asked to end.
pub(crate) fn deaf_agent_at_work() -> (Bench, Living) {
    let bench = Bench::new();
    let living = bench.agent(DEAF).start_plan(&tasks(&["one"]));
    (bench, living)
}

#[track_caller]
pub(crate) fn assert_all_gone(bench: &Bench) {
    let pids = bench.pids();
    assert!(!pids.is_empty(), "nothing ever began");
    assert!(pids.iter().all(|pid| is_gone(pid)), "one of {pids:?} lives on");
}

/// Lets everything go that waits, and goes on with the newest run; it must end well.
#[track_caller]
pub(crate) fn resumed(bench: &Bench) -> Said {
    let said = bench.let_go().toll(&["resume"]);
    assert_eq!(said.code, Some(0), "{said}");
    said
}

/// What is left to a program that is asked to end before it is made to.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// A landing that waits because somebody holds the branch's lock.
pub(crate) fn landing() -> (Bench, Living) {
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

pub(crate) fn unlock(bench: &Bench) {
    fs::remove_file(bench.path(".git/refs/heads/toll/main.lock")).expect("it was just made");
}
