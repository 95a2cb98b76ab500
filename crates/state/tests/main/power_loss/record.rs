//! What a process did to the files of a folder, step by step, and what it said meanwhile.
//!
//! Nothing that could change a file is left out: whatever there is no step for ends the test. The `-shm` file is: SQLite
//! makes it anew where nobody has the ledger open, so nothing in it is meant to last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::trace::{Argument, Call, LEDGER};
use crate::writing::{Account, Word};

/// Steps in the order in which they were seen.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) steps: Vec<Step>,
}

/// Names a call from its begin to its end: the number of its process, and its own in that.
pub(super) type CallId = (usize, usize);

/// A descriptor of a file, or of the folder.
pub(super) type Descriptor = i64;

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A file was opened, and made where there was none.
    Open { call: CallId, descriptor: Descriptor, name: String },
    /// The folder was opened.
    OpenFolder { descriptor: Descriptor },
    /// What was opened was closed.
    Close { descriptor: Descriptor },
    /// A write begins.
    Write { call: CallId, descriptor: Descriptor, at: usize, bytes: Vec<u8> },
    /// A file begins to get another length.
    Length { call: CallId, descriptor: Descriptor, length: usize },
    /// A file begins to be removed.
    Remove { call: CallId, name: String },
    /// A sync begins.
    Sync { call: CallId, descriptor: Descriptor },
    /// What had begun has ended.
    Ended { call: CallId },
    /// The process begins to say something.
    Said(Word),
}

impl Step {
    /// Whether much depends on what is lost before and after it.
    pub(super) fn is_a_turn(&self) -> bool {
        match self {
            Self::Write { at, .. } => *at == 0,
            Self::Open { .. } | Self::Length { .. } | Self::Remove { .. } | Self::Sync { .. } => true,
            Self::Said(word) => matches!(word, Word::Made(..)),
            Self::OpenFolder { .. } | Self::Close { .. } | Self::Ended { .. } => false,
        }
    }
}

impl Record {
    /// What a process did, which is the n-th of those that are recorded after each other.
    pub(super) fn new(process: usize, calls: &[Call], folder: &Path) -> Self {
        let mut edges: Vec<(usize, Edge, usize)> = Vec::new();
        for (number, call) in calls.iter().enumerate() {
            edges.push((call.begins, Edge::Begin, number));
            edges.push((call.ends, Edge::End, number));
        }
        edges.sort_unstable();
        let mut reader = Reader {
            folder: folder.to_str().expect("a temporary folder has an ordinary name").to_owned(),
            open: BTreeMap::new(),
            steps: Vec::new(),
        };
        for (_, edge, number) in edges {
            reader.read(&calls[number], edge, (process, number));
        }
        Self { steps: reader.steps }
    }

    /// What is left if the process is killed after so many steps: what it had begun is done, but for syncs.
    #[must_use]
    pub(super) fn killed(mut self, after: usize) -> Self {
        self.steps.truncate(after);
        let (mut begun, mut open) = (BTreeSet::new(), BTreeSet::new());
        for step in &self.steps {
            match step {
                Step::Write { call, .. } | Step::Length { call, .. } | Step::Remove { call, .. } => {
                    begun.insert(*call);
                }
                Step::Ended { call } => drop(begun.remove(call)),
                Step::Open { descriptor, .. } | Step::OpenFolder { descriptor } => drop(open.insert(*descriptor)),
                Step::Close { descriptor } => drop(open.remove(descriptor)),
                Step::Sync { .. } | Step::Said(_) => {}
            }
        }
        self.steps.extend(begun.into_iter().map(|call| Step::Ended { call }));
        self.steps.extend(open.into_iter().map(|descriptor| Step::Close { descriptor }));
        self
    }

    /// All that was said.
    pub(super) fn account(&self) -> Account {
        let mut account = Account::default();
        for step in &self.steps {
            if let Step::Said(word) = step {
                account.hear(word.clone());
            }
        }
        account
    }

    /// Whether there is enough in it: commits, checkpoints, and logs that are begun anew while the ledger is open.
    pub(super) fn is_worth_it(&self) -> bool {
        let mut names = BTreeMap::new();
        let (mut checkpoints, mut logs, mut openings) = (0, 0, 0);
        for step in &self.steps {
            match step {
                Step::Open { descriptor, name, .. } => drop(names.insert(descriptor, name.as_str())),
                Step::Close { descriptor } => drop(names.remove(descriptor)),
                Step::Sync { descriptor, .. } => checkpoints += usize::from(names.get(descriptor) == Some(&LEDGER)),
                Step::Write { descriptor, at: 0, .. } => logs += usize::from(names[descriptor].ends_with("-wal")),
                Step::Said(Word::Opening) => openings += 1,
                _ => {}
            }
        }
        self.account().made.len() >= 100 && checkpoints > 2 * openings && logs > openings
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Begin,
    End,
}

/// What a descriptor stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    File,
    Folder,
    /// Its content is not meant to last.
    Shared,
}

struct Reader {
    folder: String,
    open: BTreeMap<Descriptor, Target>,
    steps: Vec<Step>,
}

impl Reader {
    /// A descriptor is given up when its closing begins, and there when its opening ends; a change may be seen from its
    /// begin on.
    fn read(&mut self, call: &Call, edge: Edge, id: CallId) {
        match (call.name.as_str(), edge) {
            ("open" | "openat" | "creat", Edge::End) => self.opened(call, id),
            ("open" | "openat" | "creat", Edge::Begin) | ("close", Edge::End) => {}
            ("close", Edge::Begin) => {
                let descriptor = call.number(0);
                if self.open.remove(&descriptor).is_some_and(|target| target != Target::Shared) {
                    self.steps.push(Step::Close { descriptor });
                }
            }
            ("pwrite64" | "ftruncate" | "fsync" | "fdatasync" | "unlink" | "unlinkat", Edge::End) => {
                if self.steps.iter().rev().any(|step| step.call() == Some(id)) {
                    self.steps.push(Step::Ended { call: id });
                }
            }
            ("pwrite64" | "ftruncate" | "fsync" | "fdatasync", Edge::Begin) => self.changes(call, id),
            ("unlink" | "unlinkat", Edge::Begin) => {
                if call.result == 0
                    && let Some(name) = self.name(&call.path())
                {
                    self.steps.push(Step::Remove { call: id, name });
                }
            }
            ("write", Edge::Begin) if !self.open.contains_key(&call.number(0)) => {
                let said = String::from_utf8_lossy(call.text());
                self.steps.extend(said.lines().filter_map(|line| line.parse().ok()).map(Step::Said));
            }
            ("mmap", Edge::Begin) => self.mapped(call),
            (_, Edge::Begin) => self.refuse(call),
            (_, Edge::End) => {}
        }
    }

    fn opened(&mut self, call: &Call, id: CallId) {
        let path = call.path();
        if call.result < 0 {
            return;
        }
        let descriptor = call.result;
        if path == self.folder {
            self.open.insert(descriptor, Target::Folder);
            self.steps.push(Step::OpenFolder { descriptor });
        } else if let Some(name) = self.name(&path) {
            let truncates = call.words().any(|word| word.contains("O_TRUNC"));
            assert!(call.name == "openat" && !truncates, "there is no model of {call:?}");
            self.open.insert(descriptor, Target::File);
            self.steps.push(Step::Open { call: id, descriptor, name });
        } else if path.starts_with(&self.folder) {
            self.open.insert(descriptor, Target::Shared);
        }
    }

    /// A call on a descriptor that changes or syncs what it stands for.
    fn changes(&mut self, call: &Call, id: CallId) {
        let descriptor = call.number(0);
        let Some(Target::File | Target::Folder) = self.open.get(&descriptor) else { return };
        let place = |index| usize::try_from(call.number(index)).unwrap();
        self.steps.push(match call.name.as_str() {
            "pwrite64" => {
                let bytes = call.text().to_owned();
                assert_eq!(usize::try_from(call.result), Ok(bytes.len()), "a short write: {call:?}");
                Step::Write { call: id, descriptor, at: place(2), bytes }
            }
            "ftruncate" => Step::Length { call: id, descriptor, length: place(1) },
            _ => Step::Sync { call: id, descriptor },
        });
        assert!(call.result >= 0, "it failed: {call:?}");
    }

    /// What is written through memory would not be in the record.
    fn mapped(&self, call: &Call) {
        let mut words = call.words();
        let writable = words.any(|word| word.contains("PROT_WRITE")) && words.any(|word| word.contains("MAP_SHARED"));
        assert!(!writable || words.next().is_none_or(|word| !self.lasts(word)), "there is no model of {call:?}");
    }

    /// Any other call must have nothing to do with what is recorded.
    fn refuse(&self, call: &Call) {
        let touches = |argument: &Argument| match argument {
            Argument::Word(word) => self.lasts(word),
            Argument::Text(text) => String::from_utf8_lossy(text).contains(&self.folder),
        };
        let harmless = call.name != "io_uring_setup" && !call.arguments.iter().any(touches);
        assert!(harmless, "there is no model of {} with {:?}", call.name, self.open);
    }

    /// Whether a word is the descriptor of something that is meant to last.
    fn lasts(&self, word: &str) -> bool {
        let target = word.parse().ok().and_then(|descriptor: Descriptor| self.open.get(&descriptor));
        target.is_some_and(|target| *target != Target::Shared)
    }

    /// The name of a file in the folder that is recorded.
    fn name(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(&self.folder)?.strip_prefix('/')?;
        (!name.ends_with("-shm")).then(|| name.to_owned())
    }
}

impl Step {
    fn call(&self) -> Option<CallId> {
        match self {
            Self::Write { call, .. }
            | Self::Length { call, .. }
            | Self::Remove { call, .. }
            | Self::Sync { call, .. } => Some(*call),
            _ => None,
        }
    }
}

impl Call {
    fn words(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Word(word) => Some(word.as_str()),
            Argument::Text(_) => None,
        })
    }

    /// The n-th argument that is no text.
    fn number(&self, index: usize) -> i64 {
        self.words().nth(index).and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("no number: {self:?}"))
    }

    /// The first argument that is text.
    fn text(&self) -> &[u8] {
        let text = self.arguments.iter().find_map(|argument| match argument {
            Argument::Text(text) => Some(text),
            Argument::Word(_) => None,
        });
        text.unwrap_or_else(|| panic!("no text: {self:?}"))
    }

    fn path(&self) -> String {
        let path = String::from_utf8_lossy(self.text()).into_owned();
        assert!(path.starts_with('/') || self.result < 0, "a path that leads from somewhere: {path}");
        path
    }
}
