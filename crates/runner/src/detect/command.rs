//! Lines that a CI runs: whether one is a plain command, and whether the tool that it calls only checks.

use tollhouse_core::spec::GateKind;

use super::node::{named, of_script};

/// A longer line is no plain command.
const LINE_MAX: usize = 300;

/// Words that change what the lines after them mean.
const SHELL_WORDS: [&str; 30] = [
    ".", "case", "cd", "do", "done", "elif", "else", "esac", "eval", "exec", "exit", "export", "fi", "for", "function",
    "if", "popd", "pushd", "read", "return", "select", "set", "shift", "source", "then", "trap", "unset", "until",
    "wait", "while",
];

/// Arguments with which a tool changes files, never ends, judges nothing, or needs more than a checkout.
const NO_CHECK: [&str; 9] =
    ["--fix", "--write", "--watch", "--watchAll", "--no-run", "--target", "--list", "--help", "--version"];

/// What a command is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Known {
    /// What makes two commands the same check.
    pub(super) identity: &'static str,
    /// What a gate for it is called.
    pub(super) name: String,
    pub(super) kind: GateKind,
    /// What its own files must speak of: a script of `package.json`, a target of the makefile.
    pub(super) calls: Calls,
}

/// What a command calls by a name that the repository gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Calls {
    Nothing,
    Script(String),
    Target(String),
}

/// The words of a plain command: no variables, no expansions, no second command, nothing of the CI's own language.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let line = line.trim();
    if line.len() > LINE_MAX || line.contains("${{") || line.starts_with('#') {
        return None;
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('"'), '$' | '`' | '\\' | '!') => return None,
            (Some(_), ' '..='~') => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, _) if c.is_ascii_alphanumeric() || "_-./:=,@+%".contains(c) => word.get_or_insert_default().push(c),
            _ => return None,
        }
    }
    words.extend(word);
    let first = words.first()?;
    let plain = quote.is_none() && !first.contains('=') && !SHELL_WORDS.contains(&first.as_str());
    plain.then_some(words)
}

/// Whether a line changes what those after it mean.
pub(super) fn changes_surroundings(line: &str) -> bool {
    let first = line.split_ascii_whitespace().next().unwrap_or_default();
    SHELL_WORDS.contains(&first) || first.contains('=')
}

/// What a command is for, if it is a check that a checkout is enough for.
pub(super) fn known(words: &[String]) -> Option<Known> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.iter().any(|word| NO_CHECK.iter().any(|no| word == no || word.starts_with(&format!("{no}=")))) {
        return None;
    }
    let (first, rest) = words.split_first()?;
    match *first {
        "cargo" => cargo(rest),
        "go" => go(rest),
        "golangci-lint" if rest.first() == Some(&"run") => Some(check("golangci-lint", GateKind::Lint)),
        "staticcheck" => Some(check("staticcheck", GateKind::Lint)),
        "make" => make(rest),
        "npm" | "pnpm" | "yarn" | "bun" => script(first, rest),
        "npx" => node_tool(rest),
        "uv" | "poetry" | "pdm" | "hatch" if rest.first() == Some(&"run") => python(without_options(&rest[1..])),
        "uvx" => python(without_options(rest)),
        "python" | "python3" if rest.first() == Some(&"-m") => python(&rest[1..]),
        _ => python(&words),
    }
}

fn check(identity: &'static str, kind: GateKind) -> Known {
    Known { identity, name: identity.to_owned(), kind, calls: Calls::Nothing }
}

fn without_options<'w, 's>(words: &'w [&'s str]) -> &'w [&'s str] {
    let options = words.iter().take_while(|word| word.starts_with("--")).count();
    &words[options..]
}

fn cargo(words: &[&str]) -> Option<Known> {
    match words {
        ["test" | "t", ..] | ["nextest", "run", ..] => Some(check("cargo-test", GateKind::Unit)),
        ["clippy", ..] => Some(check("clippy", GateKind::Lint)),
        ["fmt", rest @ ..] if rest.contains(&"--check") => Some(check("rustfmt", GateKind::Lint)),
        ["xtask", what @ ("test" | "ci" | "check"), ..] => {
            Some(Known { name: format!("xtask-{what}"), ..check("xtask", GateKind::Unit) })
        }
        ["xtask", "lint", ..] => Some(Known { name: "xtask-lint".to_owned(), ..check("xtask", GateKind::Lint) }),
        _ => None,
    }
}

fn go(words: &[&str]) -> Option<Known> {
    match words {
        ["test", ..] => Some(check("go-test", GateKind::Unit)),
        ["vet", ..] => Some(check("go-vet", GateKind::Lint)),
        _ => None,
    }
}

/// One target, and no folder of its own.
fn make(words: &[&str]) -> Option<Known> {
    let is_jobs = |word: &str| word.strip_prefix("-j").is_some_and(|count| count.bytes().all(|c| c.is_ascii_digit()));
    let mut targets = words.iter().filter(|word| !is_jobs(word));
    let (Some(target), None) = (targets.next(), targets.next()) else { return None };
    let kind = match *target {
        "lint" | "vet" | "typecheck" | "fmt-check" | "format-check" | "check-fmt" | "check-format" => GateKind::Lint,
        "test" | "tests" | "check" | "unit" | "unittest" | "test-unit" | "unit-test" => GateKind::Unit,
        _ => return None,
    };
    let calls = Calls::Target((*target).to_owned());
    Some(Known { identity: "make", name: format!("make-{target}"), kind, calls })
}

/// A script of `package.json`, called by a package manager.
fn script(tool: &str, words: &[&str]) -> Option<Known> {
    let name = match words {
        ["run" | "run-script", name, ..] => *name,
        ["exec", rest @ ..] if tool == "pnpm" => return node_tool(rest),
        ["t", ..] if tool == "npm" => "test",
        [name @ "test", ..] => *name,
        // Only these call any script without `run`.
        [name, ..] if tool == "yarn" || tool == "pnpm" => *name,
        _ => return None,
    };
    let is_check = matches!(name, "test" | "lint" | "check" | "typecheck" | "type-check" | "check-types")
        || matches!(name, "format:check" | "fmt:check" | "check:format" | "prettier:check")
        || matches!(name, "test:unit" | "test:types" | "lint:js" | "lint:ts" | "lint:css" | "test:ci" | "lint:ci");
    let (kind, identity) = of_script(name);
    let elsewhere = words.iter().any(|word| word.starts_with("--workspace") || *word == "-ws" || *word == "--filter");
    let calls = if elsewhere { Calls::Nothing } else { Calls::Script(name.to_owned()) };
    is_check.then(|| Known { identity, name: named(tool, name), kind, calls })
}

fn node_tool(words: &[&str]) -> Option<Known> {
    match words {
        ["eslint", ..] => Some(check("eslint", GateKind::Lint)),
        ["tsc", rest @ ..] if rest.contains(&"--noEmit") => Some(check("tsc", GateKind::Lint)),
        ["prettier", rest @ ..] if rest.contains(&"--check") => Some(check("prettier", GateKind::Lint)),
        ["biome", "ci" | "check" | "lint", ..] => Some(check("biome", GateKind::Lint)),
        ["jest", ..] => Some(Known { name: "jest".to_owned(), ..check("node-test", GateKind::Unit) }),
        ["vitest", "run", ..] => Some(Known { name: "vitest".to_owned(), ..check("node-test", GateKind::Unit) }),
        _ => None,
    }
}

fn python(words: &[&str]) -> Option<Known> {
    let test = |name: &str| Some(Known { name: name.to_owned(), ..check("python-test", GateKind::Unit) });
    match words {
        ["python" | "python3", "-m", rest @ ..] => python(rest),
        ["pytest" | "py.test", ..] => test("pytest"),
        ["unittest", ..] => test("unittest"),
        ["tox", ..] => Some(check("tox", GateKind::Unit)),
        ["nox", ..] => Some(check("nox", GateKind::Unit)),
        ["ruff", "check", ..] => Some(check("ruff", GateKind::Lint)),
        ["ruff", "format", rest @ ..] if rest.contains(&"--check") => Some(check("ruff-format", GateKind::Lint)),
        ["black", rest @ ..] if rest.contains(&"--check") => Some(check("black", GateKind::Lint)),
        ["isort", rest @ ..] if rest.contains(&"--check") || rest.contains(&"--check-only") => {
            Some(check("isort", GateKind::Lint))
        }
        ["flake8", ..] => Some(check("flake8", GateKind::Lint)),
        ["mypy", ..] => Some(check("mypy", GateKind::Lint)),
        ["pyright", ..] => Some(check("pyright", GateKind::Lint)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(line: &str) -> Option<String> {
        known(&words(line)?).map(|known| known.name)
    }

    #[test]
    fn checks_of_the_known_tools_are_known() {
        for (line, expected) in [
            ("cargo clippy --workspace -- -D warnings", "clippy"),
            ("cargo nextest run --all-features", "cargo-test"),
            ("cargo fmt --all -- --check", "rustfmt"),
            ("cargo xtask ci", "xtask-ci"),
            ("npm run lint", "npm-lint"),
            ("npm test -- --coverage", "npm-test"),
            ("yarn test:unit", "yarn-test-unit"),
            ("pnpm exec tsc --noEmit", "tsc"),
            ("npx eslint .", "eslint"),
            ("pytest -m \"not slow\"", "pytest"),
            ("uv run --frozen pytest", "pytest"),
            ("python -m pytest -q", "pytest"),
            ("poetry run python -m unittest", "unittest"),
            ("ruff check .", "ruff"),
            ("go vet ./...", "go-vet"),
            ("make -j4 test", "make-test"),
        ] {
            assert_eq!(name(line).as_deref(), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_does_something_else_is_not() {
        for line in [
            "cargo build",
            "cargo fmt",
            "cargo test --target wasm32-unknown-unknown",
            "cargo +nightly clippy",
            "cargo publish",
            "npm ci",
            "npm run build",
            "npm run test:e2e",
            "yarn install",
            "ruff check --fix .",
            "ruff format .",
            "black .",
            "prettier --write .",
            "npx vitest --watch",
            "make",
            "make deploy",
            "make -C sub test",
            "make test lint",
            "go build ./...",
            "echo cargo test",
            "sudo make test",
        ] {
            assert_eq!(name(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_more_than_one_plain_command_has_no_words() {
        for line in [
            "cargo test && cargo clippy",
            "cargo test; true",
            "cargo test | tee log",
            "cargo test > log",
            "cargo test $FLAGS",
            "cargo test \"$FLAGS\"",
            "cargo test `nproc`",
            "cargo test ${{ matrix.flags }}",
            "pytest 'x${{ secrets.TOKEN }}'",
            "RUSTFLAGS=-Dwarnings cargo test",
            "pytest tests/*.py",
            "pytest ~/x",
            "pytest \"open",
            "pytest caf\u{e9}",
            "cd sub",
            "export A",
            "# cargo test",
            "cargo test \\",
            "",
        ] {
            assert_eq!(words(line), None, "{line}");
        }
        assert_eq!(words("pytest -m 'a \"b\" $c'").unwrap(), ["pytest", "-m", "a \"b\" $c"]);
    }
}
