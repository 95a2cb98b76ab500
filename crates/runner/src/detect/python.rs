//! Python: the tables of `pyproject.toml`, the files of the tools, and tests that are there.

use tollhouse_core::spec::GateKind;
use tollhouse_engine::plan::Manifest;

use super::findings::{Check, Findings};
use super::folder::Folder;

/// The files in which projects speak of their tests.
const SPEAK_OF_TESTS: [&str; 6] =
    ["pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini", "requirements-dev.txt", "requirements.txt"];

/// What says which programs the project's own environment has.
const LOCKS: [&str; 3] = ["uv.lock", "poetry.lock", "pdm.lock"];

/// A tool that judges without changing anything: its table, its files, what is run.
struct Tool {
    name: &'static str,
    table: &'static [&'static str],
    files: &'static [&'static str],
    run: &'static str,
}

const TOOLS: [Tool; 7] = [
    Tool { name: "ruff", table: &["tool", "ruff"], files: &["ruff.toml", ".ruff.toml"], run: "ruff check ." },
    Tool { name: "ruff-format", table: &["tool", "ruff", "format"], files: &[], run: "ruff format --check ." },
    Tool { name: "black", table: &["tool", "black"], files: &[], run: "black --check ." },
    Tool { name: "isort", table: &["tool", "isort"], files: &[".isort.cfg"], run: "isort --check-only ." },
    Tool { name: "flake8", table: &["tool", "flake8"], files: &[".flake8"], run: "flake8" },
    Tool { name: "mypy", table: &["tool", "mypy"], files: &["mypy.ini", ".mypy.ini"], run: "mypy" },
    Tool { name: "pyright", table: &["tool", "pyright"], files: &["pyrightconfig.json"], run: "pyright" },
];

pub(super) fn look(folder: &Folder, found: &mut Findings) {
    let project = folder.manifest("pyproject.toml");
    let (prefix, setup) = runner(folder);
    for tool in &TOOLS {
        let table = project.as_ref().is_some_and(|project| project.has(tool.table)).then_some("pyproject.toml");
        let Some(because) = table.or_else(|| folder.first(tool.files)) else { continue };
        let mut run = tool.run.to_owned();
        let mut doubt = None;
        if tool.name == "mypy" && !says_what_mypy_reads(project.as_ref()) {
            run.push_str(" .");
            doubt = Some("nothing says which files it is for".to_owned());
        }
        if let Some(lock) = without(folder, tool.run) {
            doubt = Some(lacking(lock));
        } else {
            run.insert_str(0, prefix);
        }
        let check = Check::new(tool.name, GateKind::Lint, run, folder.name_of(because)).in_folder(folder);
        found.offer(match doubt {
            Some(doubt) => check.doubt(&doubt),
            None => check,
        });
    }
    tests(folder, project.as_ref(), prefix, found);
    if let Some(project) = &project {
        found.name(project.text(&["project", "name"]).or_else(|| project.text(&["tool", "poetry", "name"])));
        found.setup(folder, setup);
    }
}

/// The lock file, if there is one that lacks the program of a command: then the environment that it makes lacks it, too.
fn without(folder: &Folder, run: &str) -> Option<&'static str> {
    let lock = folder.first(&LOCKS)?;
    let program = run.split(' ').next().unwrap_or_default();
    // One that is too long to be read may well have it.
    let text = folder.read(lock)?.text;
    (!text.contains(&format!("name = \"{program}\""))).then_some(lock)
}

fn lacking(lock: &str) -> String {
    format!("{lock} does not have it, so it must be installed where the gates run")
}

/// What runs a tool in the project's own environment, and what makes that ready.
fn runner(folder: &Folder) -> (&'static str, Option<&'static str>) {
    match folder.first(&LOCKS) {
        // It makes its environment itself.
        Some("uv.lock") => ("uv run ", None),
        Some("poetry.lock") => ("poetry run ", Some("poetry install")),
        Some(_) => ("pdm run ", Some("pdm install")),
        None => ("", None),
    }
}

fn says_what_mypy_reads(project: Option<&Manifest>) -> bool {
    let says = |key| project.is_some_and(|project| project.has(&["tool", "mypy", key]));
    says("files") || says("packages") || says("modules")
}

fn tests(folder: &Folder, project: Option<&Manifest>, prefix: &str, found: &mut Findings) {
    let pytest = if prefix.is_empty() { "python3 -m pytest".to_owned() } else { format!("{prefix}pytest") };
    let unit = |name: &str, run: String, because: String| {
        Check::new("python-test", GateKind::Unit, run, because).named(name).in_folder(folder)
    };
    // A broken pyproject.toml is passed over, though its text may well speak of tests.
    let speaks = |name: &&str| {
        (*name != "pyproject.toml" || project.is_some())
            && folder.read(name).is_some_and(|source| source.text.lines().any(is_said))
    };
    if let Some(because) = SPEAK_OF_TESTS.into_iter().find(speaks) {
        let check = unit("pytest", pytest, folder.name_of(because));
        found.offer(match without(folder, "pytest") {
            Some(lock) => check.doubt(&lacking(lock)),
            None => check,
        });
        return;
    }
    let Some((tests, text)) = test_file(folder) else { return };
    let because = folder.name_of(&format!("{tests}/"));
    if text.contains("unittest") {
        found.offer(unit("unittest", format!("{prefix}python3 -m unittest discover -s {tests}"), because));
    } else if text.contains("def test") {
        let doubt = "its tests look as if they were for pytest, and nothing speaks of it";
        found.offer(unit("pytest", pytest, because).doubt(doubt));
    }
}

/// Whether a line speaks of pytest, and is not a comment.
fn is_said(line: &str) -> bool {
    line.contains("pytest") && !line.trim_start().starts_with(['#', ';'])
}

/// The folder with tests, and one of them.
fn test_file(folder: &Folder) -> Option<(&'static str, String)> {
    ["tests", "test"].into_iter().find_map(|tests| {
        let names = folder.files_in(tests, &["py"]);
        let name = names.iter().find(|name| name.starts_with("test_"))?;
        Some((tests, folder.read(&format!("{tests}/{name}"))?.text))
    })
}
