//! What every command works with: where it was called, how it prints, which ledger.

use std::path::{Path, PathBuf};

use tollhouse::plan::{Defaults, ProjectSpec, Source, read_project};
use tollhouse::{Site, SqliteStore};

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
}

impl Context {
    pub(crate) fn new(args: &Everywhere) -> Self {
        Self {
            printer: Printer::new(args),
            dir: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
            ledger: args.ledger.clone(),
        }
    }

    /// The places of the repository that `toll` was called in.
    pub(crate) fn site(&self) -> Result<Site, CliError> {
        Ok(Site::discover(&self.dir, self.ledger.as_deref())?)
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

/// The project's configuration as it stands in the working copy; an empty one where there is no file.
pub(crate) fn project(site: &Site) -> Result<ProjectSpec, CliError> {
    let path = site.root.join(CONFIG);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    read_project(&Source::new(CONFIG, text)).map_err(CliError::problems)
}

/// Refuses to go on where a person's own configuration would have to be followed, which is not built yet.
pub(crate) fn refuse_personal_config() -> Result<(), CliError> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".config"));
    let Some(dir) = absolute("XDG_CONFIG_HOME").or_else(home) else { return Ok(()) };
    let path = dir.join("tollhouse").join("config.toml");
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let message = format!("{} is not supported yet", path.display());
    Err(CliError::new(ErrorKind::Usage, "not_supported_yet", message).hint("move it away; the project's file is read"))
}

/// What holds where the configuration says nothing.
pub(crate) fn defaults(site: &Site) -> Result<Defaults, CliError> {
    let project = site.root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let target = site.project()?.default_branch().map_err(tollhouse::RunnerError::from)?;
    Ok(Defaults { project, target, ..Defaults::default() })
}

/// A file that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    let (kind, code) = match error.kind() {
        std::io::ErrorKind::NotFound => (ErrorKind::NotFound, "no_such_file"),
        std::io::ErrorKind::InvalidData => (ErrorKind::Usage, "not_utf8"),
        _ => (ErrorKind::Machine, "io"),
    };
    CliError::new(kind, code, format!("cannot read {}: {error}", path.display()))
}

/// Refuses to change anything where an agent calls: an agent is not a person.
pub(crate) fn require_person(what: &str) -> Result<(), CliError> {
    if std::env::var_os("TOLLHOUSE_TASK").is_none() {
        return Ok(());
    }
    Err(CliError::new(ErrorKind::Refused, "not_a_person", format!("an agent may not call `toll {what}`"))
        .hint("inside a task, `toll` reads and vets, no more"))
}

/// The name that a person's acts are recorded under.
pub(crate) fn person() -> String {
    let named = |name: &str| std::env::var(name).ok().filter(|name| !name.trim().is_empty());
    named("USER").or_else(|| named("LOGNAME")).unwrap_or_else(|| "somebody".to_owned())
}
