//! The programs that the tasks need: what a person must install, and what we install ourselves.

use std::process::Stdio;

use crate::environment::{Failure, Repo, succeed};
use crate::test::Outcome;

/// What no task can do without, and what to say when it is not there.
struct Need {
    what: &'static str,
    /// `None`: the variable `CC`, or `cc`.
    program: Option<&'static str>,
    arguments: &'static [&'static str],
    advice: &'static str,
}

const NEEDS: [Need; 3] = [
    Need {
        what: "git",
        program: Some("git"),
        arguments: &["--version"],
        advice: "Debian, Ubuntu: apt install git · Fedora: dnf install git · macOS: xcode-select --install",
    },
    Need {
        what: "Python 3.10 or newer, with venv, as `python3`",
        program: Some("python3"),
        arguments: &["-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"],
        advice: "Debian, Ubuntu: apt install python3 python3-venv · Fedora: dnf install python3 · macOS: brew install python3",
    },
    Need {
        what: "a C compiler, as `cc` or in the variable CC",
        program: None,
        arguments: &["--version"],
        advice: "Debian, Ubuntu: apt install build-essential · Fedora: dnf install gcc · macOS: xcode-select --install",
    },
];

/// Everything that is missing, at once, before any work is done.
pub(crate) fn require(repo: &Repo) -> Result<(), Failure> {
    let missing: Vec<String> = NEEDS
        .iter()
        .filter(|need| !is_met(repo, need))
        .map(|need| format!("\n  {}\n    {}", need.what, need.advice))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!("this machine lacks:{}", missing.concat())))
}

fn is_met(repo: &Repo, need: &Need) -> bool {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let mut words = need.program.unwrap_or(&compiler).split_whitespace();
    let Some(program) = words.next() else { return false };
    repo.isolated(program)
        .args(words)
        .args(need.arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Makes `cargo NAME` available.
pub(crate) fn find_or_install(repo: &Repo, name: &str) -> Result<(), Failure> {
    let found = repo.cargo().args([name, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let package = format!("cargo-{name}");
    eprintln!("{package} is not installed; installing it");
    succeed(repo.fetching_cargo().args(["install", &package, "--locked"]))
}

/// Licences, sources, and what may not be depended on.
pub(crate) fn check_dependencies(repo: &Repo) -> Result<Outcome, Failure> {
    find_or_install(repo, "deny")?;
    succeed(repo.cargo().args(["deny", "--workspace", "check", "bans", "licenses", "sources"]))?;
    Ok(Outcome::Passed)
}

/// Known vulnerabilities, where the database of them can be had: a machine without a network is no reason to fail.
pub(crate) fn check_advisories(repo: &Repo) -> Result<Outcome, Failure> {
    let mut command = repo.fetching_cargo();
    command.args(["deny", "--workspace", "check", "advisories"]);
    let output = command
        .output()
        .map_err(|error| Failure::Command { line: "cargo deny check advisories".into(), status: error.to_string() })?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        eprint!("{said}");
        return Ok(Outcome::Passed);
    }
    if said.contains("failed to fetch advisory database") {
        return Ok(Outcome::Skipped("advisory database not reachable"));
    }
    eprint!("{said}");
    Err(Failure::Command { line: "cargo deny check advisories".into(), status: output.status.to_string() })
}
