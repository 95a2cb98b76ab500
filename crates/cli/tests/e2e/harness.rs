//! A real repository, made by the git program, and `toll` in it. Nothing of anybody's home is read or written.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long is waited for what must happen at once.
const SOON: Duration = Duration::from_secs(20);

/// A folder with a repository in it, a home, and a place for what agents and gates write down.
pub(crate) struct Bench {
    dir: PathBuf,
    _root: tempfile::TempDir,
}

/// What a program said, and how it ended.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Bench {
    /// A repository of a few files with one commit, and an agent named `script` that does nothing yet.
    pub(crate) fn new() -> Self {
        Self::new_named("repo")
    }

    /// The same in a folder of this name.
    pub(crate) fn new_named(name: &str) -> Self {
        let bench = Self::empty_named(name);
        bench.git(&["init", "--quiet", "--initial-branch=main"]);
        bench.git(&["config", "user.name", "Ada"]);
        bench.git(&["config", "user.email", "ada@example.org"]);
        bench
            .write(".gitignore", "*.log\nbuild/\n")
            .write("README.md", "# A project\n\nWith a few lines.\n")
            .write("src/app.txt", lines("app"))
            .write("src/old.txt", lines("old"))
            .write("src/name.txt", lines("name"))
            .write("check.sh", "test -s README.md\n")
            .agent("exit 0")
            .config(GATE)
            .commit("Begin");
        bench
    }

    /// The same without a repository: only the folder that one may be made in.
    pub(crate) fn empty() -> Self {
        Self::empty_named("repo")
    }

    fn empty_named(name: &str) -> Self {
        let root = tempfile::tempdir().expect("a scratch folder can be made");
        let base = root.path().canonicalize().expect("it is there");
        for folder in [name, "home", "state", "tmp"] {
            fs::create_dir(base.join(folder)).expect("a folder can be made");
        }
        Self { dir: base.join(name), _root: root }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder around the repository.
    pub(crate) fn around(&self) -> PathBuf {
        self.dir.parent().expect("it is not the root").to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file of the working copy; `../` leads to the folder around it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("the folder can be made");
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// What the agent does: a script for `sh -eu`, with the task's id in `$1` and the folder for notes in `$TMPDIR`.
    pub(crate) fn agent(&self, script: &str) -> &Self {
        self.write("../agent.sh", script)
    }

    /// Writes tollhouse.toml: the agent, and what else it is to hold.
    pub(crate) fn config(&self, more: &str) -> &Self {
        let agent = self.path("../agent.sh").canonicalize().expect("the agent is there");
        let agent = agent.to_str().expect("a scratch folder has a plain name");
        let text = format!("[agents.script]\ncommand = [\"sh\", \"-eu\", {agent:?}, \"{{task}}\"]\n\n{more}");
        self.write("tollhouse.toml", text)
    }

    /// Writes the plan beside the repository, so that the working copy stays as it is.
    pub(crate) fn plan(&self, text: &str) -> &Self {
        self.write("../plan.toml", text)
    }

    pub(crate) fn commit(&self, message: &str) -> &Self {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self
    }

    /// Runs git and answers what it prints; it must succeed.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let said = run(self.isolated("git").args(args));
        assert_eq!(said.code, Some(0), "git {args:?}\n{said}");
        said.out.trim_end().to_owned()
    }

    /// Runs `toll` in the repository.
    pub(crate) fn toll(&self, args: &[&str]) -> Said {
        run(&mut self.command(args))
    }

    /// Runs the plan; it must end well.
    pub(crate) fn run_plan(&self, text: &str) -> Value {
        let said = self.plan(text).toll(&["run", "../plan.toml", "--json"]);
        assert_eq!(said.code, Some(0), "{said}");
        said.json()
    }

    /// `toll`, ready to be changed before it runs.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.isolated(env!("CARGO_BIN_EXE_toll"));
        command.args(args);
        command
    }

    /// A program in the repository that sees nothing of ours but `PATH`.
    pub(crate) fn isolated(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.dir)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", self.around().join("home"))
            .env("XDG_STATE_HOME", self.around().join("state"))
            .env("TMPDIR", self.notes())
            .env("USER", "ada")
            .env("LANG", "C.UTF-8")
            .env("COLUMNS", "100")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::null());
        command
    }

    /// The folder that agents and gates find as `$TMPDIR`.
    pub(crate) fn notes(&self) -> PathBuf {
        self.around().join("tmp")
    }

    /// A line each of what agents and gates wrote down; none where they wrote nothing.
    pub(crate) fn noted(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.notes().join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Everything below a folder as it is: content, mode and time of each file, where each link leads, each folder.
    pub(crate) fn photograph(&self, folder: &Path) -> BTreeMap<PathBuf, Still> {
        let mut stills = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
                let path = entry.expect("a folder can be read").path();
                let metadata = path.symlink_metadata().expect("a file that is listed is there");
                let (changed, content) = match metadata.file_type() {
                    kind if kind.is_dir() => {
                        folders.push(path.clone());
                        // Its time says only that something came or went, and that is seen anyway.
                        ((0, 0), Vec::new())
                    }
                    kind => {
                        let content = if kind.is_symlink() {
                            fs::read_link(&path).map(|target| target.into_os_string().into_encoded_bytes())
                        } else {
                            fs::read(&path)
                        };
                        let content = content.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                        ((metadata.mtime(), metadata.mtime_nsec()), content)
                    }
                };
                let name = path.strip_prefix(&self.dir).unwrap_or(&path).to_owned();
                stills.insert(name, Still { mode: metadata.permissions().mode(), changed, content });
            }
        }
        stills
    }

    /// All files of working copy and git folder, but for those that are Tollhouse's: its folder, its refs, objects, and
    /// the landing branch.
    pub(crate) fn of_the_person(&self) -> BTreeMap<PathBuf, Still> {
        let ours = [
            ".git/tollhouse",
            ".git/objects",
            ".git/refs/tollhouse",
            ".git/refs/heads/toll",
            ".git/logs/refs/heads/toll",
        ];
        let mut files = self.photograph(&self.dir);
        files.retain(|path, _| !ours.iter().any(|ours| path.starts_with(ours)));
        files
    }

    /// What a message must not depend on, taken out of it.
    pub(crate) fn filters(&self) -> Vec<(String, &'static str)> {
        let around = self.around().to_str().expect("a scratch folder has a plain name").to_owned();
        vec![
            (around, "[AROUND]"),
            (r"(\b|_)[0-9A-HJKMNP-TV-Z]{16,26}\b".to_owned(), "${1}[ID]"),
            (r"\b[0-9a-f]{40}\b".to_owned(), "[OBJECT]"),
            (r"\b[0-9a-f]{10,11}\b".to_owned(), "[COMMIT]"),
            (r"\b\d+(\.\d+)?m?s\b".to_owned(), "[TIME]"),
            (r"(?m)(^|\s)[0-9A-HJKMNP-TV-Z]{6}(\s|$)".to_owned(), "${1}[SHORT]${2}"),
        ]
    }
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    output.into()
}

/// A gate that every task passes through where a test does not say otherwise.
pub(crate) const GATE: &str = "[[gate]]\nname = \"check\"\nrun = [\"sh\", \"check.sh\"]\n";

/// A plan with a task of each name, tried once.
pub(crate) fn tasks(names: &[&str]) -> String {
    let task = |name: &&str| format!("\n[[task]]\nid = \"{name}\"\nprompt = \"Do {name}\"\nattempts = 1\n");
    format!("plan = \"test\"\n{}", names.iter().map(task).collect::<String>())
}

/// Enough lines for a rename to be seen.
fn lines(word: &str) -> String {
    let lines: Vec<String> = (1..=20).map(|number| format!("{word} line {number}")).collect();
    lines.join("\n") + "\n"
}

/// One file as it is.
#[derive(PartialEq, Eq)]
pub(crate) struct Still {
    mode: u32,
    changed: (i64, i64),
    content: Vec<u8>,
}

impl fmt::Debug for Still {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.content);
        let short: String = text.chars().take(200).collect();
        write!(f, "{:o} {:?} {} bytes {short:?}", self.mode, self.changed, self.content.len())
    }
}

/// Fails with the files that differ, and only those.
#[track_caller]
pub(crate) fn assert_same(before: &BTreeMap<PathBuf, Still>, after: &BTreeMap<PathBuf, Still>) {
    let names = before.keys().chain(after.keys());
    let changed: BTreeMap<_, _> =
        names.map(|name| (name, (before.get(name), after.get(name)))).filter(|(_, (was, is))| was != is).collect();
    assert!(changed.is_empty(), "files that are not what they were: {changed:#?}");
}

impl Said {
    /// The one document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not one JSON document: {error}\n{self}"))
    }

    /// The one document on standard error.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("not one JSON error: {error}\n{self}"))
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("what is printed is UTF-8");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or("none".to_owned(), |code| code.to_string());
        write!(f, "exit: {code}\n--- stdout\n{}--- stderr\n{}", self.out, self.err)
    }
}

/// Whether a process ends before long: gone, or dead and only waiting to be reaped by whoever adopted it.
pub(crate) fn is_gone(pid: &str) -> bool {
    let deadline = Instant::now() + SOON;
    loop {
        let output = Command::new("ps").args(["-o", "stat=", "-p", pid]).output().expect("ps runs");
        let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if state.is_empty() || state.starts_with(['Z', 'X']) {
            return true;
        }
        if Instant::now() > deadline {
            return false;
        }
    }
}

/// Compares what was said with an inline snapshot; what differs from run to run is filtered out.
macro_rules! assert_says {
    ($bench:expr, $said:expr, @$snapshot:literal) => {{
        let filters = $bench.filters();
        let filters: Vec<(&str, &str)> = filters.iter().map(|(from, to)| (from.as_str(), *to)).collect();
        insta::with_settings!({ filters => filters, omit_expression => true }, {
            insta::assert_snapshot!($said.to_string(), @$snapshot);
        });
    }};
}
pub(crate) use assert_says;

/// Runs a plan of one task.
pub(crate) fn run_one(bench: &Bench) -> Said {
    bench.plan(&tasks(&["one"])).toll(&["run", "../plan.toml"])
}

/// The reason of the only task of the newest run.
pub(crate) fn reason(bench: &Bench) -> String {
    let status = bench.toll(&["status", "--json"]).json();
    status["tasks"][0]["reason"].as_str().unwrap_or_else(|| panic!("no reason: {status:#}")).to_owned()
}

/// Python that edits a ledger in a file as anyone could who can write it, and leaves it looking as it was: `edit(path, sql)`, or
/// `unlocked` and `locked` around something else.
pub(crate) const EDIT: &str = "import sqlite3, sys
def unlocked(path):
    ledger = sqlite3.connect(path)
    ledger.execute('PRAGMA ignore_check_constraints = 1')
    guards = ledger.execute(\"SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '%never%'\").fetchall()
    for name, _ in guards:
        ledger.execute('DROP TRIGGER ' + name)
    return ledger, guards
def locked(ledger, guards):
    for _, sql in guards:
        ledger.execute(sql)
    ledger.commit()
    ledger.close()
def edit(path, sql):
    ledger, guards = unlocked(path)
    ledger.executescript(sql)
    locked(ledger, guards)
";
