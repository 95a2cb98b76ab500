//! What was found about a machine, a repository and its ledger, and what to think of it.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::{Span, Timestamp};

/// Below so much free space there is a warning.
const FREE_BYTES_MIN: u64 = 1 << 30;

/// How far ahead of the clock an event may be before it is told: clocks of one machine are set, a little.
const AHEAD_MAX: Span = Span::from_secs(5);

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Work goes on, and somebody should look.
    Warning,
    /// Work would be refused, or go wrong.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it is.
    pub state: CheckState,
    /// What was found.
    pub detail: String,
    /// What the reader can do; null where nothing needs to be done.
    pub hint: Option<String>,
}

/// What was found, as the machine says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// What the git program says of its version, or why it cannot be asked.
    Git(Result<String, String>),
    /// Something that is as it should be.
    Fine {
        /// What was looked at.
        name: &'static str,
        /// What was found.
        detail: String,
    },
    /// What commands would refuse to work with, in their own words.
    Refused {
        /// What was looked at.
        name: &'static str,
        /// What they say.
        message: String,
        /// What they advise.
        hint: Option<String>,
    },
    /// A merge, rebase, bisection or the like that is not finished.
    Unfinished(String),
    /// The first word of an agent's command, and where it was found.
    Agent {
        /// The agent.
        name: String,
        /// The word.
        program: String,
        /// Where that is.
        found: Option<String>,
    },
    /// The first word of a gate's command, and where it was found.
    Gate {
        /// The gate.
        name: String,
        /// The word.
        program: String,
        /// Where that is.
        found: Option<String>,
    },
    /// Free space where something is written.
    Disk {
        /// What is written there.
        what: &'static str,
        /// Where.
        path: String,
        /// How much there is.
        free_bytes: u64,
    },
    /// Who may write a file or folder of the ledger.
    Permissions {
        /// Which one.
        path: String,
        /// The id of its owner, where that is somebody else.
        other_owner: Option<u32>,
        /// Whether whoever asks may write it.
        writable: bool,
        /// Whether every user may.
        open_to_all: bool,
    },
    /// What is left of runs.
    Leftovers {
        /// Folders of runs that are finished or unknown.
        workspaces: u64,
        /// Where they are.
        path: String,
        /// Refs that keep objects for runs.
        pins: u64,
        /// What cut off backups and restores left.
        scratch: u64,
    },
    /// The newest event, and the clock.
    Clock {
        /// When the newest event happened.
        newest: Timestamp,
        /// What the clock says.
        now: Timestamp,
    },
}

impl Finding {
    /// What to think of it.
    pub fn check(&self) -> Check {
        match self {
            Self::Git(Ok(version)) => ok("git", version),
            Self::Git(Err(why)) => {
                let hint = "install git, or put it on PATH: `toll sync` needs it, runs do not";
                check("git", CheckState::Warning, why.clone(), hint)
            }
            Self::Fine { name, detail } => ok(name, detail),
            Self::Refused { name, message, hint } => Check {
                name: (*name).to_owned(),
                state: CheckState::Problem,
                detail: message.clone(),
                hint: hint.clone(),
            },
            Self::Unfinished(what) => {
                let hint = "runs do not touch it; `toll sync` waits until it is finished";
                check("checkout", CheckState::Warning, format!("a {what} is not finished"), hint)
            }
            Self::Agent { name, program, found } => {
                let hint = "install it, put it on PATH, or name another program in its command";
                program_check(&format!("agent {name}"), (program, found.as_deref()), CheckState::Problem, hint)
            }
            Self::Gate { name, program, found } => {
                let hint = "it must be there by then: setup, PATH, or the change itself must bring it";
                program_check(&format!("gate {name}"), (program, found.as_deref()), CheckState::Warning, hint)
            }
            Self::Disk { what, path, free_bytes } => disk(what, path, *free_bytes),
            Self::Permissions { path, other_owner, writable, open_to_all } => {
                permissions(path, *other_owner, *writable, *open_to_all)
            }
            Self::Leftovers { workspaces, path, pins, scratch } => leftovers(*workspaces, path, *pins, *scratch),
            Self::Clock { newest, now } => clock(*newest, *now),
        }
    }
}

fn ok(name: &str, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), state: CheckState::Ok, detail: detail.into(), hint: None }
}

fn check(name: &str, state: CheckState, detail: String, hint: &str) -> Check {
    Check { name: name.to_owned(), state, detail, hint: Some(hint.to_owned()) }
}

fn program_check(name: &str, (program, found): (&str, Option<&str>), missing: CheckState, hint: &str) -> Check {
    match found {
        Some(path) => ok(name, path),
        None => check(name, missing, format!("{program} was not found"), hint),
    }
}

fn disk(what: &str, path: &str, free_bytes: u64) -> Check {
    let detail = format!("{what}: {} MiB free at {path}", free_bytes >> 20);
    if free_bytes >= FREE_BYTES_MIN {
        return ok("disk", detail);
    }
    check("disk", CheckState::Warning, detail, "free some space: what cannot be written ends a run")
}

fn permissions(path: &str, other_owner: Option<u32>, writable: bool, open_to_all: bool) -> Check {
    const NAME: &str = "permissions";
    if open_to_all {
        let detail = format!("every user can write {path}");
        return check(NAME, CheckState::Problem, detail, "`chmod go-w` it: anybody could change what is on the ledger");
    }
    if !writable {
        let detail = format!("you cannot write {path}");
        return check(NAME, CheckState::Problem, detail, "runs need it; see to its owner and mode");
    }
    match other_owner {
        Some(id) => {
            let detail = format!("{path} belongs to another user, with the id {id}");
            check(NAME, CheckState::Warning, detail, "what you write there may be closed to its owner")
        }
        None => ok(NAME, format!("{path} is yours to write")),
    }
}

fn leftovers(workspaces: u64, path: &str, pins: u64, scratch: u64) -> Check {
    let pins = format!("{pins} refs keep objects for runs");
    if workspaces + scratch == 0 {
        return ok("leftovers", format!("none; {pins}"));
    }
    let detail = format!(
        "{workspaces} workspaces of runs that are over in {path}, {scratch} folders of backups that were cut off; {pins}"
    );
    check("leftovers", CheckState::Warning, detail, "nobody uses them; look into them before you remove them")
}

fn clock(newest: Timestamp, now: Timestamp) -> Check {
    let ahead = newest.since(now);
    if ahead <= AHEAD_MAX {
        return ok("clock", format!("now {now}, the newest event {newest}"));
    }
    let detail = format!("the newest event is {ahead} ahead of the clock, at {newest}");
    check(
        "clock",
        CheckState::Warning,
        detail,
        "set the clock: what happens now would be older than what happened before",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(finding: &Finding) -> CheckState {
        finding.check().state
    }

    #[test]
    fn little_space_is_a_warning() {
        let at = |free_bytes| Finding::Disk { what: "the ledger", path: "/x".to_owned(), free_bytes };
        assert_eq!(state(&at(FREE_BYTES_MIN)), CheckState::Ok);
        assert_eq!(state(&at(FREE_BYTES_MIN - 1)), CheckState::Warning);
    }

    #[test]
    fn event_in_the_future_is_a_warning() {
        let at = |secs: i64| Finding::Clock {
            newest: Timestamp::from_micros(secs * 1_000_000),
            now: Timestamp::from_micros(1_000_000_000),
        };
        assert_eq!(state(&at(10)), CheckState::Ok);
        assert_eq!(state(&at(1001)), CheckState::Ok);
        assert_eq!(state(&at(4600)), CheckState::Warning);
    }

    #[test]
    fn program_of_an_agent_must_be_there_and_that_of_a_gate_should() {
        let (name, program) = ("x".to_owned(), "x".to_owned());
        let agent = Finding::Agent { name: name.clone(), program: program.clone(), found: None };
        assert_eq!(state(&agent), CheckState::Problem);
        assert_eq!(state(&Finding::Gate { name, program, found: None }), CheckState::Warning);
    }

    #[test]
    fn ledger_that_others_can_write_is_a_problem() {
        let of = |other_owner, writable, open_to_all| {
            state(&Finding::Permissions { path: "/x".to_owned(), other_owner, writable, open_to_all })
        };
        assert_eq!(of(None, true, false), CheckState::Ok);
        assert_eq!(of(Some(5), true, false), CheckState::Warning);
        assert_eq!(of(None, false, false), CheckState::Problem);
        assert_eq!(of(None, true, true), CheckState::Problem);
    }
}
