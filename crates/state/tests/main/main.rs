//! The stores against the suite, against each other, and against files that are not as they should be.
#![cfg(all(feature = "sqlite", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "what the tests share is a test too")]

mod archiving;
mod broken;
mod copying;
mod differential;
#[cfg(unix)]
mod draws;
mod fault;
mod forgetting;
#[cfg(unix)]
mod killed;
mod memory;
mod migrating;
mod opening;
#[cfg(unix)]
mod power_loss;
mod sharing;
mod sqlite;
#[cfg(unix)]
mod told;
#[cfg(unix)]
mod writing;
