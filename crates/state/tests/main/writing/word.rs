//! What a process that writes says, and the account that it adds up to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// One line of what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// It is about to open the ledger.
    Opening,
    /// The ledger is open.
    Opened,
    /// It is about to make this commit.
    Trying(String),
    /// The commit was made, or had been made, and has these positions.
    Made(String, Positions),
    /// The commit was refused.
    Refused(String),
    /// It is about to close the ledger.
    Closing,
    /// It will do no more.
    Done,
}

/// The positions of a commit's first and last event.
pub(crate) type Positions = (u64, u64);

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opening => f.write_str("writer: opening"),
            Self::Opened => f.write_str("writer: opened"),
            Self::Trying(id) => write!(f, "writer: trying {id}"),
            Self::Made(id, (first, last)) => write!(f, "writer: made {first} {last} {id}"),
            Self::Refused(id) => write!(f, "writer: refused {id}"),
            Self::Closing => f.write_str("writer: closing"),
            Self::Done => f.write_str("writer: done"),
        }
    }
}

impl FromStr for Word {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let line = line.strip_prefix("writer: ").ok_or(())?;
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        Ok(match verb {
            "opening" => Self::Opening,
            "opened" => Self::Opened,
            "trying" => Self::Trying(rest.to_owned()),
            "made" => {
                let mut parts = rest.splitn(3, ' ');
                let mut number = || parts.next().and_then(|part| part.parse().ok()).ok_or(());
                let positions = (number()?, number()?);
                Self::Made(parts.next().ok_or(())?.to_owned(), positions)
            }
            "refused" => Self::Refused(rest.to_owned()),
            "closing" => Self::Closing,
            "done" => Self::Done,
            _ => return Err(()),
        })
    }
}

/// What was said of a ledger so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    /// Whether it was open once.
    pub(crate) opened: bool,
    /// Every commit that was tried, whatever became of it.
    pub(crate) tried: BTreeSet<String>,
    /// Those that must be there, and where.
    pub(crate) made: BTreeMap<String, Positions>,
    /// Those that must not be there.
    pub(crate) refused: BTreeSet<String>,
}

impl Account {
    /// The commits of which nobody heard what became of them.
    pub(crate) fn unheard(&self) -> impl Iterator<Item = &String> {
        self.tried.iter().filter(|id| !self.made.contains_key(*id) && !self.refused.contains(*id))
    }

    pub(crate) fn hear(&mut self, word: Word) {
        match word {
            Word::Opened => self.opened = true,
            Word::Trying(id) => drop(self.tried.insert(id)),
            Word::Made(id, positions) => drop(self.made.insert(id, positions)),
            Word::Refused(id) => drop(self.refused.insert(id)),
            Word::Opening | Word::Closing | Word::Done => {}
        }
    }
}
