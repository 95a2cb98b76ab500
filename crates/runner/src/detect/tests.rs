use std::ffi::OsStr;
use std::fs;

use tollhouse_engine::plan::{ProjectSpec, Source, read_project};

use super::*;
use crate::git::{Certainty, DefaultBranch};

fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// The gates that are found, each as `name: command` or `name in folder: command`.
fn gates(files: &[(&str, &str)]) -> Vec<String> {
    let show = |gate: &DetectedGate| {
        let place = gate.cwd.as_ref().map(|cwd| format!(" in {cwd}")).unwrap_or_default();
        format!("{}{place}: {}", gate.name, gate.run)
    };
    found_in(repository(files).path()).gates.iter().map(show).collect()
}

fn setup(files: &[(&str, &str)]) -> Option<String> {
    found_in(repository(files).path()).setup
}

fn main_branch() -> DefaultBranch {
    DefaultBranch { name: "main".to_owned(), certainty: Certainty::Sure }
}

fn written(files: &[(&str, &str)]) -> (String, ProjectSpec) {
    let text = render(&found_in(repository(files).path()), &main_branch());
    let project = read_project(&Source::new("tollhouse.toml", text.as_str()));
    (text.clone(), project.unwrap_or_else(|problems| panic!("{problems:?}\n{text}")))
}

mod cargo {
    use super::*;

    #[test]
    fn package_is_tested_and_a_workspace_as_a_whole() {
        assert_eq!(gates(&[("Cargo.toml", "[package]\nname = \"x\"\n")]), ["unit: cargo test"]);
        assert_eq!(gates(&[("Cargo.toml", "[workspace.package]\n")]), ["unit: cargo test --workspace"]);
    }

    #[test]
    fn tools_count_where_their_files_are() {
        let files = [("Cargo.toml", "[workspace]\n"), ("rustfmt.toml", ""), ("clippy.toml", "")];
        let expected = [
            "rustfmt: cargo fmt --all --check",
            "clippy: cargo clippy --workspace --all-targets -- -D warnings",
            "unit: cargo test --workspace",
        ];
        assert_eq!(gates(&files), expected);
    }

    #[test]
    fn what_ci_says_goes_before_what_the_manifest_lets_one_guess() {
        let ci = "on: [push]\njobs:\n  test:\n    steps:\n      - run: cargo clippy -- -D warnings\n      - run: cargo nextest run --workspace\n";
        let files = [
            ("Cargo.toml", "[workspace]\n[workspace.lints.clippy]\nall = \"warn\"\n"),
            (".github/workflows/ci.yml", ci),
        ];
        assert_eq!(gates(&files), ["lint: cargo clippy -- -D warnings", "unit: cargo nextest run --workspace"]);
    }
}

mod node {
    use super::*;

    const SCRIPTS: &str = r#"{"scripts": {"test": "vitest", "lint": "eslint", "build": "tsc"}}"#;

    #[test]
    fn placeholder_of_npm_is_no_check() {
        let placeholder = r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#;
        let ci = "on: push\njobs:\n  a:\n    steps:\n    - run: npm test\n";
        assert_eq!(gates(&[("package.json", placeholder), (".github/workflows/ci.yml", ci)]), [""; 0]);
    }

    #[test]
    fn lock_file_chooses_the_package_manager() {
        for (lock, tool, ready) in [
            ("package-lock.json", "npm", "npm ci"),
            ("pnpm-lock.yaml", "pnpm", "pnpm install --frozen-lockfile"),
            ("yarn.lock", "yarn", "yarn install --frozen-lockfile"),
            ("bun.lock", "bun", "bun install --frozen-lockfile"),
        ] {
            let files = [("package.json", SCRIPTS), (lock, "")];
            assert_eq!(gates(&files), [format!("lint: {tool} run lint"), format!("unit: {tool} run test")]);
            assert_eq!(setup(&files).as_deref(), Some(ready));
        }
        assert_eq!(setup(&[("package.json", SCRIPTS)]), None);
        let needy = [("package.json", r#"{"devDependencies": {"vitest": "1"}}"#)];
        assert_eq!(setup(&needy).as_deref(), Some("npm install --no-package-lock"));
        let berry = [("package.json", SCRIPTS), ("yarn.lock", ""), (".yarnrc.yml", "")];
        assert_eq!(setup(&berry).as_deref(), Some("yarn install --immutable"));
    }

    #[test]
    fn manifest_chooses_it_where_there_is_no_lock_file() {
        let manifest = r#"{"packageManager": "pnpm@9.1.0", "scripts": {"test": "vitest"}}"#;
        assert_eq!(gates(&[("package.json", manifest)]), ["unit: pnpm run test"]);
    }

    #[test]
    fn scripts_that_check_are_taken_and_those_that_change_or_never_end_are_not() {
        let manifest = r#"{"scripts": {
            "typecheck": "tsc --noEmit", "format": "prettier --write .", "format:check": "prettier --check .",
            "test": "jest --watch", "dev": "vite", "check": "everything"}}"#;
        let expected = ["npm-typecheck: npm run typecheck", "npm-format-check: npm run format:check"];
        assert_eq!(gates(&[("package.json", manifest)]), expected);
    }

    #[test]
    fn script_that_mends_is_marked() {
        let (text, _) = written(&[("package.json", r#"{"scripts": {"lint": "eslint --fix ."}}"#)]);
        assert!(text.contains("# Not sure: it mends what it can, and says no only to the rest.\n[[gate]]"), "{text}");
    }

    #[test]
    fn packages_of_a_workspace_are_tested_from_its_root() {
        let root = r#"{"workspaces": ["packages/*"]}"#;
        let inner = r#"{"scripts": {"test": "jest"}}"#;
        let files = [("package.json", root), ("packages/a/package.json", inner), ("packages/b/package.json", "{")];
        assert_eq!(gates(&files), ["unit: npm run test --workspaces --if-present"]);
        let files = [
            ("package.json", "{}"),
            ("pnpm-lock.yaml", ""),
            ("pnpm-workspace.yaml", "packages:\n  - 'packages/*'\n"),
            ("packages/a/package.json", inner),
        ];
        assert_eq!(gates(&files), ["unit: pnpm --recursive --if-present run test"]);
    }
}

mod python {
    use super::*;

    #[test]
    fn tables_speak_of_the_tools() {
        let project = "[tool.ruff]\nline-length = 100\n[tool.ruff.format]\n[tool.mypy]\nfiles = [\"src\"]\n[tool.pytest.ini_options]\n";
        let expected =
            ["ruff: ruff check .", "ruff-format: ruff format --check .", "mypy: mypy", "unit: python3 -m pytest"];
        assert_eq!(gates(&[("pyproject.toml", project)]), expected);
    }

    #[test]
    fn tool_that_the_lock_file_lacks_is_marked() {
        let (text, project) = written(&[("pyproject.toml", "[tool.ruff]\n"), ("uv.lock", "name = \"pytest\"\n")]);
        assert_eq!(project.gates[0].run.to_string(), "ruff check .");
        assert!(text.contains("# Not sure: uv.lock does not have it"), "{text}");
    }

    #[test]
    fn lock_file_chooses_what_runs_the_tools() {
        let project = "[tool.ruff]\n[tool.pytest.ini_options]\n";
        for (lock, run, ready) in [
            ("uv.lock", "uv run ", None),
            ("poetry.lock", "poetry run ", Some("poetry install")),
            ("pdm.lock", "pdm run ", Some("pdm install")),
        ] {
            let files = [("pyproject.toml", project), (lock, "[[package]]\nname = \"ruff\"\n")];
            assert_eq!(gates(&files), [format!("lint: {run}ruff check ."), format!("unit: {run}pytest")]);
            assert_eq!(setup(&files).as_deref(), ready);
        }
    }

    #[test]
    fn tests_that_are_there_speak_for_themselves() {
        let unittest = gates(&[("tests/test_a.py", "import unittest\n")]);
        assert_eq!(unittest, ["unit: python3 -m unittest discover -s tests"]);
        assert_eq!(gates(&[("tests/a.py", "def test_a(): pass\n")]), [""; 0]);
        let (text, _) = written(&[("tests/test_a.py", "def test_a(): pass\n")]);
        assert!(text.contains("# Not sure: its tests look as if they were for pytest"), "{text}");
    }

    #[test]
    fn comment_speaks_of_nothing() {
        assert_eq!(gates(&[("setup.cfg", "[metadata]\n# pytest\n")]), [""; 0]);
    }
}

mod go {
    use super::*;

    #[test]
    fn module_is_tested_and_vetted_where_ci_says_so() {
        assert_eq!(gates(&[("go.mod", "module example.org/x/parser\n")]), ["unit: go test ./..."]);
        let ci = "on:\n  pull_request:\njobs:\n  a:\n    steps:\n      - run: go vet ./...\n      - run: go test -race ./...\n";
        let files = [("go.mod", "module a\n"), (".github/workflows/ci.yaml", ci)];
        assert_eq!(gates(&files), ["lint: go vet ./...", "unit: go test -race ./..."]);
    }

    #[test]
    fn modules_of_a_workspace_are_tested_one_by_one() {
        let work = "go 1.22\n\nuse (\n\t./api // the api\n\t./tool\n)\n";
        let files = [("go.work", work), ("api/go.mod", "module x/api\n"), ("tool/go.mod", "module x/tool\n")];
        assert_eq!(gates(&files), ["api-go-test in api: go test ./...", "tool-go-test in tool: go test ./..."]);
    }
}

mod make {
    use super::*;

    #[test]
    fn targets_are_taken_where_there_is_a_rule() {
        let makefile = ".PHONY: test lint check\nlint:=x\ntest check: all\n\tpytest\n# vet: x\n";
        assert_eq!(gates(&[("Makefile", makefile)]), ["unit: make test"]);
        assert_eq!(gates(&[("Makefile", "check::\n\ttrue\nlint:\n\ttrue\n")]), ["lint: make lint", "unit: make check"]);
        assert_eq!(gates(&[("Makefile", "testing:\n")]), [""; 0]);
    }

    #[test]
    fn target_that_calls_what_was_found_already_is_left_out() {
        let files = [("Cargo.toml", "[package]\n"), ("Makefile", "test:\n\tcargo test\nlint:\n\tcargo clippy\n")];
        assert_eq!(gates(&files), ["lint: make lint", "unit: cargo test"]);
    }

    #[test]
    fn target_that_ci_runs_stands_for_what_it_calls() {
        let ci = "on: push\njobs:\n  a:\n    steps:\n    - run: make test\n    - run: make deploy\n";
        let files = [("Cargo.toml", "[package]\n"), ("Makefile", "test:\n"), (".github/workflows/ci.yml", ci)];
        assert_eq!(gates(&files), ["unit: make test"]);
    }
}

mod ci {
    use super::*;

    /// What is found in a workflow with these steps, in a repository with all kinds of projects.
    fn found_in(steps: &str) -> Vec<String> {
        let ci = format!(
            "name: CI\non:\n  push:\n    branches: [main]\njobs:\n  all:\n    runs-on: ubuntu-latest\n    steps:\n{steps}"
        );
        gates(&[(".github/workflows/ci.yml", ci.as_str()), ("sub/x", "")])
    }

    #[test]
    fn plain_commands_are_taken_as_they_are() {
        let steps =
            "      - uses: actions/checkout@v4\n      - name: Test\n        run: \"pytest -m \\\"not slow\\\"\"\n";
        assert_eq!(found_in(steps), ["unit: pytest -m \"not slow\""]);
        let steps = "      - run: |\n          # both\n          cargo fmt --check\n          cargo test\n";
        assert_eq!(found_in(steps), ["lint: cargo fmt --check", "unit: cargo test"]);
    }

    #[test]
    fn what_needs_more_than_a_checkout_is_left_out() {
        for steps in [
            "      - run: pytest ${{ matrix.flags }}\n",
            "      - run: pytest\n        env:\n          TOKEN: ${{ secrets.TOKEN }}\n",
            "      - run: pytest\n        if: github.event_name == 'schedule'\n",
            "      - run: pytest\n        shell: pwsh\n",
            "      - run: pytest\n        working-directory: ${{ matrix.dir }}\n",
            "      - run: pytest\n        working-directory: nowhere\n",
            "      - run: pytest\n        working-directory: ../other\n",
            "      - run: |\n          cd sub\n          pytest\n",
            "      - run: |\n          for x in a b; do\n          pytest\n          done\n",
            "      - run: >\n          pytest\n          --slow\n",
            "      - run: cargo publish\n",
            "      - &a\n        run: pytest\n",
            "      - {run: pytest}\n",
        ] {
            assert_eq!(found_in(steps), [""; 0], "{steps}");
        }
    }

    #[test]
    fn command_runs_in_its_folder() {
        let steps = "      - run: pytest\n        working-directory: ./sub/\n";
        assert_eq!(found_in(steps), ["unit in sub: pytest"]);
        let ci =
            "on: push\ndefaults:\n  run:\n    working-directory: sub\njobs:\n  a:\n    steps:\n    - run: pytest\n";
        assert_eq!(gates(&[(".github/workflows/ci.yml", ci), ("sub/x", "")]), ["unit in sub: pytest"]);
    }

    #[test]
    fn jobs_that_run_elsewhere_or_for_something_else_are_left_out() {
        for ci in [
            "on: push\njobs:\n  a:\n    services:\n      db:\n        image: postgres\n    steps:\n    - run: pytest\n",
            "on: push\njobs:\n  a:\n    container: x\n    steps:\n    - run: pytest\n",
            "on: push\njobs:\n  a:\n    runs-on: windows-latest\n    steps:\n    - run: pytest\n",
            "on:\n  schedule:\n    - cron: '0 0 * * *'\njobs:\n  a:\n    steps:\n    - run: pytest\n",
            "on: workflow_dispatch\njobs:\n  a:\n    steps:\n    - run: pytest\n",
            "jobs:\n  a:\n    steps:\n    - run: pytest\n",
        ] {
            assert_eq!(gates(&[(".github/workflows/ci.yml", ci)]), [""; 0], "{ci}");
        }
    }

    #[test]
    fn each_item_of_a_script_of_gitlab_is_a_command() {
        let ci = "image: python:3.12\nvariables:\n  A: b\n\ntest:\n  stage: test\n  before_script:\n    - pip install -e .\n  script:\n    - pip install pytest\n    - echo \"$CI_COMMIT_SHA\"\n    - ruff check .\n    - pytest -q\n    - cd sub\n    - mypy .\n\nby-hand:\n  script: tox\n  when: manual\n\nwith-db:\n  services: [postgres]\n  script: nox\n";
        assert_eq!(gates(&[(".gitlab-ci.yml", ci), ("sub/x", "")]), ["lint: ruff check .", "unit: pytest -q"]);
    }

    #[test]
    fn command_that_stands_in_two_files_is_one_gate() {
        let ci = "on: push\njobs:\n  a:\n    steps:\n    - run: pytest\n";
        assert_eq!(gates(&[(".github/workflows/a.yml", ci), (".github/workflows/b.yml", ci)]), ["unit: pytest"]);
    }

    #[test]
    fn commands_of_one_tool_have_names_of_their_own_and_are_not_too_many() {
        let steps: Vec<String> = (0..9).map(|number| format!("      - run: cargo test -p c{number}\n")).collect();
        let expected =
            ["cargo-test: cargo test -p c0", "cargo-test-2: cargo test -p c1", "cargo-test-3: cargo test -p c2"];
        assert_eq!(found_in(&steps.concat()), expected);
    }

    #[test]
    fn place_of_a_line_is_told() {
        let ci = "on: push\njobs:\n  a:\n    steps:\n    - run: |\n\n        pytest\n";
        let (text, _) = written(&[(".github/workflows/ci.yml", ci)]);
        assert!(text.contains("\n# Found in .github/workflows/ci.yml, line 7.\n[[gate]]\nname = \"unit\"\n"), "{text}");
    }
}

#[test]
fn only_what_the_files_speak_of_is_found() {
    assert_eq!(gates(&[("README.md", "pytest, cargo test, make test")]), [""; 0]);
}

#[test]
fn files_that_are_broken_are_passed_over() {
    let folder = repository(&[
        ("package.json", "{\"scripts\": {\"test\": \"x\"}"),
        ("pyproject.toml", "[tool.ruff]\n[tool.pytest\n"),
        (".gitlab-ci.yml", "a:\n\tscript: pytest\n"),
    ]);
    fs::write(folder.path().join("go.mod"), b"module \xff\n").unwrap();
    let large = fs::File::create(folder.path().join("Makefile")).unwrap();
    std::io::Write::write_all(&mut &large, b"test:\n").unwrap();
    large.set_len(100 << 20).unwrap();
    fs::create_dir(folder.path().join("Cargo.toml")).unwrap();
    assert_eq!(found_in(folder.path()).gates, []);
}

#[test]
fn program_that_is_not_installed_is_marked() {
    let folder = repository(&[("Makefile", "test:\n"), (".gitlab-ci.yml", "a:\n  script: no-such-tool\n")]);
    let tool = repository(&[("make", "")]);
    let doubts = |path: &Path| {
        let gates = with_search_path(found_in(folder.path()), Some(path.as_os_str())).gates;
        gates.into_iter().map(|gate| gate.doubt).collect::<Vec<_>>()
    };
    assert_eq!(doubts(tool.path()), [None]);
    assert_eq!(doubts(folder.path()), [Some("make is not on the search path here".to_owned())]);
}

#[test]
fn folders_of_a_repository_that_is_no_project_itself_are_looked_at() {
    let files = [
        ("README.md", ""),
        ("backend/pyproject.toml", "[project]\nname = \"backend\"\n[tool.pytest.ini_options]\n"),
        ("backend/poetry.lock", ""),
        ("web/package.json", r#"{"scripts": {"test": "vitest"}}"#),
        ("web/package-lock.json", ""),
        ("node_modules/x/package.json", r#"{"scripts": {"test": "vitest"}}"#),
        ("with blank/go.mod", "module a\n"),
    ];
    let expected = ["backend-pytest in backend: poetry run pytest", "web-npm-test in web: npm run test"];
    assert_eq!(gates(&files), expected);
    assert_eq!(setup(&files).as_deref(), Some("(cd backend && poetry install) && (cd web && npm ci)"));
}

#[test]
fn checks_of_a_kind_have_names_of_their_own() {
    let found = gates(&[("Cargo.toml", ""), ("go.mod", "module a\n"), ("Makefile", "test:\nlint:\n")]);
    assert_eq!(found, ["lint: make lint", "cargo-test: cargo test", "go-test: go test ./..."]);
}

#[test]
fn the_manifest_names_the_project_before_the_folder() {
    let folder = repository(&[("go.mod", "module example.org/x/parser // v1\n")]);
    assert_eq!(found_in(folder.path()).name.as_deref(), Some("parser"));
    let folder = repository(&[]);
    assert_eq!(found_in(folder.path()).name.as_deref(), folder.path().file_name().and_then(OsStr::to_str));
}

#[test]
fn what_is_written_is_read_back() {
    let folder = repository(&[
        ("package.json", "{\"name\": \"a \\\"b\\\" \\\\ \\u0007é\", \"scripts\": {\"test\": \"x\", \"lint\": \"y\"}}"),
        ("package-lock.json", "{}"),
        ("go.mod", "module a\n"),
        (".gitlab-ci.yml", "test:\n  script:\n    - pytest -m 'a \"b\" c'\n"),
    ]);
    let agent = |name: &str| DetectedAgent { name: name.to_owned(), command: vec![name.to_owned(), "-p".to_owned()] };
    let found = Detected { agents: vec![agent("claude"), agent("codex")], ..found_in(folder.path()) };
    let target = DefaultBranch { name: "feature/\"x\"".to_owned(), certainty: Certainty::Guess };
    let project = read_project(&Source::new("tollhouse.toml", render(&found, &target))).unwrap();
    assert_eq!(project.name.as_deref(), Some("a \"b\" \\ é"));
    assert_eq!(project.target.as_deref(), Some("feature/\"x\""));
    assert_eq!(project.agents.len(), 2);
    let gates: Vec<(String, String)> =
        project.gates.iter().map(|gate| (gate.name.clone(), gate.run.to_string())).collect();
    let expected = [
        ("lint", "npm run lint"),
        ("pytest", "pytest -m 'a \"b\" c'"),
        ("npm-test", "npm run test"),
        ("go-test", "go test ./..."),
    ];
    assert_eq!(gates, expected.map(|(name, run)| (name.to_owned(), run.to_owned())));
    assert_eq!(project.workspace.setup.map(|setup| setup.to_string()).as_deref(), Some("npm ci"));
}

#[test]
fn folder_of_a_gate_is_written() {
    let (_, project) = written(&[("web/package.json", r#"{"scripts": {"test": "vitest"}}"#)]);
    assert_eq!(project.gates[0].cwd.as_deref(), Some("web"));
}

#[test]
fn what_is_written_of_an_empty_folder_is_read_back_with_its_examples() {
    let text = render(&Detected::default(), &main_branch());
    assert!(read_project(&Source::new("tollhouse.toml", text.as_str())).is_ok());
    // The examples are good too, once somebody takes the comment signs away.
    let without_prose = text.lines().filter(|line| !line.starts_with("# ") || line.contains(['=', '[']));
    let examples: Vec<&str> = without_prose.map(|line| line.trim_start_matches("# ")).collect();
    let project = read_project(&Source::new("tollhouse.toml", examples.join("\n"))).unwrap();
    assert_eq!((project.agents.len(), project.gates.len()), (1, 1));
}
