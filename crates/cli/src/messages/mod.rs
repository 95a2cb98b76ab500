//! The list of every error and refusal that a person can meet, `docs/messages.md`, and what holds for all of them.
//!
//! It misses none: each enum of errors gives one example a variant, checked by the compiler, and the codes that this crate
//! makes itself are read from its sources.

mod sources;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use clap::CommandFactory;
use expect_test::expect_file;
use tollhouse_engine::examples as engine;
use tollhouse_runner::examples as runner;
use tollhouse_state::examples as state;

use crate::args::Cli;
use crate::context::unreadable;
use crate::error::{CliError, ErrorKind};

/// One error, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    exit: u8,
    code: String,
    message: String,
    hint: Option<String>,
}

impl From<CliError> for Told {
    fn from(error: CliError) -> Self {
        let body = *error.body;
        Self { exit: error.kind as u8, code: body.code, message: body.message, hint: body.hint }
    }
}

/// Every error: those of the crates below by example, those of this one as they stand in its sources.
fn all() -> Vec<Told> {
    let mut all: Vec<Told> = Vec::new();
    all.extend(state::store_errors().into_iter().map(|error| CliError::from(error).into()));
    let of_commits = state::commit_errors().into_iter().map(tollhouse::EngineError::from);
    all.extend(of_commits.map(|error| CliError::from(error).into()));
    all.extend(engine::refusals().into_iter().map(|refusal| CliError::from(refusal).into()));
    all.extend(engine::view_errors().into_iter().map(|error| CliError::from(error).into()));
    all.extend(engine::engine_errors().into_iter().map(|error| CliError::from(error).into()));
    all.extend(runner::runner_errors().into_iter().map(|error| CliError::from(error).into()));
    all.extend(runner::own_config_problems().into_iter().map(|problem| CliError::from(problem).into()));
    for kind in [std::io::ErrorKind::NotFound, std::io::ErrorKind::InvalidData, std::io::ErrorKind::PermissionDenied] {
        all.push(unreadable(Path::new("plan.toml"), &kind.into()).into());
    }
    for number in [5, 13, 28] {
        all.push(CliError::from(std::io::Error::from_raw_os_error(number)).into());
    }
    all.extend(sources::errors().into_iter().filter_map(|found| found.told));
    // It is said to nobody: who should read it is gone.
    all.retain(|told| told.code != crate::error::CLOSED_PIPE);
    all.sort();
    all.dedup();
    all
}

fn title(exit: u8) -> &'static str {
    match exit {
        2 => "usage: arguments, configuration or plan are wrong",
        3 => "refused before anything began",
        4 => "not found",
        5 => "conflict: somebody or something else is in the way",
        6 => "the ledger is damaged, or cannot be opened",
        8 => "the machine: disk, permissions, programs",
        70 => "a mistake of ours",
        130 => "interrupted (143: terminated)",
        _ => "no such exit status is promised",
    }
}

fn document() -> String {
    let mut text = String::from(
        "# Messages\n\nEvery error and refusal of `toll`: by exit status, then by code, which `--json` gives as `code`. Words in capitals and … \
         stand for what is there. What `toll explain` says of something that waits or was set aside is in \
         [explanations.md](explanations.md).\n\nA test compares this file with the sources; `UPDATE_EXPECT=1 cargo nextest run -p \
         tollhouse-cli messages` writes it.\n",
    );
    let mut by_exit: BTreeMap<u8, BTreeMap<String, Vec<Told>>> = BTreeMap::new();
    for told in all() {
        by_exit.entry(told.exit).or_default().entry(told.code.clone()).or_default().push(told);
    }
    for (exit, codes) in by_exit {
        let _ = write!(text, "\n## {exit}: {}\n", title(exit));
        for (code, messages) in codes {
            let _ = write!(text, "\n### `{code}`\n");
            for told in messages {
                let hint = told.hint.as_deref().unwrap_or("(each problem of the file, before it, has its own)");
                let _ = write!(text, "\n    error: {}\n    hint: {hint}\n", told.message.replace('\n', "\n    "));
            }
        }
    }
    let _ = write!(
        text,
        "\n## Programs of agents and gates that do not start\n\nThe reason of an attempt or a gate run, not an exit status.\n\n"
    );
    for error in runner::process_errors() {
        let _ = writeln!(text, "    {error}");
    }
    text
}

#[test]
fn every_message_is_in_the_list() {
    expect_file!["../../../../docs/messages.md"].assert_eq(&document());
}

#[test]
fn every_error_has_a_hint() {
    // Each problem of a file has its own.
    let needs = |told: &Told| told.code != "invalid_file";
    let bare: Vec<Told> =
        all().into_iter().filter(|told| needs(told) && told.hint.as_deref().is_none_or(str::is_empty)).collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

#[test]
fn every_message_and_hint_is_a_fragment() {
    for told in all() {
        for said in [Some(&told.message), told.hint.as_ref()].into_iter().flatten() {
            let first_word = said.split([' ', '.']).next().unwrap_or_default();
            let shouts = first_word.chars().next().is_some_and(char::is_uppercase)
                && first_word.chars().skip(1).any(char::is_lowercase);
            assert!(!shouts, "{}: {said}", told.code);
            assert!(!said.ends_with(['.', '!']) && !said.is_empty(), "{}: {said}", told.code);
            assert!(!said.contains("class=") && !said.contains("code="), "libgit2 speaks: {said}");
        }
    }
}

#[test]
fn every_code_is_one_word_and_means_one_exit_status() {
    // One that comes from a file of theirs is usage; the same of the machine is not.
    let both = ["exists", "not_found", "io", "no_output", "damaged"];
    let mut exits: BTreeMap<String, u8> = BTreeMap::new();
    for told in all() {
        assert!(
            told.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'),
            "{}",
            told.code
        );
        let known = *exits.entry(told.code.clone()).or_insert(told.exit);
        assert!(known == told.exit || both.contains(&told.code.as_str()), "{} is {known} and {}", told.code, told.exit);
    }
}

#[test]
fn every_exit_status_is_promised() {
    for told in all() {
        assert!(!title(told.exit).starts_with("no such"), "{told:?}");
    }
}

#[test]
fn every_command_that_a_message_names_exists() {
    for told in all() {
        for said in [Some(&told.message), told.hint.as_ref()].into_iter().flatten() {
            for command in said.split('`').skip(1).step_by(2).filter(|quoted| quoted.starts_with("toll")) {
                assert_exists(command);
            }
        }
    }
}

#[test]
fn every_command_that_an_explanation_names_exists() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/explanations.md");
    let text = std::fs::read_to_string(path).expect("the list of explanations is there");
    let next: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("next ")).collect();
    assert!(next.len() > 20, "{next:?}");
    for command in next {
        assert_exists(command.trim());
    }
}

/// Fails unless `toll` knows the command and its flags; words in capitals stand for any.
#[track_caller]
fn assert_exists(command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(words.first(), Some(&"toll"), "{command}");
    let mut known = Cli::command();
    known.build();
    let mut known = &known;
    let mut rest = &words[1..];
    while let Some((word, others)) = rest.split_first() {
        let Some(sub) = known.find_subcommand(word) else { break };
        (known, rest) = (sub, others);
    }
    let is_word = |word: &str| word.chars().any(char::is_lowercase) && !word.starts_with('-');
    let named = rest.first().filter(|word| is_word(word) && known.has_subcommands());
    assert!(named.is_none(), "there is no `{command}`");
    for flag in rest.iter().filter_map(|word| word.strip_prefix("--")) {
        let has = known.get_arguments().any(|arg| arg.get_long() == Some(flag));
        assert!(has, "`{command}` knows no --{flag}");
    }
}

#[test]
fn codes_that_are_no_word_in_the_sources_are_those_that_are_listed_by_example() {
    let mut by_example: Vec<String> =
        sources::errors().into_iter().filter(|found| found.told.is_none()).map(|found| found.file).collect();
    by_example.sort();
    assert_eq!(by_example, ["context.rs", "context.rs", "error.rs", "error.rs"]);
}

#[test]
fn interrupted_by_a_signal_is_told_by_its_exit_status() {
    assert_eq!((ErrorKind::Interrupted as u8, ErrorKind::Terminated as u8), (130, 143));
}
