//! The header of one file: git's with its extended lines, or two names and perhaps a time.

use std::borrow::Cow;

use tollhouse_core::RepoPath;

use super::parse::{Lines, PatchProblem};
use super::{ChangeKind, Mode, Side};

/// A name as a header writes it, before anything is taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    /// `/dev/null`: there is no file on this side.
    Absent,
    /// A path, its quoting undone, perhaps with a prefix.
    Path { raw: Vec<u8>, epoch: bool },
    /// Quoting that cannot be undone.
    Broken,
}

/// Takes the name from a `---` or `+++` line: up to the tab before a time, or in quotes.
pub(super) fn cut_name(line: &[u8], marker: &[u8]) -> Name {
    let text = line.strip_prefix(marker).unwrap_or(line);
    if text.starts_with(b"\"") {
        let end = quoted_length(text).unwrap_or(text.len());
        return match RepoPath::from_quoted(&text[..end]) {
            Some(path) => Name::Path { raw: path.as_bytes().to_vec(), epoch: false },
            None => Name::Broken,
        };
    }
    let (name, time) = match text.iter().position(|byte| *byte == b'\t') {
        Some(tab) => (&text[..tab], &text[tab + 1..]),
        None => (text, [].as_slice()),
    };
    if name == b"/dev/null" {
        return Name::Absent;
    }
    // GNU diff -N gives the start of the epoch to a file that is not there, in the local time zone.
    let epoch = time.starts_with(b"1970-01-01 ") || time.starts_with(b"1969-12-31 ");
    Name::Path { raw: name.to_vec(), epoch }
}

/// The length of the quoted text that starts here, with its quotes.
fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    while *text.get(at)? != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    Some(at + 1)
}

type Paths = (Option<RepoPath>, Option<RepoPath>);

/// The paths of a plain unified diff.
pub(super) fn plain_paths(old: Name, new: Name) -> Result<Paths, &'static str> {
    match (old, new) {
        (Name::Broken, _) | (_, Name::Broken) => Err("the quoting of the path is broken"),
        (Name::Absent, Name::Absent) => Err("both names are /dev/null"),
        (Name::Absent, Name::Path { raw, .. }) => Ok((None, Some(path(raw.strip_prefix(b"b/").unwrap_or(&raw))?))),
        (Name::Path { raw, .. }, Name::Absent) => Ok((Some(path(raw.strip_prefix(b"a/").unwrap_or(&raw))?), None)),
        (Name::Path { raw: old, epoch: old_epoch }, Name::Path { raw: new, epoch: new_epoch }) => {
            let common = path(common_path(&old, &new).ok_or("the two names are different files")?)?;
            match (old_epoch, new_epoch) {
                (true, false) => Ok((None, Some(common))),
                (false, true) => Ok((Some(common), None)),
                _ => Ok((Some(common.clone()), Some(common))),
            }
        }
    }
}

/// The file that two names mean: the same, or the same below one folder each, or one the backup of the other.
fn common_path<'a>(old: &'a [u8], new: &'a [u8]) -> Option<&'a [u8]> {
    if prefix_pair(old, new) && old[2..] == new[2..] {
        return Some(&old[2..]);
    }
    if old == new || old.strip_suffix(b".orig") == Some(new) {
        return Some(new);
    }
    let below = |name: &'a [u8]| name.iter().position(|byte| *byte == b'/').map(|slash| &name[slash + 1..]);
    below(old).filter(|rest| below(new) == Some(rest))
}

/// Whether both names start with the prefixes that git gives to two sides.
fn prefix_pair(old: &[u8], new: &[u8]) -> bool {
    const PAIRS: [&[u8; 2]; 10] = [b"ab", b"ba", b"iw", b"wi", b"ci", b"ic", b"cw", b"wc", b"ow", b"wo"];
    let prefixed = |name: &[u8]| name.get(1) == Some(&b'/');
    prefixed(old) && prefixed(new) && PAIRS.contains(&&[old[0], new[0]])
}

fn path(bytes: &[u8]) -> Result<RepoPath, &'static str> {
    if bytes.is_empty() || bytes.contains(&0) {
        return Err("the path is empty or has a zero byte in it");
    }
    Ok(RepoPath::new(bytes))
}

/// What the lines from `diff --git` up to the content say.
#[derive(Default)]
pub(super) struct GitHeader {
    both_names: Vec<u8>,
    old_mode: Option<Mode>,
    new_mode: Option<Mode>,
    added_mode: Option<Mode>,
    deleted_mode: Option<Mode>,
    rename_from: Option<RepoPath>,
    rename_to: Option<RepoPath>,
    copy_from: Option<RepoPath>,
    copy_to: Option<RepoPath>,
    index: Option<Index>,
    names: Option<(Name, Name)>,
}

/// An `index` line: ids where they are whole, and the mode where it does not change.
struct Index {
    old: Option<String>,
    new: Option<String>,
    mode: Option<Mode>,
}

impl GitHeader {
    pub(super) fn read(lines: &mut Lines<'_>) -> Result<Self, PatchProblem> {
        let first = lines.next_header();
        let both_names = first.strip_prefix(b"diff --git ").unwrap_or(first).to_vec();
        let mut header = Self { both_names, ..Self::default() };
        loop {
            let at = lines.number();
            let line = lines.peek_header();
            if line.starts_with(b"--- ") {
                lines.next();
                let old = cut_name(line, b"--- ");
                let next = lines.peek_header();
                if !next.starts_with(b"+++ ") {
                    return Err(PatchProblem::new(at, "no +++ line follows the --- line"));
                }
                lines.next();
                header.names = Some((old, cut_name(next, b"+++ ")));
                return Ok(header);
            }
            if !header.take(line).map_err(|message| PatchProblem::new(at, message))? {
                return Ok(header);
            }
            lines.next();
        }
    }

    /// Whether hunks must follow. libgit2 writes `---` and `+++` lines for empty files, too.
    pub(super) fn needs_hunks(&self) -> bool {
        self.names.is_some() && self.added_mode.is_none() && self.deleted_mode.is_none()
    }

    /// Takes one line; false where it is no extended header.
    fn take(&mut self, line: &[u8]) -> Result<bool, &'static str> {
        let modes: [(&[u8], &mut Option<Mode>); 4] = [
            (b"old mode ", &mut self.old_mode),
            (b"new mode ", &mut self.new_mode),
            (b"new file mode ", &mut self.added_mode),
            (b"deleted file mode ", &mut self.deleted_mode),
        ];
        for (marker, slot) in modes {
            if let Some(text) = line.strip_prefix(marker) {
                set(slot, Mode::parse(text).ok_or("the mode is not octal")?)?;
                return Ok(true);
            }
        }
        let paths: [(&[u8], &mut Option<RepoPath>); 4] = [
            (b"rename from ", &mut self.rename_from),
            (b"rename to ", &mut self.rename_to),
            (b"copy from ", &mut self.copy_from),
            (b"copy to ", &mut self.copy_to),
        ];
        for (marker, slot) in paths {
            if let Some(text) = line.strip_prefix(marker) {
                let unquoted = RepoPath::from_quoted(text).ok_or("the quoting of the path is broken")?;
                set(slot, path(unquoted.as_bytes())?)?;
                return Ok(true);
            }
        }
        if let Some(text) = line.strip_prefix(b"index ") {
            set(&mut self.index, Index::parse(text).ok_or("the index line is not of the form old..new mode")?)?;
            return Ok(true);
        }
        Ok(line.starts_with(b"similarity index ") || line.starts_with(b"dissimilarity index "))
    }

    /// Both sides and what happens, or how the lines contradict each other.
    pub(super) fn resolve(self) -> Result<(Option<Side>, Option<Side>, ChangeKind), &'static str> {
        let kind = self.kind()?;
        let (old_path, new_path) = self.paths()?;
        let Self { old_mode, new_mode, added_mode, deleted_mode, index, names, .. } = self;
        if old_mode.is_some() != new_mode.is_some() {
            return Err("an old mode and a new mode come together");
        }
        if let Some((old, new)) = &names {
            agrees(old, &old_path, kind == ChangeKind::Added)?;
            agrees(new, &new_path, kind == ChangeKind::Deleted)?;
        }
        let index = index.unwrap_or(Index { old: None, new: None, mode: None });
        let old = Side { path: old_path, mode: old_mode.or(deleted_mode).or(index.mode), blob: index.old };
        let new = Side { path: new_path, mode: new_mode.or(added_mode).or(index.mode), blob: index.new };
        let old = (kind != ChangeKind::Added).then_some(old);
        Ok((old, (kind != ChangeKind::Deleted).then_some(new), kind))
    }

    fn kind(&self) -> Result<ChangeKind, &'static str> {
        let (old_absent, new_absent) = match &self.names {
            Some((Name::Broken, _) | (_, Name::Broken)) => return Err("the quoting of the path is broken"),
            Some((old, new)) => (*old == Name::Absent, *new == Name::Absent),
            None => (false, false),
        };
        let said = [
            (self.added_mode.is_some() || old_absent, ChangeKind::Added),
            (self.deleted_mode.is_some() || new_absent, ChangeKind::Deleted),
            (self.rename_from.is_some() || self.rename_to.is_some(), ChangeKind::Renamed),
            (self.copy_from.is_some() || self.copy_to.is_some(), ChangeKind::Copied),
        ];
        let mut kinds = said.iter().filter(|(is, _)| *is).map(|(_, kind)| *kind);
        match (kinds.next(), kinds.next()) {
            (Some(_), Some(_)) => Err("a file cannot be more than one of new, deleted, renamed and copied"),
            (Some(ChangeKind::Added | ChangeKind::Deleted), None) if self.old_mode.is_some() => {
                Err("a new or deleted file has one mode")
            }
            (kind, _) => Ok(kind.unwrap_or(ChangeKind::Modified)),
        }
    }

    fn paths(&self) -> Result<(RepoPath, RepoPath), &'static str> {
        const DIFFERENT: &str = "the paths of the header do not agree";
        // Two quoted paths as long as any system takes; each blank more is one more way to read the line.
        const LINE_BYTES_MAX: usize = 64 << 10;
        if self.both_names.len() > LINE_BYTES_MAX {
            return Err("the header line is too long");
        }
        let pairs = splits(&self.both_names).ok_or("the quoting of the path is broken")?;
        let from = self.rename_from.as_ref().or(self.copy_from.as_ref());
        let to = self.rename_to.as_ref().or(self.copy_to.as_ref());
        match (from, to) {
            (Some(from), Some(to)) => {
                let agree = |(old, new): &(Cow<'_, [u8]>, Cow<'_, [u8]>)| means(old, from) && means(new, to);
                pairs.iter().any(agree).then(|| (from.clone(), to.clone())).ok_or(DIFFERENT)
            }
            (None, None) => {
                let mut same = pairs.iter().filter_map(|(old, new)| same_path(old, new));
                let found = path(same.next().ok_or(DIFFERENT)?)?;
                Ok((found.clone(), found))
            }
            _ => Err("a rename or a copy has two paths"),
        }
    }
}

fn set<T>(slot: &mut Option<T>, value: T) -> Result<(), &'static str> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err("the header says this twice"),
    }
}

fn agrees(name: &Name, path: &RepoPath, may_be_absent: bool) -> Result<(), &'static str> {
    let agree = match name {
        Name::Absent => may_be_absent,
        Name::Path { raw, .. } => !may_be_absent && means(raw, path),
        Name::Broken => false,
    };
    if agree { Ok(()) } else { Err("the --- and +++ lines do not agree with the rest of the header") }
}

/// Whether a name is this path, perhaps with a one-letter prefix.
fn means(name: &[u8], path: &RepoPath) -> bool {
    name == path.as_bytes() || (name.get(1) == Some(&b'/') && &name[2..] == path.as_bytes())
}

fn same_path<'a>(old: &'a [u8], new: &[u8]) -> Option<&'a [u8]> {
    if prefix_pair(old, new) && old[2..] == new[2..] {
        return Some(&old[2..]);
    }
    (old == new).then_some(old)
}

type NamePair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Every way to read two names from a `diff --git` line: blanks are not quoted, so there may be several.
fn splits(line: &[u8]) -> Option<Vec<NamePair<'_>>> {
    let unquote = |text: &[u8]| RepoPath::from_quoted(text).map(|path| Cow::Owned(path.as_bytes().to_vec()));
    if line.starts_with(b"\"") {
        let end = quoted_length(line)?;
        let second = line.get(end..)?.strip_prefix(b" ")?;
        return Some(vec![(unquote(&line[..end])?, unquote(second)?)]);
    }
    let blanks = line.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
    if line.ends_with(b"\"") {
        let start = blanks.into_iter().find(|at| line[at + 1] == b'"')?;
        return Some(vec![(Cow::Borrowed(&line[..start]), unquote(&line[start + 1..])?)]);
    }
    Some(blanks.map(|at| (Cow::Borrowed(&line[..at]), Cow::Borrowed(&line[at + 1..]))).collect())
}

impl Index {
    fn parse(text: &[u8]) -> Option<Self> {
        let mut words = text.split(|byte| *byte == b' ');
        let ids = words.next()?;
        let dots = ids.windows(2).position(|pair| pair == b"..")?;
        let mode = words.next().map(Mode::parse);
        if mode == Some(None) || words.next().is_some() {
            return None;
        }
        Some(Self { old: whole(id(&ids[..dots])?), new: whole(id(&ids[dots + 2..])?), mode: mode.flatten() })
    }
}

/// An id of any length, as text.
fn id(text: &[u8]) -> Option<&str> {
    let hex = std::str::from_utf8(text).ok()?;
    ((4..=64).contains(&hex.len()) && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hex)
}

/// The id, unless it was cut short or is all zeros.
fn whole(id: &str) -> Option<String> {
    (id.len() == 40 && id.bytes().any(|byte| byte != b'0')).then(|| id.to_ascii_lowercase())
}
