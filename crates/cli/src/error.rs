//! What went wrong, for people and for programs, and the exit status that says it.

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::plan::Problem;
use tollhouse::{EngineError, Refusal, RunnerError, StoreError, Trouble, ViewError};

use crate::document::Document;
use crate::printer::{Look, Printer};

/// The code of the one error that is none: a reader that has seen enough.
pub(crate) const CLOSED_PIPE: &str = "closed_pipe";

/// The fact that people are shown, too: the end of what a program printed.
const OUTPUT: &str = "output";

/// What is promised and not built yet: refused in so many words, never taken for a slip.
const NOT_YET: &[&str] = &["vet", "undo", "watch", "cost", "replay", "start", "--yes", "--follow"];

/// What a command that was carried out says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done, and the answer is yes.
    Yes,
    /// Done, and the answer is no.
    No,
    /// It rests until a person has spoken.
    Waits,
}

/// Why a command was not carried out. The number is the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Usage = 2,
    Refused = 3,
    NotFound = 4,
    Conflict = 5,
    Ledger = 6,
    Machine = 8,
    Bug = 70,
    Interrupted = 130,
    Terminated = 143,
}

/// A command that was not carried out.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) kind: ErrorKind,
    pub(crate) body: Box<ErrorBody>,
}

/// An error, as programs read it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct ErrorBody {
    /// The stable code.
    pub(crate) code: String,
    /// What happened.
    pub(crate) message: String,
    /// What the reader can do; null where there is nothing to add.
    pub(crate) hint: Option<String>,
    /// What was found, by name.
    pub(crate) facts: BTreeMap<String, String>,
    /// Every problem of the files that were read.
    pub(crate) problems: Vec<Problem>,
}

impl CliError {
    pub(crate) fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        let body = Box::new(ErrorBody {
            code: code.to_owned(),
            message: message.into(),
            hint: None,
            facts: BTreeMap::new(),
            problems: Vec::new(),
        });
        Self { kind, body }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.body.hint = Some(hint.into());
        self
    }

    pub(crate) fn fact(mut self, name: &str, value: &impl ToString) -> Self {
        self.body.facts.insert(name.to_owned(), value.to_string());
        self
    }

    /// Files that cannot be taken as they are.
    pub(crate) fn problems(problems: Vec<Problem>) -> Self {
        let count = problems.len();
        let message = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
        let mut error = Self::new(ErrorKind::Usage, "invalid_file", message);
        error.body.problems = problems;
        error
    }
}

/// What clap says of arguments that it does not understand, or of a cry for help.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let asked = !error.use_stderr();
    let json = std::env::args_os().any(|arg| arg == "--json");
    let refused = not_yet(error);
    if asked || (!json && refused.is_none()) {
        // A closed pipe ends quietly.
        let _ = error.print();
    } else {
        let text = error.render().to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let plain = || CliError::new(ErrorKind::Usage, "usage", message).hint("`toll --help` shows what there is");
        let refusal = refused.unwrap_or_else(plain);
        if json {
            eprint_json(*refusal.body);
        } else {
            use std::io::Write;
            let hint = refusal.body.hint.unwrap_or_default();
            let _ = writeln!(io::stderr().lock(), "error: {}\nhint: {hint}", refusal.body.message);
        }
    }
    ExitCode::from(if asked { 0 } else { ErrorKind::Usage as u8 })
}

/// The refusal of what is promised and not built yet, if that is what was asked for.
fn not_yet(error: &clap::Error) -> Option<CliError> {
    use clap::error::{ContextKind, ContextValue};
    let named =
        [ContextKind::InvalidSubcommand, ContextKind::InvalidArg].into_iter().find_map(|kind| error.get(kind))?;
    let ContextValue::String(named) = named else { return None };
    let word = named.split([' ', '=']).next().unwrap_or_default();
    NOT_YET.contains(&word).then(|| {
        CliError::new(ErrorKind::Usage, "not_supported_yet", format!("{word} is not supported yet"))
            .hint("`toll --help` shows what there is")
    })
}

fn eprint_json(body: ErrorBody) {
    use std::io::Write;
    let _ = writeln!(io::stderr().lock(), "{}", Document::new(body).to_json());
}

/// Prints an error, if there is one, and says the exit status.
pub(crate) fn finish(answer: Result<Answer, CliError>, printer: &mut Printer) -> ExitCode {
    match answer {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Ok(Answer::Waits) => ExitCode::from(7),
        // A reader that has seen enough is no error.
        Err(error) if error.body.code == CLOSED_PIPE => ExitCode::SUCCESS,
        Err(error) => {
            let code = ExitCode::from(error.kind as u8);
            if printer.json {
                eprint_json(*error.body);
            } else {
                print_error(&error.body, printer);
            }
            code
        }
    }
}

fn print_error(body: &ErrorBody, printer: &mut Printer) {
    let word = printer.paint_err(Look::Bad, "error");
    for problem in &body.problems {
        printer.note(&format!("{word}: {}:{}:{}: {}", problem.file, problem.line, problem.column, problem.message));
        if let Some(hint) = &problem.hint {
            printer.note(&format!("  hint: {hint}"));
        }
    }
    printer.note(&format!("{word}: {}", body.message));
    // What a program printed says more than any word of ours.
    if let Some(output) = body.facts.get(OUTPUT) {
        for line in output.lines() {
            printer.note(format!("  {line}").trim_end());
        }
    }
    if let Some(hint) = &body.hint {
        let word = printer.paint_err(Look::Bold, "hint");
        printer.note(&format!("{word}: {hint}"));
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(ErrorKind::Machine, CLOSED_PIPE, "nobody reads any more");
        }
        RunnerError::Io { what: "write", path: "standard output".into(), source: error }.into()
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        RunnerError::from(error).into()
    }
}

impl From<ViewError> for CliError {
    fn from(error: ViewError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<Refusal> for CliError {
    fn from(refusal: Refusal) -> Self {
        EngineError::from(refusal).into()
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        RunnerError::from(error).into()
    }
}

impl From<RunnerError> for CliError {
    fn from(error: RunnerError) -> Self {
        let kind = match error.trouble() {
            Trouble::Usage => ErrorKind::Usage,
            Trouble::Refused => ErrorKind::Refused,
            Trouble::NotFound => ErrorKind::NotFound,
            Trouble::Conflict => ErrorKind::Conflict,
            Trouble::Ledger => ErrorKind::Ledger,
            Trouble::Machine => ErrorKind::Machine,
            Trouble::Interrupted => ErrorKind::Interrupted,
            Trouble::Bug => ErrorKind::Bug,
        };
        let mut told = Self::new(kind, error.code(), error.to_string()).hint(error.hint());
        for (name, value) in error.facts() {
            told = told.fact(name, &value);
        }
        told
    }
}
