//! Looking at the machine, the repository and the ledger. It writes nothing, starts no program but `git --version`, and judges
//! nothing: what to think of a finding is for the engine to say.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};
use tollhouse_core::spec::Program;
use tollhouse_core::{Kind, RunId};
use tollhouse_engine::plan::ProjectSpec;
use tollhouse_engine::report::Finding;
use tollhouse_state::{Cursor, Order, SqliteStore, Store, StoreError};

use crate::clock;
use crate::conductor::landing_head;
use crate::error::RunnerError;
use crate::git::git_version;
use crate::site::Site;

/// Words that a shell knows by itself, and those that begin what is no plain command.
const SHELL_WORDS: &[&str] = &[
    ".", ":", "[", "[[", "{", "(", "!", "case", "cd", "command", "echo", "eval", "exec", "exit", "export", "false",
    "for", "if", "printf", "read", "return", "set", "shift", "source", "test", "time", "trap", "true", "ulimit",
    "umask", "unset", "until", "wait", "while",
];

/// The git program.
pub fn git() -> Finding {
    Finding::Git(git_version().map_err(|error| error.to_string()))
}

/// What a command would be refused with.
pub fn refused(name: &'static str, error: &RunnerError) -> Finding {
    Finding::Refused { name, message: error.to_string(), hint: Some(error.hint()) }
}

/// The checkout, and the branches that work starts from and lands on.
pub fn repository(site: &Site, config: &ProjectSpec, default_target: &str) -> Vec<Finding> {
    let project = match site.project() {
        Ok(project) => project,
        Err(error) => return vec![refused("repository", &error)],
    };
    let mut found = vec![Finding::Fine {
        name: "repository",
        detail: format!("{} at {}", project.kind(), project.root().display()),
    }];
    found.extend(project.unfinished().map(|what| Finding::Unfinished(what.to_owned())));
    let target = config.target.clone().unwrap_or_else(|| default_target.to_owned());
    let land_on = config.land_on_for(&target);
    let mut refusals = Vec::new();
    if let Some(worktree) = project.worktrees_with_branch_checked_out(&land_on).into_iter().next() {
        refusals.push(RunnerError::CheckedOut { branch: land_on.clone(), worktree });
    }
    if let Some(other) = project.branch_in_the_way(&land_on) {
        refusals.push(RunnerError::BranchInTheWay { branch: land_on.clone(), other });
    }
    refusals.extend(landing_head(&project, &target, &land_on).err());
    if refusals.is_empty() {
        found.push(Finding::Fine { name: "branches", detail: format!("{target} lands on {land_on}") });
    }
    found.extend(refusals.iter().map(|error| refused("branches", error)));
    found
}

/// The programs of agents and gates: looked for, not run.
pub fn programs(site: &Site, config: &ProjectSpec) -> Vec<Finding> {
    let find = |program: &str| find_program(program, &site.root).map(|path| path.display().to_string());
    let agents = config.agents.iter().filter_map(|agent| {
        let program = agent.command.first()?.clone();
        Some(Finding::Agent { name: agent.name.clone(), found: find(&program), program })
    });
    let gates = config.gates.iter().filter_map(|gate| {
        let program = first_word(&gate.run)?;
        Some(Finding::Gate { name: gate.name.clone(), found: find(&program), program })
    });
    agents.chain(gates).collect()
}

/// The program that a command begins with; `None` where only a shell could tell.
fn first_word(command: &Program) -> Option<String> {
    match command {
        Program::Argv(words) => words.first().cloned(),
        Program::Shell(line) => {
            let word = line.split_whitespace().next()?;
            let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-+/".contains(c));
            (is_plain && !SHELL_WORDS.contains(&word)).then(|| word.to_owned())
        }
    }
}

/// Where a program is: one with a slash in the checkout, any other on PATH.
fn find_program(program: &str, root: &Path) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| path.is_file() && access(path, Access::EXEC_OK).is_ok();
    if program.contains('/') {
        return Some(root.join(program)).filter(is_program);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(is_program)
}

/// Free space where the ledger and the workspaces are, or will be.
pub fn disk(site: &Site) -> Vec<Finding> {
    let places = [("the ledger", &site.ledger), ("workspaces", &site.workspaces)];
    let look = |(what, path): (&'static str, &PathBuf)| {
        let folder = path.ancestors().skip(1).find(|folder| folder.is_dir())?;
        let space = statvfs(folder).ok()?;
        let free_bytes = space.f_bavail.saturating_mul(space.f_frsize);
        Some(Finding::Disk { what, path: folder.display().to_string(), free_bytes })
    };
    places.into_iter().filter_map(look).collect()
}

/// The ledger: whether it can be opened, how it is set, whether it holds together, who may write it, what is left of its runs.
pub fn ledger(site: &Site) -> Vec<Finding> {
    if let Err(error) = site.ledger.symlink_metadata() {
        return vec![match error.kind() {
            std::io::ErrorKind::NotFound => {
                Finding::Fine { name: "ledger", detail: "nothing was ever recorded here".to_owned() }
            }
            _ => refused("ledger", &RunnerError::Io { what: "read", path: site.ledger.clone(), source: error }),
        }];
    }
    let mut found = permissions(site);
    match SqliteStore::open_read_only(&site.ledger) {
        Ok(store) => found.extend(inside(site, &store)),
        Err(error) => found.push(of_store(&error)),
    }
    found
}

fn inside(site: &Site, store: &SqliteStore) -> Vec<Finding> {
    let mut found = Vec::new();
    match store.settings() {
        Ok(settings) => {
            let shown = ["user_version", "journal_mode", "foreign_keys"];
            let pair = |name: &&str| settings.iter().find(|(known, _)| known == name);
            let pairs = shown.iter().filter_map(pair);
            let mut detail: Vec<String> = pairs.map(|(name, value)| format!("{} {value}", in_words(name))).collect();
            detail.insert(1, format!("durability {}", site.durability.as_str()));
            found.push(Finding::Fine { name: "ledger", detail: detail.join(", ") });
        }
        Err(error) => found.push(of_store(&error)),
    }
    match store.check() {
        Ok(()) => found.push(Finding::Fine { name: "ledger", detail: "every page was read and fits".to_owned() }),
        Err(error) => found.push(of_store(&error)),
    }
    match store.events(&Cursor { limit: Some(1), order: Order::Newest, ..Cursor::default() }) {
        Ok(events) => {
            let newest = events.last().map(|event| Finding::Clock { newest: event.at, now: clock::now() });
            found.extend(newest);
        }
        Err(error) => found.push(of_store(&error)),
    }
    match leftovers(site, store) {
        Ok(finding) => found.push(finding),
        Err(error) => found.push(refused("leftovers", &error)),
    }
    found
}

fn in_words(setting: &str) -> &str {
    if setting == "user_version" { "schema" } else { setting }
}

fn of_store(error: &StoreError) -> Finding {
    Finding::Refused { name: "ledger", message: error.to_string(), hint: Some(error.hint().to_owned()) }
}

fn permissions(site: &Site) -> Vec<Finding> {
    const WRITABLE_BY_ALL: u32 = 0o002;
    let me = rustix::process::geteuid().as_raw();
    let paths = [site.ledger.parent().unwrap_or(&site.ledger), &site.ledger, &site.repo];
    let look = |path: &Path| {
        let metadata = path.metadata().ok()?;
        Some(Finding::Permissions {
            path: path.display().to_string(),
            other_owner: Some(metadata.uid()).filter(|owner| *owner != me),
            writable: access(path, Access::WRITE_OK).is_ok(),
            open_to_all: metadata.mode() & WRITABLE_BY_ALL != 0,
        })
    };
    paths.into_iter().filter_map(look).collect()
}

fn leftovers(site: &Site, store: &SqliteStore) -> Result<Finding, RunnerError> {
    let mut workspaces = 0;
    for name in names(&site.workspaces) {
        // Gates by hand have a folder of their own, and no run that could be over.
        let Some(run) = name.to_str().and_then(|name| name.parse::<RunId>().ok()) else { continue };
        let record = store.get(&[run.into()])?.pop().flatten();
        workspaces += u64::from(record.is_none_or(|record| is_over(&record.state)));
    }
    let beside = site.ledger.parent().map(names).unwrap_or_default();
    let scratch = beside.iter().filter(|name| name.as_encoded_bytes().starts_with(b".toll-")).count();
    let pins = site.project()?.pins();
    let path = site.workspaces.display().to_string();
    Ok(Finding::Leftovers { workspaces, path, pins: pins as u64, scratch: scratch as u64 })
}

fn is_over(state: &str) -> bool {
    use tollhouse_core::lifecycle::RunState;
    debug_assert!(Kind::Run.states().contains(&state), "the store knows the states");
    RunState::ALL.iter().any(|known| known.as_str() == state && known.is_finished())
}

/// What is in a folder; nothing where it cannot be read.
fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.file_name()).collect());
    entries.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_word_of_a_line_is_its_program_where_no_shell_is_needed_to_tell() {
        for (line, expected) in [
            ("cargo test", Some("cargo")),
            ("  ./check.sh --all", Some("./check.sh")),
            ("test -s x", None),
            ("A=1 make", None),
            ("$TOOL x", None),
            ("(cd x; make)", None),
            ("", None),
        ] {
            assert_eq!(first_word(&Program::Shell(line.to_owned())).as_deref(), expected, "{line}");
        }
        assert_eq!(first_word(&Program::Argv(vec!["a b".to_owned()])).as_deref(), Some("a b"));
    }
}
