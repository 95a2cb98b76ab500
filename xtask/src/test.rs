//! `cargo xtask test`: the steps that must be green, in order, the quick ones first; the first that fails ends it.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::environment::{Draws, Failure, Repo, succeed};
use crate::{purity, python, schemas, tool};

pub(crate) const ROUNDS: u32 = 64;

/// How a step that did not fail went.
pub(crate) enum Outcome {
    Passed,
    /// It could not be asked here, and why.
    Skipped(&'static str),
}

struct Step {
    name: &'static str,
    run: fn(&str, &Repo) -> Result<Outcome, Failure>,
}

const STEPS: [Step; 11] = [
    Step { name: "format", run: |_, repo| cargo(repo, "fmt --all --check") },
    Step { name: "lints", run: |_, repo| cargo(repo, "clippy --workspace --all-targets -- -D warnings") },
    Step { name: "dependencies", run: |_, repo| tool::check_dependencies(repo) },
    Step { name: "no C", run: |_, repo| purity::check_no_c(repo) },
    Step { name: "advisories", run: |_, repo| tool::check_advisories(repo) },
    Step { name: "wasm", run: |_, repo| purity::check_wasm(repo) },
    Step { name: "tests", run: nextest },
    Step { name: "doc tests", run: |_, repo| doc_tests(repo) },
    Step { name: "docs", run: |_, repo| docs(repo) },
    Step { name: "schemas", run: |_, repo| schemas::check(repo).map(|()| Outcome::Passed) },
    Step { name: "wheel", run: |_, repo| python::check_wheel(repo).map(|()| Outcome::Passed) },
];

/// `task` is the word after `cargo xtask`; it chooses how patient the test runner is.
pub(crate) fn run(task: &str, repo: &Repo) -> Result<(), Failure> {
    tool::require(repo)?;
    let mut rows = Vec::new();
    let mut failed = None;
    let began = Instant::now();
    for step in &STEPS {
        if failed.is_some() {
            rows.push(row(step.name, "not run", None));
            continue;
        }
        eprintln!("\n── {} ──", step.name);
        let step_began = Instant::now();
        let result = (step.run)(task, repo);
        let took = Some(step_began.elapsed());
        match result {
            Ok(Outcome::Passed) => rows.push(row(step.name, "ok", took)),
            Ok(Outcome::Skipped(why)) => rows.push(row(step.name, &format!("skipped: {why}"), took)),
            Err(failure) => {
                rows.push(row(step.name, "FAILED", took));
                failed = Some((step.name, failure));
            }
        }
    }
    rows.push(row("all", if failed.is_some() { "FAILED" } else { "ok" }, Some(began.elapsed())));
    let Draws { rounds, seed } = repo.draws;
    println!("\n{}\ndraws again: cargo xtask {task} --rounds {rounds} --seed {seed}", rows.join("\n"));
    let figures = std::fs::read_to_string(repo.figures()).unwrap_or_default();
    let _ = std::fs::remove_file(repo.figures());
    let mut figures: Vec<&str> = figures.lines().collect();
    figures.sort_unstable();
    figures.dedup();
    for figure in figures {
        println!("{figure}");
    }
    let Some((name, failure)) = failed else { return Ok(()) };
    Err(Failure::Refused(format!("step `{name}` failed: {failure}")))
}

fn row(name: &str, result: &str, took: Option<Duration>) -> String {
    let seconds = took.map_or_else(|| "-".into(), |took| format!("{:.1}", took.as_secs_f64()));
    format!("{name:<14}{seconds:>8} s  {result}")
}

fn passed(command: &mut Command) -> Result<Outcome, Failure> {
    succeed(command).map(|()| Outcome::Passed)
}

fn cargo(repo: &Repo, arguments: &str) -> Result<Outcome, Failure> {
    passed(repo.cargo().args(arguments.split(' ')))
}

fn nextest(task: &str, repo: &Repo) -> Result<Outcome, Failure> {
    tool::find_or_install(repo, "nextest")?;
    let profile = if task == "soak" { "soak" } else { "ci" };
    passed(repo.cargo().args(["nextest", "run", "--workspace", "--profile", profile]))
}

/// Rustdoc links its programs, the largest of more than 40 MB, where temporary files are, and runs them there. That may be a
/// small disk in memory, or one from which nothing is run; where everything else is built is neither.
fn doc_tests(repo: &Repo) -> Result<Outcome, Failure> {
    let place = repo.target.join("tmp");
    std::fs::create_dir_all(&place)
        .map_err(|error| Failure::Refused(format!("cannot make {}: {error}", place.display())))?;
    let arguments = ["test", "--doc", "--workspace", "--exclude", "tollhouse-py"];
    passed(repo.cargo().args(arguments).env("TMPDIR", place))
}

fn docs(repo: &Repo) -> Result<Outcome, Failure> {
    passed(repo.cargo().args(["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_shows_seconds_and_result() {
        assert_eq!(row("format", "ok", Some(Duration::from_millis(1250))), "format             1.2 s  ok");
    }

    #[test]
    fn step_that_was_not_reached_has_no_seconds() {
        assert_eq!(row("wheel", "not run", None), "wheel                - s  not run");
    }
}
