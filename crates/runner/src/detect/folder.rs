//! A folder of the repository, and its files: read, never run, and never more of one than people write.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use tollhouse_engine::plan::{Manifest, Source};

/// A longer file is no configuration that people write.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// More names than these in a folder are not looked at.
const NAMES_MAX: usize = 2000;

/// The root, or a folder in it.
pub(super) struct Folder {
    dir: PathBuf,
    /// Its path below the root; `None` for the root itself.
    pub(super) below: Option<String>,
}

impl Folder {
    pub(super) fn root(root: &Path) -> Self {
        Self { dir: root.to_owned(), below: None }
    }

    /// A folder in this one; `None` where there is none, or its name would have to be quoted.
    pub(super) fn inner(&self, path: &str) -> Option<Self> {
        let path = path.trim_start_matches("./").trim_end_matches('/');
        let plain = |part: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
            !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(plain)
        };
        if path.is_empty() || path == "." {
            return Some(Self { dir: self.dir.clone(), below: self.below.clone() });
        }
        let dir = self.dir.join(path);
        let is_there = path.split('/').all(plain) && dir.is_dir();
        is_there.then(|| Self { dir, below: Some(self.name_of(path)) })
    }

    /// A file's name, as people know it: from the root.
    pub(super) fn name_of(&self, file: &str) -> String {
        self.below.as_ref().map_or_else(|| file.to_owned(), |below| format!("{below}/{file}"))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.dir.join(name).is_file()
    }

    /// The first of these files that is there.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<&'static str> {
        names.iter().copied().find(|name| self.has(name))
    }

    /// What a file holds. One that is not there, not UTF-8, or too long for a configuration is passed over.
    pub(super) fn read(&self, name: &str) -> Option<Source> {
        let path = self.dir.join(name);
        if !path.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        File::open(path).ok()?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
        let is_short = u64::try_from(bytes.len()).is_ok_and(|length| length <= FILE_BYTES_MAX);
        let text = String::from_utf8(bytes).ok().filter(|_| is_short)?;
        Some(Source::new(self.name_of(name), text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))
    }

    /// A file of TOML or JSON; one that is broken is passed over.
    pub(super) fn manifest(&self, name: &str) -> Option<Manifest> {
        Manifest::read(&self.read(name)?)
    }

    /// The names of the files in a folder that end like this, in order.
    pub(super) fn files_in(&self, folder: &str, endings: &[&str]) -> Vec<String> {
        let ends = |name: &String| {
            Path::new(name).extension().and_then(OsStr::to_str).is_some_and(|ending| endings.contains(&ending))
        };
        self.names_in(folder).into_iter().filter(ends).collect()
    }

    /// The names of the folders in a folder, in order.
    pub(super) fn folders_in(&self, folder: &str) -> Vec<String> {
        let dir = self.dir.join(folder);
        self.names_in(folder).into_iter().filter(|name| dir.join(name).is_dir()).collect()
    }

    fn names_in(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.dir.join(folder)).into_iter().flatten().take(NAMES_MAX);
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        // A name is told in a comment, which ends with its line.
        names.retain(|name| !name.contains(char::is_control));
        names.sort();
        names
    }
}
