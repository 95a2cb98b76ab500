//! Reading patch text: finds the files in it, and everything that is wrong with them at once.

use thiserror::Error;
use tollhouse_core::RepoPath;

use super::binary::read_binary;
use super::header::{GitHeader, cut_name, plain_paths};
use super::hunk::read_hunk;
use super::{ChangeKind, Content, Diff, FilePatch, Hunk, LineKind, Side};

/// More problems than this are not collected.
const PROBLEMS_MAX: usize = 100;

/// Something in the text of a patch that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {message}")]
pub struct PatchProblem {
    /// The line of the text, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

impl PatchProblem {
    pub(super) fn new(line: usize, message: impl Into<String>) -> Self {
        Self { line, message: message.into() }
    }
}

/// Reads a unified diff: git's with its extended headers and binary patches, or plain.
///
/// Text before, between and after the files is skipped, so mail from `git format-patch` and output of `git show` do. Blank text
/// is a patch that changes nothing. Paths and modes are taken as they are: whether they may land is for policy to say.
///
/// # Errors
///
/// Every problem that was found, in the order of the text; there is at least one.
///
/// ```
/// # use tollhouse_engine::patch::parse;
/// let problems = parse(b"--- a/x\n+++ b/x\n@@ -1,9 +1 @@\n-old\n+new\n").unwrap_err();
/// assert_eq!(problems[0].line, 3);
/// ```
pub fn parse(text: &[u8]) -> Result<Diff, Vec<PatchProblem>> {
    let mut parser = Parser { lines: Lines::new(text), diff: Diff::default(), problems: Vec::new() };
    while parser.problems.len() < PROBLEMS_MAX && parser.lines.peek().is_some() {
        if let Err(problem) = parser.read_next() {
            parser.problems.push(problem);
            parser.lines.skip_to_file();
        }
    }
    if parser.problems.is_empty() && parser.diff.files.is_empty() && !text.trim_ascii().is_empty() {
        parser.problems.push(PatchProblem::new(1, "there is no unified diff in this text"));
    }
    if parser.problems.is_empty() { Ok(parser.diff) } else { Err(parser.problems) }
}

struct Parser<'a> {
    lines: Lines<'a>,
    diff: Diff,
    problems: Vec<PatchProblem>,
}

impl Parser<'_> {
    fn read_next(&mut self) -> Result<(), PatchProblem> {
        let at = self.lines.number();
        let line = self.lines.peek_header();
        if line.starts_with(b"diff --git ") {
            let file = self.read_git()?;
            self.diff.files.push(file);
        } else if self.lines.at_file_names() {
            let file = self.read_plain()?;
            self.diff.files.push(file);
        } else if line.starts_with(b"@@ -") {
            return Err(PatchProblem::new(at, "the hunk belongs to no file"));
        } else if line.starts_with(b"diff --cc ") || line.starts_with(b"diff --combined ") {
            self.lines.next();
            return Err(PatchProblem::new(at, "the diff of a merge against all its parents cannot be applied"));
        } else if line.starts_with(b"Binary files ") && line.ends_with(b" differ") {
            self.lines.next();
            return Err(missing_binary(at));
        } else {
            self.lines.next();
        }
        Ok(())
    }

    fn read_git(&mut self) -> Result<FilePatch, PatchProblem> {
        let at = self.lines.number();
        let header = GitHeader::read(&mut self.lines)?;
        let content_at = self.lines.number();
        let line = self.lines.peek_header();
        let content = if line.starts_with(b"@@ -") {
            Content::Text(self.read_hunks()?)
        } else if line == b"GIT binary patch" {
            Content::Binary(read_binary(&mut self.lines)?)
        } else if line.starts_with(b"Binary files ") && line.ends_with(b" differ") {
            return Err(missing_binary(content_at));
        } else if header.needs_hunks() {
            return Err(PatchProblem::new(content_at, "no hunk follows the names of the file"));
        } else {
            Content::None
        };
        let (old, new, kind) = header.resolve().map_err(|message| PatchProblem::new(at, message))?;
        checked(FilePatch { old, new, kind, content }, at)
    }

    fn read_plain(&mut self) -> Result<FilePatch, PatchProblem> {
        let at = self.lines.number();
        let old = cut_name(self.lines.next_header(), b"--- ");
        let new = cut_name(self.lines.next_header(), b"+++ ");
        let (old, new) = plain_paths(old, new).map_err(|message| PatchProblem::new(at, message))?;
        if !self.lines.peek_header().starts_with(b"@@ -") {
            return Err(PatchProblem::new(self.lines.number(), "no hunk follows the names of the file"));
        }
        let hunks = self.read_hunks()?;
        let side = |path: RepoPath| Side { path, mode: None, blob: None };
        let kind = match (&old, &new) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Deleted,
            _ => ChangeKind::Modified,
        };
        let content = Content::Text(hunks);
        checked(FilePatch { old: old.map(side), new: new.map(side), kind, content }, at)
    }

    /// Reads hunks to the last one of the file; what is wrong with one does not hide the next.
    fn read_hunks(&mut self) -> Result<Vec<Hunk>, PatchProblem> {
        let mut hunks: Vec<Hunk> = Vec::new();
        let mut first_problem = None;
        while self.lines.peek_header().starts_with(b"@@ -") {
            let at = self.lines.number();
            let read = read_hunk(&mut self.lines).and_then(|hunk| follows(hunks.last(), hunk, at));
            match read {
                Ok(hunk) => hunks.push(hunk),
                Err(problem) => {
                    if let Some(earlier) = first_problem.replace(problem) {
                        self.problems.push(earlier);
                    }
                    self.lines.skip_to_hunk();
                }
            }
        }
        first_problem.map_or(Ok(hunks), Err)
    }
}

fn missing_binary(at: usize) -> PatchProblem {
    PatchProblem::new(at, "the binary content is not in the patch (git diff --binary puts it there)")
}

/// Hunks come in the order of the old file and share no line.
fn follows(before: Option<&Hunk>, hunk: Hunk, at: usize) -> Result<Hunk, PatchProblem> {
    let end = |hunk: &Hunk| {
        let old_lines = hunk.old_lines().count();
        if old_lines == 0 { hunk.old_start.saturating_add(1) } else { hunk.old_start.saturating_add(old_lines) }
    };
    let start = if hunk.old_lines().next().is_none() { hunk.old_start.saturating_add(1) } else { hunk.old_start };
    match before {
        Some(before) if start < end(before) => Err(PatchProblem::new(at, "the hunk does not follow the one before it")),
        _ => Ok(hunk),
    }
}

/// What a patch says about one file must fit together.
fn checked(file: FilePatch, at: usize) -> Result<FilePatch, PatchProblem> {
    let hunks = if let Content::Text(hunks) = &file.content { hunks.as_slice() } else { &[] };
    let any = |unwanted: LineKind| hunks.iter().flat_map(|hunk| &hunk.lines).any(|line| line.kind != unwanted);
    let mode = |side: &Option<Side>| side.as_ref().and_then(|side| side.mode);
    let message = match file.kind {
        ChangeKind::Added if any(LineKind::Added) => "a new file cannot have lines from before",
        ChangeKind::Deleted if any(LineKind::Removed) => "a deleted file cannot have lines afterwards",
        ChangeKind::Modified if file.content == Content::None && mode(&file.old) == mode(&file.new) => {
            "the header names a file, but no change follows"
        }
        _ => return Ok(file),
    };
    Err(PatchProblem::new(at, message))
}

/// The lines of a text, without their line ends, one at a time.
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: text, number: 1 }
    }

    /// The number of the line that comes next, from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn peek(&self) -> Option<&'a [u8]> {
        (!self.rest.is_empty()).then(|| split_line(self.rest).0)
    }

    pub(super) fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.peek()?;
        self.rest = split_line(self.rest).1;
        self.number += 1;
        Some(line)
    }

    /// The next line as a header: without a carriage return, which is no part of any name; empty at the end.
    pub(super) fn peek_header(&self) -> &'a [u8] {
        let line = self.peek().unwrap_or_default();
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    pub(super) fn next_header(&mut self) -> &'a [u8] {
        let line = self.peek_header();
        self.next();
        line
    }

    /// Whether the names of a plain unified diff come next.
    pub(super) fn at_file_names(&self) -> bool {
        self.rest.starts_with(b"--- ") && split_line(self.rest).1.starts_with(b"+++ ")
    }

    /// Whether the next line looks like one more line of a hunk that is over.
    pub(super) fn at_surplus(&self) -> bool {
        let line = self.peek_header();
        let signature = line == b"-- " || line == b"--";
        matches!(line.first(), Some(b'+' | b'-' | b' ')) && !signature && !self.at_file_names()
    }

    fn skip_to_hunk(&mut self) {
        while !(self.rest.is_empty() || self.rest.starts_with(b"@@ -") || self.at_file()) {
            self.next();
        }
    }

    fn skip_to_file(&mut self) {
        while !(self.rest.is_empty() || self.at_file()) {
            self.next();
        }
    }

    fn at_file(&self) -> bool {
        self.rest.starts_with(b"diff --") || self.at_file_names()
    }
}

fn split_line(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[]),
    }
}
