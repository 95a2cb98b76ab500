//! Named points at which a test may end the process: before and after every commit, every effect and every write to git or to a
//! content beside the ledger.
//!
//! In a build without the feature `failpoints`, which only tests switch on, nothing is here but the call.

#[cfg(feature = "failpoints")]
mod active;
mod points;

#[cfg(feature = "failpoints")]
pub use active::clock_shift;
pub use points::{BLOB_WRITES, COMMITS, EFFECTS, GIT_WRITES};

/// On which side of what a point names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// Does something between two points of a name.
pub(crate) fn around<T>(name: &str, act: impl FnOnce() -> T) -> T {
    pass(name, Side::Before);
    let done = act();
    pass(name, Side::After);
    done
}

#[cfg(feature = "failpoints")]
use active::pass;

#[cfg(not(feature = "failpoints"))]
fn pass(_: &str, _: Side) {}
