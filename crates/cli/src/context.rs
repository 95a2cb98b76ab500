//! What every command works with: where it was called, how it prints, which ledger.

use std::path::{Path, PathBuf};

use tollhouse::own_config::{self, OwnConfigProblem};
use tollhouse::plan::{Defaults, ProjectSpec, Source, durability_of, read_configuration, read_project};
use tollhouse::{Durability, Site, SqliteStore};

use crate::args::Everywhere;
use crate::error::{CliError, ErrorKind};
use crate::printer::Printer;

/// The project's configuration, at the root of the working copy.
pub(crate) const CONFIG: &str = "tollhouse.toml";

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) printer: Printer,
    pub(crate) dir: PathBuf,
    ledger: Option<PathBuf>,
    reason: Option<String>,
}

impl Context {
    pub(crate) fn new(args: &Everywhere) -> Self {
        Self {
            printer: Printer::new(args),
            dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            ledger: args.ledger.clone(),
            reason: args.reason.clone(),
        }
    }

    /// Why a person wants it; in our words where they gave none.
    pub(crate) fn reason_or(&self, otherwise: &str) -> String {
        self.given_reason().unwrap_or_else(|| otherwise.to_owned())
    }

    /// Why a person wants it, where they must say so.
    pub(crate) fn required_reason(&self, what: &str) -> Result<String, CliError> {
        self.given_reason().ok_or_else(|| {
            CliError::new(
                ErrorKind::Usage,
                "no_reason",
                format!("`toll {what}` needs a reason: it stays on the ledger"),
            )
            .hint("add --reason \"…\"")
        })
    }

    fn given_reason(&self) -> Option<String> {
        self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()).map(str::to_owned)
    }

    /// The places of the repository that `toll` was called in.
    pub(crate) fn site(&self) -> Result<Site, CliError> {
        let site = Site::discover(&self.dir, self.ledger.as_deref())?;
        // Where it cannot be read, commands that need it say so; those that do not must not wait for what is no file.
        let source = site.root.join(CONFIG).is_file().then(|| project_source(&site).ok()).flatten();
        let durability = source.map(|source| durability_of(&source)).unwrap_or_default();
        Ok(Site { durability, ..site })
    }
}

/// The ledger, to read; an error where there is none.
pub(crate) fn read_ledger(site: &Site) -> Result<SqliteStore, CliError> {
    site.read_ledger()?.ok_or_else(|| {
        CliError::new(ErrorKind::NotFound, "no_ledger", "nothing was ever recorded here")
            .hint("`toll do PROMPT` or `toll run PLAN` starts a ledger")
            .fact("ledger", &site.ledger.display())
    })
}

/// What is said of durability in a line about something else: nothing where it is as it usually is.
pub(crate) fn told_if_less(durability: Durability) -> String {
    if durability == Durability::default() { String::new() } else { format!(", durability {}", durability.as_str()) }
}

/// The project's configuration as it stands in the working copy; an empty one where there is no file.
pub(crate) fn project(site: &Site) -> Result<ProjectSpec, CliError> {
    read_project(&project_source(site)?).map_err(CliError::problems)
}

/// The project's configuration together with the person's own.
pub(crate) fn configuration(site: &Site) -> Result<ProjectSpec, CliError> {
    let project = project_source(site)?;
    let person = match own_config::path() {
        Some(path) => own_config::read(&path)?.map(|text| Source::new(path.display().to_string(), text)),
        None => None,
    };
    read_configuration(&project, person.as_ref()).map_err(CliError::problems)
}

fn project_source(site: &Site) -> Result<Source, CliError> {
    let path = site.root.join(CONFIG);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Source::new(CONFIG, text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Source::new(CONFIG, "")),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

impl From<OwnConfigProblem> for CliError {
    fn from(problem: OwnConfigProblem) -> Self {
        let (kind, code, hint) = match &problem {
            OwnConfigProblem::NotText { .. } => (ErrorKind::Usage, "not_utf8", "write it anew as UTF-8 text"),
            OwnConfigProblem::NotAFile { .. } => {
                (ErrorKind::Usage, "not_a_file", "move it away; your own configuration is one file")
            }
            OwnConfigProblem::Unsafe { .. } => {
                let hint = "what it names is run, so it must be yours alone: see to its owner and `chmod go-w`";
                (ErrorKind::Refused, "unsafe_file", hint)
            }
            _ => (ErrorKind::Machine, "io", "check that you may read it, or move it away"),
        };
        Self::new(kind, code, problem.to_string()).hint(hint)
    }
}

/// What holds where the configuration says nothing.
pub(crate) fn defaults(site: &Site) -> Result<Defaults, CliError> {
    let project = site.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let target = site.project()?.default_branch().map_err(tollhouse::RunnerError::from)?;
    Ok(Defaults { project, target, ..Defaults::default() })
}

/// A file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    let (kind, code, hint) = match error.kind() {
        std::io::ErrorKind::NotFound => {
            (ErrorKind::NotFound, "no_such_file", "name a file that is there, as seen from the folder that you are in")
        }
        std::io::ErrorKind::InvalidData => (ErrorKind::Usage, "not_utf8", "write it anew as UTF-8 text"),
        _ => (ErrorKind::Machine, "io", "check that it is a file, and that you may read it"),
    };
    CliError::new(kind, code, format!("cannot read {}: {error}", path.display())).hint(hint)
}

/// Refuses to change anything where an agent calls: an agent is not a person.
pub(crate) fn require_person(what: &str) -> Result<(), CliError> {
    if std::env::var_os("TOLLHOUSE_TASK").is_none() {
        return Ok(());
    }
    Err(CliError::new(ErrorKind::Refused, "not_a_person", format!("an agent may not call `toll {what}`"))
        .hint("inside a task, `toll` only reads: status, log, explain, show, list"))
}

/// The name that a person's acts are recorded under.
pub(crate) fn person() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|name| !name.trim().is_empty());
    named("USER").or_else(|| named("LOGNAME")).unwrap_or_else(|| "somebody".to_owned())
}
