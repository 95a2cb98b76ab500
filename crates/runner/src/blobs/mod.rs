//! Contents beside the ledger, each in a file that is named after what is in it: what agents and gates printed.
//!
//! A content is on disk before the commit that names it, so that what the ledger names is there. One that nothing names is
//! taken away once it is old enough that nobody can be about to name it; see [`sweep`].

mod named;
mod printed;
mod problem;
mod store;
mod sweep;
mod verify;

pub(crate) use named::{each_naming, named_by};
pub(crate) use printed::only_end;
pub use problem::BlobProblem;
pub use store::Blobs;
pub use sweep::{Sweep, Swept, sweep};
pub use verify::verify_blobs;
