//! What the runner does to real repositories, files and processes.

mod blobs;
mod git;
#[cfg(feature = "failpoints")]
mod points;
