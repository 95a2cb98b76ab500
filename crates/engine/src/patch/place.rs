//! Placing a patch on bytes: exactly, or not at all.

use std::collections::BTreeMap;
use std::ops::Range;

use thiserror::Error;

use super::{BinaryPatch, Content, FilePatch, Hunk, Line, LineKind};

/// Why a patch does not fit a content. Hunks count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Misfit {
    /// The patch changes a file, and there is none.
    #[error("the file is not there")]
    Missing,
    /// The patch makes a file, and there is one.
    #[error("the file is there already")]
    Present,
    /// No place in the file has all lines that the hunk expects.
    #[error("hunk {hunk} (line {line}) does not match the file")]
    NoMatch {
        /// Which hunk of the file.
        hunk: usize,
        /// Where its header puts it.
        line: usize,
    },
    /// Several places have them, and none is where the header says.
    #[error("hunk {hunk} (line {line}) matches the file in more than one place")]
    Ambiguous {
        /// Which hunk of the file.
        hunk: usize,
        /// Where its header puts it.
        line: usize,
    },
    /// The hunk only adds lines and shows nothing of what surrounds them.
    #[error("hunk {hunk} (line {line}) shows no lines of the file, so its place cannot be checked")]
    NoContext {
        /// Which hunk of the file.
        hunk: usize,
        /// Where its header puts it.
        line: usize,
    },
    /// The patch deletes the file, but not all of its lines.
    #[error("lines are left in the deleted file")]
    Leftover,
    /// Binary content changes only from exactly the content that the patch was made on.
    #[error("the binary content is not the one that the patch was made on")]
    OtherBinary,
    /// The patch does not say which binary content it was made on.
    #[error("the binary patch has no reverse, so what it was made on cannot be checked")]
    NoReverse,
    /// Both sides changed the same lines.
    #[error("both sides changed the same lines")]
    Conflict,
    /// Both sides changed binary content.
    #[error("both sides changed binary content")]
    BinaryConflict,
}

/// Makes the content of a file after a patch from the content before; `None` is a file that is not there.
///
/// Each hunk must match all of its lines: where its header says or, failing that, at the only other place that comes after
/// the hunks before it. A hunk that shows nothing after its change belongs to the end of the file; the first line of a
/// file is the first line. The content after a deletion is empty.
///
/// # Errors
///
/// The [`Misfit`]; nothing is applied in part.
///
/// ```
/// # use tollhouse_engine::patch::{parse, place};
/// let diff = parse(b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-one\n+1\n two\n").unwrap();
/// assert_eq!(place(&diff.files[0], Some(b"one\ntwo\n")).unwrap(), b"1\ntwo\n");
/// ```
pub fn place(file: &FilePatch, pre: Option<&[u8]>) -> Result<Vec<u8>, Misfit> {
    let pre = match (&file.old, pre) {
        (None, None) => b"".as_slice(),
        (Some(_), Some(pre)) => pre,
        (None, Some(_)) => return Err(Misfit::Present),
        (Some(_), None) => return Err(Misfit::Missing),
    };
    let post = match &file.content {
        Content::None => pre.to_vec(),
        Content::Text(hunks) => place_hunks(hunks, pre)?,
        Content::Binary(binary) => place_binary(binary, pre)?,
    };
    if file.new.is_none() && !post.is_empty() { Err(Misfit::Leftover) } else { Ok(post) }
}

fn place_binary(binary: &BinaryPatch, pre: &[u8]) -> Result<Vec<u8>, Misfit> {
    let post = binary.forward.apply(pre).ok_or(Misfit::OtherBinary)?;
    match &binary.reverse {
        Some(reverse) if reverse.apply(&post).as_deref() == Some(pre) => Ok(post),
        Some(_) => Err(Misfit::OtherBinary),
        None if pre.is_empty() => Ok(post),
        None => Err(Misfit::NoReverse),
    }
}

fn place_hunks(hunks: &[Hunk], pre: &[u8]) -> Result<Vec<u8>, Misfit> {
    let lines: Vec<&[u8]> = pre.split_inclusive(|byte| *byte == b'\n').collect();
    let mut post: Vec<u8> = Vec::with_capacity(pre.len());
    let mut done = 0;
    let mut moved = false;
    for (at, hunk) in hunks.iter().enumerate() {
        let search = Search { lines: &lines, from: done, hunk, number: at + 1 };
        let (found, elsewhere) = search.find(moved)?;
        moved |= elsewhere;
        post.extend(lines[done..found.start].iter().copied().flatten());
        post.extend(hunk.new_lines().flatten());
        done = found.end;
    }
    post.extend(lines[done..].iter().copied().flatten());
    Ok(post)
}

struct Search<'a> {
    lines: &'a [&'a [u8]],
    from: usize,
    hunk: &'a Hunk,
    number: usize,
}

impl Search<'_> {
    /// The lines that the hunk replaces, and whether they are elsewhere than its header says. After a hunk that had
    /// moved, a match where the header says proves nothing; it must be the only one.
    fn find(&self, moved: bool) -> Result<(Range<usize>, bool), Misfit> {
        let Self { hunk, lines, .. } = *self;
        let (number, line) = (self.number, hunk.old_start);
        let old: Vec<&[u8]> = hunk.old_lines().collect();
        if old.is_empty() {
            return if lines.is_empty() { Ok((0..0, false)) } else { Err(Misfit::NoContext { hunk: number, line }) };
        }
        let own = hunk.old_start.saturating_sub(1);
        let allowed = self.allowed(old.len());
        let matches = |start: usize| lines.get(start..).is_some_and(|rest| rest.starts_with(&old));
        if !moved && allowed.contains(&own) && matches(own) {
            return Ok((own..own + old.len(), false));
        }
        let last_end = allowed.end.saturating_sub(1).saturating_add(old.len());
        let window = lines.get(allowed.start..last_end).unwrap_or_default();
        match first_two(window, &old) {
            [None, _] => Err(Misfit::NoMatch { hunk: number, line }),
            [Some(_), Some(_)] => Err(Misfit::Ambiguous { hunk: number, line }),
            [Some(start), None] => {
                let start = allowed.start + start;
                Ok((start..start + old.len(), start != own))
            }
        }
    }

    /// Where the hunk may start: after the hunks before it, inside the file, and at an end of the file if it shows that.
    fn allowed(&self, length: usize) -> Range<usize> {
        let context = |line: &&Line| line.kind == LineKind::Context;
        let leading = self.hunk.lines.iter().take_while(context).count();
        let trailing = self.hunk.lines.iter().rev().take_while(context).count();
        let Some(last) = self.lines.len().checked_sub(length) else { return 0..0 };
        let at_start = leading == 0 && trailing > 0 && self.hunk.old_start <= 1;
        let at_end = trailing == 0 && leading > 0;
        let first = if at_end { last.max(self.from) } else { self.from };
        first..if at_start { 1 } else { last + 1 }
    }
}

/// The first two places where the pattern, which is not empty, occurs. Linear, whatever repeats.
fn first_two(text: &[&[u8]], pattern: &[&[u8]]) -> [Option<usize>; 2] {
    // Lines become numbers first, so that long ones are compared once.
    let mut numbers = BTreeMap::new();
    for line in pattern {
        let next = numbers.len();
        numbers.entry(*line).or_insert(next);
    }
    let pattern: Vec<usize> = pattern.iter().map(|line| numbers[line]).collect();
    let mut borders = vec![0; pattern.len()];
    let mut border = 0;
    for at in 1..pattern.len() {
        while border > 0 && pattern[at] != pattern[border] {
            border = borders[border - 1];
        }
        border += usize::from(pattern[at] == pattern[border]);
        borders[at] = border;
    }
    let mut found = [None; 2];
    let mut matched = 0;
    for (at, line) in text.iter().enumerate() {
        let number = numbers.get(line).copied();
        while matched > 0 && (matched == pattern.len() || number != Some(pattern[matched])) {
            matched = borders[matched - 1];
        }
        matched += usize::from(number == Some(pattern[matched]));
        if matched == pattern.len() {
            let start = at + 1 - pattern.len();
            if found[0].is_some() {
                found[1] = Some(start);
                break;
            }
            found[0] = Some(start);
        }
    }
    found
}

/// Brings two changes of one content together, line by line.
///
/// # Errors
///
/// [`Misfit::Conflict`] where both changed the same lines, [`Misfit::BinaryConflict`] where a content has no lines.
///
/// ```
/// # use tollhouse_engine::patch::merge;
/// let merged = merge(b"a\nb\nc\nd\ne\n", b"A\nb\nc\nd\ne\n", b"a\nb\nc\nd\nE\n").unwrap();
/// assert_eq!(merged, b"A\nb\nc\nd\nE\n");
/// ```
pub fn merge(base: &[u8], ours: &[u8], theirs: &[u8]) -> Result<Vec<u8>, Misfit> {
    if ours == base || ours == theirs {
        return Ok(theirs.to_vec());
    }
    if theirs == base {
        return Ok(ours.to_vec());
    }
    if [base, ours, theirs].into_iter().any(is_binary) {
        return Err(Misfit::BinaryConflict);
    }
    diffy::merge_bytes(base, ours, theirs).map_err(|_| Misfit::Conflict)
}

/// Whether a content has no lines: a zero byte anywhere.
pub(super) fn is_binary(content: &[u8]) -> bool {
    content.contains(&0)
}
