//! Real repositories, built and checked with the git program.

mod candidate;
mod land;
mod project;
mod roundtrip;
mod snapshot;
mod sync;
mod world;
