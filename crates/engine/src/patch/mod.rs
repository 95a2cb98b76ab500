//! Patches: reading unified diffs, saying what they do, placing their hunks on bytes.
//!
//! Pure: bytes in, bytes or a typed refusal out. No input makes it panic, and none is repaired: what cannot be read or
//! placed exactly is an error.

mod binary;
mod diff;
mod header;
mod hunk;
mod identity;
mod parse;
mod place;
#[cfg(test)]
mod props;

pub use binary::{BinaryData, BinaryPatch};
pub use diff::{Content, Diff, FilePatch, Hunk, Line, LineKind, Mode, Side};
pub use identity::{Change, conserves, conserves_hunks, content_hash, patch_id};
pub use parse::{PatchProblem, parse};
pub use place::{Misfit, merge, place};
pub use tollhouse_core::{ChangeKind, Description, FileChange, OlderContent, TreeEntryFact, TreeFacts};
