//! Whether two patches are the same, and whether what landed is what was asked for.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::place::is_binary;
use super::{BinaryData, Content, Diff, FilePatch, Hunk, LineKind, Side};

/// The SHA-256 of a patch's text in hex: the identity of its content.
pub fn content_hash(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

/// What a patch does, in one hash (SHA-256, hex): paths, modes and the lines that come and go. Line numbers, context and the order of the files make
/// no difference, so a patch keeps it when it is rebased.
///
/// ```
/// # use tollhouse_engine::patch::{parse, patch_id};
/// let one = parse(b"--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+b\n c\n").unwrap();
/// let two = parse(b"--- a/x\n+++ b/x\n@@ -9,2 +9,2 @@\n z\n-a\n+b\n").unwrap();
/// assert_eq!(patch_id(&one), patch_id(&two));
/// ```
pub fn patch_id(diff: &Diff) -> String {
    let mut files: Vec<[u8; 32]> = diff.files.iter().map(file_digest).collect();
    files.sort_unstable();
    hex(&files.iter().fold(Sha256::new(), Digest::chain_update).finalize())
}

/// A hash of lines in their order (SHA-256, hex); none of none.
pub(super) fn lines_hash<'l>(lines: impl Iterator<Item = &'l [u8]>) -> Option<String> {
    let mut lines = lines.peekable();
    lines.peek()?;
    let sum =
        lines.fold(Sha256::new(), |sum, line| sum.chain_update((line.len() as u64).to_be_bytes()).chain_update(line));
    Some(hex(&sum.finalize()))
}

fn file_digest(file: &FilePatch) -> [u8; 32] {
    let mut sum = Sha256::new();
    let mut put = |bytes: &[u8]| {
        // With its length before it, no part can be mistaken for another.
        sum.update((bytes.len() as u64).to_be_bytes());
        sum.update(bytes);
    };
    put(&[file.kind as u8]);
    for side in [&file.old, &file.new] {
        put(side.as_ref().map_or(b"".as_slice(), |side| side.path.as_bytes()));
    }
    // A mode that stays is context: git prints it, other tools do not.
    let mode = |side: &Option<Side>| side.as_ref().and_then(|side| side.mode);
    let modes = match (mode(&file.old), mode(&file.new)) {
        (old, new) if old == new => String::new(),
        modes => format!("{modes:?}"),
    };
    put(modes.as_bytes());
    match &file.content {
        Content::None => {}
        Content::Text(hunks) => {
            for line in hunks.iter().flat_map(|hunk| &hunk.lines).filter(|line| line.kind != LineKind::Context) {
                put(if line.kind == LineKind::Added { b"+" } else { b"-" });
                put(&line.text);
            }
        }
        Content::Binary(binary) => {
            for data in [Some(&binary.forward), binary.reverse.as_ref()].into_iter().flatten() {
                match data {
                    BinaryData::Literal(bytes) => put(bytes),
                    BinaryData::Delta(bytes) => {
                        put(b"delta");
                        put(bytes);
                    }
                }
            }
        }
    }
    sum.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string does not fail");
        text
    })
}

/// A file before and after something; `None` is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'a> {
    /// Its content before.
    pub before: Option<&'a [u8]>,
    /// Its content after.
    pub after: Option<&'a [u8]>,
}

/// Whether a change that landed is the change that was asked for: the same lines came and the same lines went, as
/// often, however a diff would align them. Content with zero bytes has no lines; there, both sides must be the same.
///
/// ```
/// # use tollhouse_engine::patch::{Change, conserves};
/// let asked = Change { before: Some(b"a\nb\n"), after: Some(b"a\nb\nc\n") };
/// let kept = Change { before: Some(b"z\na\nb\n"), after: Some(b"z\na\nb\nc\n") };
/// let lost = Change { before: Some(b"z\na\nb\n"), after: Some(b"a\nb\nc\n") };
/// assert!(conserves(asked, kept) && !conserves(asked, lost));
/// ```
pub fn conserves(asked: Change<'_>, landed: Change<'_>) -> bool {
    if asked == landed {
        return true;
    }
    if asked.before.is_some() != landed.before.is_some() || asked.after.is_some() != landed.after.is_some() {
        return false;
    }
    let contents = [asked.before, asked.after, landed.before, landed.after];
    if contents.into_iter().flatten().any(is_binary) {
        return false;
    }
    let mut balance = Balance::default();
    balance.count(landed.after, 1);
    balance.count(landed.before, -1);
    balance.count(asked.after, -1);
    balance.count(asked.before, 1);
    balance.is_even()
}

/// The same where only the hunks of the change are known.
pub fn conserves_hunks(asked: &[Hunk], landed: Change<'_>) -> bool {
    let mut balance = Balance::default();
    balance.count(landed.after, 1);
    balance.count(landed.before, -1);
    for line in asked.iter().flat_map(|hunk| &hunk.lines) {
        match line.kind {
            LineKind::Context => {}
            LineKind::Added => balance.add(&line.text, -1),
            LineKind::Removed => balance.add(&line.text, 1),
        }
    }
    balance.is_even()
}

/// How many of each line there are more on one side than on the other.
#[derive(Default)]
struct Balance<'a>(BTreeMap<&'a [u8], i64>);

impl<'a> Balance<'a> {
    fn count(&mut self, content: Option<&'a [u8]>, by: i64) {
        for line in content.unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            self.add(line, by);
        }
    }

    fn add(&mut self, line: &'a [u8], by: i64) {
        *self.0.entry(line).or_default() += by;
    }

    fn is_even(&self) -> bool {
        self.0.values().all(|count| *count == 0)
    }
}
