//! A disk that loses whatever was not synced, as far as SQLite says that it can bear it.
//!
//! What is kept: what a sync covers that has ended, if it had itself ended before the sync began. A sync of a file covers
//! its content and its length; a sync of the folder covers which names there are. That a new name lasts when its file is
//! synced, as ext4 has it, is not relied on: SQLite syncs the folder itself (`unixSync` with `UNIXFILE_DIRSYNC`).
//!
//! What may be lost, each change by itself, so in any order:
//! - a write is kept, dropped, or torn: of each 512 bytes that lie in one sector, the old or the new. Bytes next to a write
//!   are never damaged: SQLite takes disks to be so (<https://sqlite.org/psow.html>, on unless it is compiled or opened
//!   otherwise).
//! - where a file was to become longer, it may have become so without what was to be written there, and then anything may
//!   be found there (<https://sqlite.org/atomiccommit.html>, 2: Hardware Assumptions; the unix file system of SQLite does not
//!   claim `SQLITE_IOCAP_SAFE_APPEND`).
//! - a name is as any step since the last sync of the folder left it, whatever is with other names.
//!
//! These are the reorderings and torn writes of file systems that Pillai and others found in "All File Systems Are Not
//! Created Equal" (OSDI 2014), without their guarantees of order. What SQLite does not claim to bear is left out: syncs that lie
//! and bytes that decay.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::record::{CallId, Descriptor, Step};

const SECTOR_BYTES: usize = 512;

/// Which syncs the disk heeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syncs {
    Heeded,
    Ignored,
    /// Of the files whose names end like this.
    IgnoredOf(&'static str),
    IgnoredOfTheFolder,
}

/// What a disk may hold after power is lost: files by name.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) files: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug)]
pub(super) struct Disk<'a> {
    syncs: Syncs,
    files: Vec<File<'a>>,
    /// The names that last.
    names: BTreeMap<&'a str, FileId>,
    /// The names as the process sees them.
    seen: BTreeMap<&'a str, FileId>,
    /// What happened to names that need not last.
    loose: Vec<(CallId, &'a str, Option<FileId>)>,
    open: BTreeMap<Descriptor, Target>,
    ended: BTreeSet<CallId>,
    /// Syncs that have begun, and what they cover.
    syncing: BTreeMap<CallId, (Target, BTreeSet<CallId>)>,
}

type FileId = usize;

#[derive(Debug, Clone, Copy)]
enum Target {
    File(FileId),
    Folder,
}

/// A file, whatever its name.
#[derive(Debug)]
struct File<'a> {
    first_name: &'a str,
    /// What lasts of it.
    content: Vec<u8>,
    /// What happened to it that need not last.
    loose: Vec<(CallId, Edit<'a>)>,
}

#[derive(Debug, Clone, Copy)]
enum Edit<'a> {
    Write { at: usize, bytes: &'a [u8] },
    Length(usize),
}

impl<'a> Disk<'a> {
    /// An empty folder.
    pub(super) fn new(syncs: Syncs) -> Self {
        Self {
            syncs,
            files: Vec::new(),
            names: BTreeMap::new(),
            seen: BTreeMap::new(),
            loose: Vec::new(),
            open: BTreeMap::new(),
            ended: BTreeSet::new(),
            syncing: BTreeMap::new(),
        }
    }

    /// Takes the next step of a process.
    pub(super) fn take(&mut self, step: &'a Step) {
        match step {
            Step::Open { call, descriptor, name } => {
                let file = self.seen.get(name.as_str()).copied().unwrap_or_else(|| self.make(*call, name));
                self.open.insert(*descriptor, Target::File(file));
            }
            Step::OpenFolder { descriptor } => drop(self.open.insert(*descriptor, Target::Folder)),
            Step::Close { descriptor } => drop(self.open.remove(descriptor)),
            Step::Write { call, descriptor, at, bytes } => {
                self.edit(*call, *descriptor, Edit::Write { at: *at, bytes });
            }
            Step::Length { call, descriptor, length } => self.edit(*call, *descriptor, Edit::Length(*length)),
            Step::Remove { call, name } => {
                self.seen.remove(name.as_str());
                self.loose.push((*call, name, None));
            }
            Step::Sync { call, descriptor } => {
                let target = self.open[descriptor];
                let covers = self.loose_of(target).into_iter().filter(|loose| self.ended.contains(loose)).collect();
                self.syncing.insert(*call, (target, covers));
            }
            Step::Ended { call } => {
                self.ended.insert(*call);
                if let Some((target, covers)) = self.syncing.remove(call)
                    && self.heeds(target)
                {
                    self.fix(target, &covers);
                }
            }
            Step::Said(_) => {}
        }
    }

    /// One of the many things that may be left if power is lost now.
    pub(super) fn image(&self, random: &mut Rng) -> Image {
        let weather = Weather::drawn(random);
        let mut names = self.names.clone();
        let touched: BTreeSet<&str> = self.loose.iter().map(|(_, name, _)| *name).collect();
        for touched in touched {
            let steps: Vec<_> = self.loose.iter().filter(|(_, name, _)| *name == touched).collect();
            let last = random.usize(0..=steps.len());
            for (_, name, file) in &steps[..last] {
                name_is(&mut names, name, *file);
            }
        }
        let left = |(name, file): (&str, FileId)| (name.to_owned(), self.files[file].left(&weather, random));
        Image { files: names.into_iter().map(left).collect() }
    }

    /// What a process sees.
    pub(super) fn seen(&self) -> Image {
        let content = |file: &File<'_>| {
            let mut content = file.content.clone();
            for (_, edit) in &file.loose {
                edit.apply(&mut content);
            }
            content
        };
        let files = self.seen.iter().map(|(name, file)| ((*name).to_owned(), content(&self.files[*file])));
        Image { files: files.collect() }
    }

    fn make(&mut self, call: CallId, name: &'a str) -> FileId {
        let file = self.files.len();
        self.files.push(File { first_name: name, content: Vec::new(), loose: Vec::new() });
        self.seen.insert(name, file);
        self.loose.push((call, name, Some(file)));
        self.ended.insert(call);
        file
    }

    fn edit(&mut self, call: CallId, descriptor: Descriptor, edit: Edit<'a>) {
        match self.open[&descriptor] {
            Target::File(file) => self.files[file].loose.push((call, edit)),
            Target::Folder => panic!("nobody writes into a folder"),
        }
    }

    fn loose_of(&self, target: Target) -> Vec<CallId> {
        match target {
            Target::File(file) => self.files[file].loose.iter().map(|(call, _)| *call).collect(),
            Target::Folder => self.loose.iter().map(|(call, _, _)| *call).collect(),
        }
    }

    fn heeds(&self, target: Target) -> bool {
        match (self.syncs, target) {
            (Syncs::Ignored, _) | (Syncs::IgnoredOfTheFolder, Target::Folder) => false,
            (Syncs::IgnoredOf(end), Target::File(file)) => !self.files[file].first_name.ends_with(end),
            (Syncs::Heeded | Syncs::IgnoredOf(_) | Syncs::IgnoredOfTheFolder, _) => true,
        }
    }

    /// Makes what is covered last.
    fn fix(&mut self, target: Target, covers: &BTreeSet<CallId>) {
        match target {
            Target::File(file) => {
                let File { content, loose, .. } = &mut self.files[file];
                for (_, edit) in loose.extract_if(.., |(call, _)| covers.contains(call)) {
                    edit.apply(content);
                }
            }
            Target::Folder => {
                for (_, name, file) in self.loose.extract_if(.., |(call, _, _)| covers.contains(call)) {
                    name_is(&mut self.names, name, file);
                }
            }
        }
    }
}

fn name_is<'a>(names: &mut BTreeMap<&'a str, FileId>, name: &'a str, file: Option<FileId>) {
    match file {
        Some(file) => drop(names.insert(name, file)),
        None => drop(names.remove(name)),
    }
}

/// How much is lost in one loss of power, each in 8.
#[derive(Debug)]
struct Weather {
    kept: u8,
    torn: u8,
    /// Of writes that are dropped, how many leave their length behind.
    longer: u8,
    /// What is found where nothing was written.
    remains: Remains,
}

#[derive(Debug, Clone, Copy)]
enum Remains {
    Zeros,
    Noise,
}

impl Weather {
    fn drawn(random: &mut Rng) -> Self {
        Self {
            kept: *random.choice(&[0, 1, 4, 7, 8]).unwrap(),
            torn: *random.choice(&[0, 0, 1, 4, 8]).unwrap(),
            longer: *random.choice(&[0, 2, 8]).unwrap(),
            remains: *random.choice(&[Remains::Zeros, Remains::Noise]).unwrap(),
        }
    }

    /// Makes a file at least so long.
    fn lengthen(&self, content: &mut Vec<u8>, length: usize, random: &mut Rng) {
        let old = content.len();
        if old < length {
            content.resize(length, 0);
            if let Remains::Noise = self.remains {
                random.fill(&mut content[old..]);
            }
        }
    }
}

impl File<'_> {
    /// One of the many things that may be left of it.
    fn left(&self, weather: &Weather, random: &mut Rng) -> Vec<u8> {
        let mut content = self.content.clone();
        for (_, edit) in &self.loose {
            match edit {
                Edit::Write { at, bytes } if random.u8(0..8) < weather.torn => {
                    for (at, bytes) in sectors(*at, bytes) {
                        if random.bool() {
                            weather.lengthen(&mut content, at, random);
                            Edit::Write { at, bytes }.apply(&mut content);
                        }
                    }
                }
                Edit::Write { at, bytes } => {
                    if random.u8(0..8) < weather.kept {
                        weather.lengthen(&mut content, *at, random);
                        edit.apply(&mut content);
                    } else if random.u8(0..8) < weather.longer {
                        weather.lengthen(&mut content, at + bytes.len(), random);
                    }
                }
                Edit::Length(_) if random.u8(0..8) < weather.kept => edit.apply(&mut content),
                Edit::Length(_) => {}
            }
        }
        content
    }
}

impl Edit<'_> {
    fn apply(self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                content.resize(content.len().max(end), 0);
                content[at..end].copy_from_slice(bytes);
            }
            Self::Length(length) => content.resize(length, 0),
        }
    }
}

/// The parts of a write that lie in one sector each.
fn sectors(at: usize, bytes: &[u8]) -> Vec<(usize, &[u8])> {
    let mut parts = Vec::new();
    let (mut at, mut bytes) = (at, bytes);
    while !bytes.is_empty() {
        let (part, rest) = bytes.split_at((SECTOR_BYTES - at % SECTOR_BYTES).min(bytes.len()));
        parts.push((at, part));
        (at, bytes) = (at + part.len(), rest);
    }
    parts
}
