//! Paths that git could hold, byte by byte.

use tollhouse_core::RepoPath;

use super::bytes::Bytes;

/// What matters for what a path may go on with.
const APART: Bytes = Bytes::one(0).with(b'/', b'/').with(b'.', b'.');

/// How far the newest part of a path has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// It is empty.
    Empty,
    /// It is `.`.
    Dot,
    /// It is `..`.
    Dots,
    /// It is a name.
    Name,
}

/// How many there are.
pub(super) const PARTS: usize = 4;

impl Part {
    /// What it becomes with one more byte; `None` where no path goes on so.
    pub(super) fn with(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (_, 0) => None,
            (Self::Name, b'/') => Some(Self::Empty),
            (_, b'/') => None,
            (Self::Empty, b'.') => Some(Self::Dot),
            (Self::Dot, b'.') => Some(Self::Dots),
            _ => Some(Self::Name),
        }
    }

    /// Whether a path may end so.
    pub(super) fn may_end(self) -> bool {
        self == Self::Name
    }
}

/// One byte of the set for each way in which a path goes on with it.
pub(super) fn samples(set: Bytes) -> impl Iterator<Item = u8> {
    let apart = [b'.', b'/'].into_iter().filter(move |byte| set.has(*byte));
    set.but_for(APART).likeliest().into_iter().chain(apart)
}

/// The bytes that paths go on with alike.
pub(super) fn kinds() -> [Bytes; 3] {
    [Bytes::one(b'/'), Bytes::one(b'.'), Bytes::one(0)]
}

/// Paths that are being built, each a byte longer than one before it.
#[derive(Debug, Default)]
pub(super) struct Trail(Vec<(usize, u8)>);

impl Trail {
    /// Where the empty path is.
    pub(super) const ROOT: usize = 0;

    /// How many there are beside the empty one.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds the path `before` with one more byte, and says where it is.
    pub(super) fn add(&mut self, before: usize, byte: u8) -> usize {
        self.0.push((before, byte));
        self.0.len()
    }

    pub(super) fn path(&self, mut at: usize) -> RepoPath {
        let mut bytes = Vec::new();
        while let Some((before, byte)) = at.checked_sub(1).and_then(|at| self.0.get(at)) {
            bytes.push(*byte);
            at = *before;
        }
        bytes.reverse();
        RepoPath::new(bytes)
    }
}

/// What a search for a path came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Search {
    /// There is one, and none is shorter.
    Found(RepoPath),
    /// There is none.
    Nothing,
    /// It would have taken too long to say.
    GivenUp,
}
