//! The stores against the suite, against each other, and against files that are not as they should be.
#![cfg(all(feature = "sqlite", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "what the tests share is a test too")]

mod copying;
mod differential;
mod draws;
mod fault;
#[cfg(unix)]
mod killed;
mod memory;
mod opening;
#[cfg(target_os = "linux")]
mod power_loss;
mod sharing;
mod sqlite;
mod told;
#[cfg(unix)]
mod writing;
