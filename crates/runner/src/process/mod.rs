//! Processes: started in a group of their own, listened to within bounds, and ended as a whole.

mod capture;
mod identity;
mod job;
mod machine;
mod strays;

pub use capture::Capture;
pub use identity::{Liveness, ProcessIdentity};
pub(crate) use job::GRACE;
pub use job::{Ended, Force, How, Job, KillSwitch, ProcessError, argv};
pub use strays::{Stray, end_strays, find_strays};
