//! What kind of repository this is: its name, the checks that it has, the agents that are there. For `toll init`.
//!
//! It names only commands that the repository's own files speak of, and runs none of them.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use tollhouse_core::spec::GateKind;
use tollhouse_engine::plan::{Source, text_at};

/// A longer file is no configuration that people write.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A longer name fits no title.
const NAME_CHARS_MAX: usize = 60;

/// Agents that take the prompt on standard input, with what makes them edit files without asking.
const AGENTS: [(&str, &[&str]); 2] = [
    ("claude", &["claude", "-p", "--permission-mode", "acceptEdits"]),
    ("codex", &["codex", "exec", "--sandbox", "workspace-write", "-"]),
];

/// A check that the repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedGate {
    /// A name for it, unique among those found.
    pub name: String,
    /// What kind of check it is.
    pub kind: GateKind,
    /// The line that runs it.
    pub run: String,
    /// The file that speaks of it.
    pub because: String,
    /// Variables that say where its toolchain is, where they are set: a gate sees no others than it is passed.
    pub env_pass: Vec<String>,
}

/// Where toolchains are told to be, by the program that asks.
const TOOLCHAIN: [(&str, &[&str]); 2] =
    [("cargo ", &["CARGO_HOME", "RUSTUP_HOME"]), ("go ", &["GOPATH", "GOCACHE", "GOMODCACHE"])];

/// The variables among them that are set here.
fn toolchain_of(run: &str) -> Vec<String> {
    let asks = |(program, _): &&(&str, &[&str])| run.starts_with(program);
    let names = TOOLCHAIN.iter().filter(asks).flat_map(|(_, names)| *names);
    names.filter(|name| std::env::var_os(name).is_some()).map(|name| (*name).to_owned()).collect()
}

/// An agent that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedAgent {
    /// Its name.
    pub name: String,
    /// What runs it.
    pub command: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detected {
    /// The project's name: from its manifest, else the folder's.
    pub name: Option<String>,
    /// What makes a fresh checkout ready.
    pub setup: Option<String>,
    /// The checks.
    pub gates: Vec<DetectedGate>,
    /// The agents on the search path.
    pub agents: Vec<DetectedAgent>,
}

/// Looks at the files at the root of a repository, and at the search path for agents. What cannot be read is not there.
pub fn detect(root: &Path) -> Detected {
    let mut found = Detected { agents: agents_on(std::env::var_os("PATH").as_deref()), ..Detected::default() };
    let repository = Repository { root };
    repository.cargo(&mut found);
    repository.npm(&mut found);
    repository.python(&mut found);
    repository.go(&mut found);
    repository.make(&mut found);
    let folder = || root.file_name().and_then(OsStr::to_str).map(str::to_owned);
    found.name = found.name.take().or_else(folder).and_then(|name| one_line(&name));
    plain_names(&mut found.gates);
    found
}

struct Repository<'a> {
    root: &'a Path,
}

impl Repository<'_> {
    fn has(&self, name: &str) -> bool {
        self.root.join(name).is_file()
    }

    fn read(&self, name: &str) -> Option<Source> {
        let path = self.root.join(name);
        if !path.is_file() {
            return None;
        }
        let mut text = String::new();
        File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(Source::new(name, text))
    }

    fn cargo(&self, found: &mut Detected) {
        let Some(manifest) = self.read("Cargo.toml") else { return };
        let many = manifest.text.lines().any(|line| line.trim() == "[workspace]");
        let run = if many { "cargo test --workspace" } else { "cargo test" };
        found.add("cargo-test", GateKind::Unit, run, "Cargo.toml");
        found.name(text_at(&manifest, &["package", "name"]));
    }

    fn npm(&self, found: &mut Detected) {
        let Some(manifest) = self.read("package.json") else { return };
        let (tool, setup) = if self.has("pnpm-lock.yaml") {
            ("pnpm", Some("pnpm install --frozen-lockfile"))
        } else if self.has("yarn.lock") {
            ("yarn", Some("yarn install"))
        } else if self.has("package-lock.json") {
            ("npm", Some("npm ci"))
        } else {
            ("npm", None)
        };
        let script = |name: &str| text_at(&manifest, &["scripts", name]);
        // What `npm init` writes where there are no tests.
        if script("test").is_some_and(|script| !script.contains("no test specified")) {
            found.add(&format!("{tool}-test"), GateKind::Unit, &format!("{tool} run test"), "package.json");
        }
        if script("lint").is_some() {
            found.add(&format!("{tool}-lint"), GateKind::Lint, &format!("{tool} run lint"), "package.json");
        }
        found.setup = setup.map(str::to_owned);
        found.name(text_at(&manifest, &["name"]));
    }

    fn python(&self, found: &mut Detected) {
        let project = self.read("pyproject.toml");
        if let Some(project) = &project {
            found.name(text_at(project, &["project", "name"]));
        }
        let speaks_of_pytest =
            ["pyproject.toml", "setup.cfg", "tox.ini", "pytest.ini", "requirements.txt", "requirements-dev.txt"]
                .into_iter()
                .find(|name| self.read(name).is_some_and(|source| source.text.contains("pytest")));
        let tests = self.python_tests();
        if let Some(because) = speaks_of_pytest {
            let run = if self.has("uv.lock") {
                "uv run pytest"
            } else if self.has("poetry.lock") {
                "poetry run pytest"
            } else {
                "python3 -m pytest"
            };
            found.add("pytest", GateKind::Unit, run, because);
        } else if let Some((folder, text)) = tests {
            let because = format!("{folder}/");
            if text.contains("unittest") {
                found.add("unittest", GateKind::Unit, &format!("python3 -m unittest discover -s {folder}"), &because);
            } else if text.contains("def test") {
                found.add("pytest", GateKind::Unit, "python3 -m pytest", &because);
            }
        }
    }

    /// The folder with Python tests, and one of them.
    fn python_tests(&self) -> Option<(&'static str, String)> {
        ["tests", "test"].into_iter().find_map(|folder| {
            let mut names: Vec<String> = fs::read_dir(self.root.join(folder))
                .ok()?
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| name.starts_with("test_") && Path::new(name).extension() == Some(OsStr::new("py")))
                .collect();
            names.sort();
            let text = self.read(&format!("{folder}/{}", names.first()?))?.text;
            Some((folder, text))
        })
    }

    fn go(&self, found: &mut Detected) {
        let Some(module) = self.read("go.mod") else { return };
        found.add("go-test", GateKind::Unit, "go test ./...", "go.mod");
        let line = module.text.lines().find_map(|line| line.strip_prefix("module "));
        found.name(line.and_then(|path| path.trim().rsplit('/').next()).map(str::to_owned));
    }

    /// A makefile's targets, for the kinds of checks that nothing else was found for: they mostly call the same.
    fn make(&self, found: &mut Detected) {
        let Some(file) = ["Makefile", "makefile", "GNUmakefile"].into_iter().find_map(|name| self.read(name)) else {
            return;
        };
        for (target, kind) in [("test", GateKind::Unit), ("lint", GateKind::Lint)] {
            let is_target = |line: &str| {
                line.strip_prefix(target).is_some_and(|rest| {
                    let rest = rest.trim_start();
                    rest.starts_with(':') && !rest.starts_with(":=") && !rest.starts_with("::=")
                })
            };
            let is_new = found.gates.iter().all(|gate| gate.kind != kind);
            if is_new && file.text.lines().any(is_target) {
                found.add(&format!("make-{target}"), kind, &format!("make {target}"), &file.file);
            }
        }
    }
}

impl Detected {
    fn add(&mut self, name: &str, kind: GateKind, run: &str, because: &str) {
        let (name, run, because) = (name.to_owned(), run.to_owned(), because.to_owned());
        let env_pass = toolchain_of(&run);
        self.gates.push(DetectedGate { name, kind, run, because, env_pass });
    }

    /// The first manifest names the project.
    fn name(&mut self, name: Option<String>) {
        self.name = self.name.take().or(name);
    }
}

/// Where there is only one check of a kind, the kind is its name.
fn plain_names(gates: &mut [DetectedGate]) {
    for (kind, word) in [(GateKind::Unit, "unit"), (GateKind::Lint, "lint")] {
        let mut of_kind = gates.iter_mut().filter(|gate| gate.kind == kind);
        if let (Some(gate), None) = (of_kind.next(), of_kind.next()) {
            word.clone_into(&mut gate.name);
        }
    }
}

fn one_line(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    (!name.trim().is_empty()).then_some(name)
}

fn agents_on(path: Option<&OsStr>) -> Vec<DetectedAgent> {
    let folders: Vec<_> = path.map(|path| std::env::split_paths(path).collect()).unwrap_or_default();
    let is_there = |program: &str| folders.iter().any(|folder| folder.is_absolute() && folder.join(program).is_file());
    let there = AGENTS.into_iter().filter(|(name, _)| is_there(name));
    there
        .map(|(name, command)| DetectedAgent {
            name: name.to_owned(),
            command: command.iter().map(|word| (*word).to_owned()).collect(),
        })
        .collect()
}

/// A `tollhouse.toml` that says what was found, with comments for people. `target` is the branch that work starts from.
pub fn render(found: &Detected, target: &str) -> String {
    let mut text =
        String::from("# What agents may do here, and what a change must pass before it lands.\n\n[project]\n");
    if let Some(name) = &found.name {
        line(&mut text, format_args!("name = {}", quoted(name)));
    }
    line(&mut text, format_args!("target = {}", quoted(target)));
    line(&mut text, format_args!("# Changes land on {}.", quoted(&format!("toll/{target}"))));
    if let Some(setup) = &found.setup {
        line(&mut text, format_args!("\n# Makes each fresh checkout ready.\n[workspace]\nsetup = {}", quoted(setup)));
    }
    agents(&mut text, &found.agents);
    text.push_str(
        "\n# What a change may touch: everything but this file, unless you say less.\n\
         # [policy]\n# write = [\"src/**\", \"tests/**\"]\n# forbid = [\"secrets/**\"]\n# max_lines_changed = 1000\n",
    );
    for gate in &found.gates {
        line(&mut text, format_args!("\n# Found in {}.\n[[gate]]", gate.because));
        line(&mut text, format_args!("name = {}\nkind = \"{}\"", quoted(&gate.name), kind_name(gate.kind)));
        line(&mut text, format_args!("run = {}", quoted(&gate.run)));
        if !gate.env_pass.is_empty() {
            let names: Vec<String> = gate.env_pass.iter().map(|name| quoted(name)).collect();
            line(&mut text, format_args!("env_pass = [{}]", names.join(", ")));
        }
    }
    if found.gates.is_empty() {
        text.push_str(
            "\n# No tests were found here. A change lands without a check until there is a gate.\n\
             # [[gate]]\n# name = \"unit\"\n# run = \"the command that runs your tests\"\n",
        );
    }
    text
}

fn agents(text: &mut String, agents: &[DetectedAgent]) {
    if agents.is_empty() {
        text.push_str(
            "\n# Who does the work: any program. The prompt is on its standard input, the checkout is its folder.\n\
             # [agents.mine]\n# command = [\"program\", \"argument\"]\n",
        );
    } else {
        text.push_str("\n# Who does the work. The prompt is on its standard input, the checkout is its folder.\n");
    }
    for agent in agents {
        let words: Vec<String> = agent.command.iter().map(|word| quoted(word)).collect();
        line(text, format_args!("[agents.{}]\ncommand = [{}]", agent.name, words.join(", ")));
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{line}");
}

/// A basic string of TOML on one line.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn kind_name(kind: GateKind) -> &'static str {
    match kind {
        GateKind::Lint => "lint",
        GateKind::Unit => "unit",
        GateKind::Integration => "integration",
        GateKind::E2e => "e2e",
        GateKind::Security => "security",
        GateKind::Custom => "custom",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tollhouse_engine::plan::read_project;

    fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn gates(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let folder = repository(files);
        detect(folder.path()).gates.into_iter().map(|gate| (gate.name, gate.run)).collect()
    }

    fn pair(name: &str, run: &str) -> (String, String) {
        (name.to_owned(), run.to_owned())
    }

    #[test]
    fn only_what_the_files_speak_of_is_found() {
        for (files, expected) in [
            (&[("README.md", "pytest")][..], vec![]),
            (&[("Cargo.toml", "[package]\nname = \"x\"\n")], vec![pair("unit", "cargo test")]),
            (&[("Cargo.toml", "[workspace]\n")], vec![pair("unit", "cargo test --workspace")]),
            (&[("package.json", r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#)], vec![]),
            (
                &[("package.json", r#"{"scripts": {"test": "vitest", "lint": "eslint"}}"#), ("pnpm-lock.yaml", "")],
                vec![pair("unit", "pnpm run test"), pair("lint", "pnpm run lint")],
            ),
            (
                &[("pyproject.toml", "[tool.pytest.ini_options]\n"), ("uv.lock", "")],
                vec![pair("unit", "uv run pytest")],
            ),
            (&[("tests/test_a.py", "import unittest\n")], vec![pair("unit", "python3 -m unittest discover -s tests")]),
            (&[("tests/test_a.py", "def test_a(): pass\n")], vec![pair("unit", "python3 -m pytest")]),
            (&[("tests/a.py", "def test_a(): pass\n")], vec![]),
            (&[("go.mod", "module example.org/x/parser\n")], vec![pair("unit", "go test ./...")]),
            (&[("Makefile", "test: all\n\ttrue\nlint:=x\n")], vec![pair("unit", "make test")]),
            (&[("Makefile", "testing:\n"), ("package.json", "{")], vec![]),
        ] {
            assert_eq!(gates(files), expected, "{files:?}");
        }
    }

    #[test]
    fn two_checks_of_a_kind_have_names_of_their_own() {
        let found = gates(&[("Cargo.toml", ""), ("go.mod", "module a\n"), ("Makefile", "test:\nlint:\n")]);
        let expected = [pair("cargo-test", "cargo test"), pair("go-test", "go test ./..."), pair("lint", "make lint")];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_manifest_names_the_project_before_the_folder() {
        let folder = repository(&[("go.mod", "module example.org/x/parser\n")]);
        assert_eq!(detect(folder.path()).name.as_deref(), Some("parser"));
        let folder = repository(&[]);
        assert_eq!(detect(folder.path()).name.as_deref(), folder.path().file_name().and_then(OsStr::to_str));
    }

    #[test]
    fn an_agent_is_found_where_the_search_path_has_it() {
        let folder = repository(&[("claude", "")]);
        let names = |path: &OsStr| agents_on(Some(path)).into_iter().map(|agent| agent.name).collect::<Vec<_>>();
        assert_eq!(names(folder.path().as_os_str()), ["claude"]);
        assert_eq!(names(OsStr::new("")), Vec::<String>::new());
        assert_eq!(agents_on(None), []);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = repository(&[
            (
                "package.json",
                "{\"name\": \"a \\\"b\\\" \\\\ \\u0007é\", \"scripts\": {\"test\": \"x\", \"lint\": \"y\"}}",
            ),
            ("package-lock.json", "{}"),
            ("go.mod", "module a\n"),
        ]);
        let agents = agents_on(Some(repository(&[("claude", ""), ("codex", "")]).path().as_os_str()));
        let found = Detected { agents, ..detect(folder.path()) };
        let project = read_project(&Source::new("tollhouse.toml", render(&found, "feature/\"x\""))).unwrap();
        assert_eq!(project.name.as_deref(), Some("a \"b\" \\ é"));
        assert_eq!(project.target.as_deref(), Some("feature/\"x\""));
        assert_eq!(project.agents.len(), found.agents.len());
        let names: Vec<&str> = project.gates.iter().map(|gate| gate.name.as_str()).collect();
        assert_eq!(names, ["npm-test", "lint", "go-test"]);
        assert_eq!(project.workspace.setup.map(|setup| setup.to_string()).as_deref(), Some("npm ci"));
    }

    #[test]
    fn what_is_written_of_an_empty_folder_is_read_back_with_its_examples() {
        let text = render(&Detected::default(), "main");
        assert!(read_project(&Source::new("tollhouse.toml", text.as_str())).is_ok());
        // The examples are good too, once somebody takes the comment signs away.
        let without_prose = text.lines().filter(|line| !line.starts_with("# ") || line.contains(['=', '[']));
        let examples: Vec<&str> = without_prose.map(|line| line.trim_start_matches("# ")).collect();
        let project = read_project(&Source::new("tollhouse.toml", examples.join("\n"))).unwrap();
        assert_eq!((project.agents.len(), project.gates.len()), (1, 1));
    }
}
