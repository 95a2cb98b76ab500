//! A small file system of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::run;
use crate::told::skipped;

/// A small file system; gone with this.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one; `None`, with the reason told, where this machine makes none.
    pub(crate) fn mount(at: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a folder can be made");
        let options = format!("size={size}");
        let said = run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tollhouse"]).arg(at));
        if said.code != Some(0) {
            skipped("a full disk", &format!("no tmpfs can be mounted here: {}", said.err.trim()));
            return None;
        }
        Some(Self(at.to_owned()))
    }

    /// Lets nobody write on it any more, root included.
    pub(crate) fn make_read_only(&self) {
        let said = run(Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0));
        assert_eq!(said.code, Some(0), "what could be mounted can be made read-only: {said}");
    }

    /// Gives it more room.
    pub(crate) fn grow(&self, size: &str) {
        let said = run(Command::new("mount").args(["-o", &format!("remount,size={size}")]).arg(&self.0));
        assert_eq!(said.code, Some(0), "what could be mounted can grow: {said}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}
