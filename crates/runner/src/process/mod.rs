//! Processes: started in a group of their own, listened to within bounds, and ended as a whole.

mod capture;
mod job;

pub use capture::Capture;
pub use job::{Ended, How, Job, KillSwitch, ProcessError, argv};
