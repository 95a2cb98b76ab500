//! The stores against the suite, against each other, and against files that are not as they should be.
#![cfg(all(feature = "sqlite", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "what the tests share is a test too")]

mod broken;
mod copying;
mod differential;
mod fault;
mod memory;
mod opening;
mod sharing;
mod sqlite;
