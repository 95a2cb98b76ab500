//! Where things are, and what a child process sees of this machine.
//!
//! Tests must never see the home of the person who runs them: their git configuration, their agents' logins, their
//! ledgers. So whatever runs the project's code gets an empty home, and only what fetches tools keeps the real one.

use std::ffi::OsString;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a task stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The line that called us is wrong.
    Usage(String),
    /// Something that must be there is not, or says no.
    Refused(String),
    /// A program that we ran failed.
    Command { line: String, status: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Usage(message) | Failure::Refused(message) => f.write_str(message),
            Failure::Command { line, status } => write!(f, "`{line}` failed ({status})"),
        }
    }
}

/// What drawn tests draw: how many cases, and from which seed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws {
    pub(crate) rounds: u32,
    pub(crate) seed: u64,
}

impl Draws {
    /// A seed that no run had before.
    pub(crate) fn fresh(rounds: u32) -> Draws {
        // The standard library's hash keys are random per process and differ per call.
        Draws { rounds, seed: RandomState::new().build_hasher().finish() }
    }
}

/// The checkout that this was built from.
#[derive(Debug)]
pub(crate) struct Repo {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
    pub(crate) draws: Draws,
    home: ScratchHome,
    cargo: OsString,
    cargo_home: PathBuf,
    rustup_home: PathBuf,
}

impl Repo {
    pub(crate) fn open(draws: Draws) -> Result<Repo, Failure> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies inside the workspace").to_owned();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir));
        let home = std::env::home_dir();
        let below_home = |variable: &str, folder: &str| {
            std::env::var_os(variable)
                .map(PathBuf::from)
                .or_else(|| home.as_ref().map(|home| home.join(folder)))
                .ok_or_else(|| Failure::Refused(format!("neither `{variable}` nor a home folder is known")))
        };
        Ok(Repo {
            cargo_home: below_home("CARGO_HOME", ".cargo")?,
            rustup_home: below_home("RUSTUP_HOME", ".rustup")?,
            cargo: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            home: ScratchHome::create()?,
            root,
            target,
            draws,
        })
    }

    /// A program in the person's own environment: for fetching, where proxies, certificates and indexes count.
    pub(crate) fn fetching(&self, program: impl Into<OsString>) -> Command {
        let mut command = Command::new(program.into());
        command.current_dir(&self.root).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if set_by_cargo_run(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
    }

    /// A program that runs the project's code: an empty home, no git configuration, the draws of this run.
    pub(crate) fn isolated(&self, program: impl Into<OsString>) -> Command {
        let mut command = self.fetching(program);
        for (name, _) in std::env::vars_os() {
            if leads_home(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command
            .env("HOME", &self.home.path)
            .env("CARGO_HOME", &self.cargo_home)
            .env("RUSTUP_HOME", &self.rustup_home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONNOUSERSITE", "1")
            .env("TOLLHOUSE_TEST_ROUNDS", self.draws.rounds.to_string())
            .env("TOLLHOUSE_TEST_SEED", self.draws.seed.to_string())
            .env("TOLLHOUSE_TEST_FIGURES", self.figures())
            .env("PROPTEST_CASES", self.draws.rounds.to_string())
            .env("PROPTEST_RNG_SEED", self.draws.seed.to_string());
        command
    }

    /// cargo, isolated.
    pub(crate) fn cargo(&self) -> Command {
        self.isolated(&self.cargo)
    }

    /// cargo, where it fetches.
    pub(crate) fn fetching_cargo(&self) -> Command {
        self.fetching(&self.cargo)
    }

    /// Where tests write down what they measured, and what they could not try.
    pub(crate) fn figures(&self) -> PathBuf {
        self.home.path.join("figures.txt")
    }

    /// An empty folder from which nothing of the checkout can be imported.
    pub(crate) fn elsewhere(&self) -> &Path {
        &self.home.path
    }
}

/// What `cargo run` tells us about xtask would be wrong for whatever we start.
fn set_by_cargo_run(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// The variables through which a person's files, or the repository or agent around us, would reach a test.
fn leads_home(name: &str) -> bool {
    ["XDG_", "TOLLHOUSE_", "PROPTEST_", "PYTHON"].iter().any(|prefix| name.starts_with(prefix))
        || (name.starts_with("GIT_") && !name.starts_with("GIT_SSL_"))
        || ["VIRTUAL_ENV", "EDITOR", "VISUAL", "PAGER", "TRACEPARENT", "SSH_AUTH_SOCK"].contains(&name)
}

#[derive(Debug)]
struct ScratchHome {
    path: PathBuf,
}

impl ScratchHome {
    fn create() -> Result<ScratchHome, Failure> {
        // Outside of the checkout: git, run from here, must not find a repository.
        let path = std::env::temp_dir().join(format!("tollhouse-home-{:016x}", Draws::fresh(1).seed));
        std::fs::create_dir(&path)
            .map_err(|error| Failure::Refused(format!("failed to make a scratch home {}: {error}", path.display())))?;
        Ok(ScratchHome { path })
    }
}

impl Drop for ScratchHome {
    fn drop(&mut self) {
        // What is left of it is in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Runs it with our output; anything but success is a failure that shows the line.
pub(crate) fn succeed(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::Command { line: line(command), status: status.to_string() }) }
}

/// Runs it and takes its standard output; its standard error is ours.
pub(crate) fn capture(command: &mut Command) -> Result<String, Failure> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(command, &error))?;
    if !output.status.success() {
        return Err(Failure::Command { line: line(command), status: output.status.to_string() });
    }
    String::from_utf8(output.stdout)
        .map_err(|_| Failure::Refused(format!("`{}` printed what is not UTF-8", line(command))))
}

/// It as a person would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::Command { line: line(command), status: format!("not started: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment_of(command: &Command, name: &str) -> Option<OsString> {
        command.get_envs().find(|(key, _)| *key == name).and_then(|(_, value)| value.map(Into::into))
    }

    #[test]
    fn isolated_program_gets_an_empty_home_that_goes_away() {
        let repo = Repo::open(Draws { rounds: 5, seed: 9 }).expect("a checkout");
        let home = PathBuf::from(environment_of(&repo.isolated("true"), "HOME").expect("a home"));
        assert_eq!(std::fs::read_dir(&home).expect("a folder").count(), 0);
        drop(repo);
        assert!(!home.exists());
    }

    #[test]
    fn isolated_program_is_told_the_draws() {
        let repo = Repo::open(Draws { rounds: 5, seed: 9 }).expect("a checkout");
        let command = repo.isolated("true");
        let told = ["TOLLHOUSE_TEST_ROUNDS", "PROPTEST_CASES", "TOLLHOUSE_TEST_SEED"]
            .map(|name| environment_of(&command, name));
        assert_eq!(told, ["5", "5", "9"].map(|value| Some(value.into())));
    }

    #[test]
    fn variables_that_lead_home_are_known() {
        for name in ["XDG_CONFIG_HOME", "GIT_DIR", "TOLLHOUSE_TASK", "PYTHONPATH"] {
            assert!(leads_home(name), "kept: {name}");
        }
        for name in ["PATH", "GIT_SSL_CAINFO", "LANG", "TMPDIR"] {
            assert!(!leads_home(name), "removed: {name}");
        }
    }

    #[test]
    fn failure_shows_the_line_that_failed() {
        let failure = succeed(Command::new("sh").args(["-c", "exit 3"])).expect_err("it exits 3");
        assert!(failure.to_string().starts_with("`sh -c exit 3` failed"), "{failure}");
    }
}
