//! Which process it is: a pid alone may be another program's tomorrow, or mean something else on another machine.

use std::fmt;

use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use super::machine;

/// A process, told apart from every other one: of other machines, of earlier boots, of the same pid.
///
/// Two machines that share a ledger need host names of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// The machine's name; within a container, whose pids are its own, which container it is, too.
    pub host: String,
    /// Which boot of the machine. What ran before it has ended.
    pub boot: String,
    /// Its number.
    pub pid: u32,
    /// When it started, in the machine's own words: only the same word means the same process.
    pub started: String,
}

/// Whether a process is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs, or it cannot be ruled out that it does.
    Alive,
    /// It has ended; what waits only to be reaped has ended, too.
    Dead,
    /// Only its own machine could say.
    OnAnotherHost,
}

/// What stands at a pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// A process that started then.
    Running {
        /// In the machine's own words.
        started: String,
    },
    /// A process of which the machine tells us no more.
    Hidden,
    /// None, or one that has ended and was not reaped yet.
    None,
}

impl ProcessIdentity {
    /// This process. What the machine does not tell is empty.
    pub fn me() -> Self {
        let pid = std::process::id();
        let started = match standing(pid) {
            Standing::Running { started } => started,
            Standing::Hidden | Standing::None => String::new(),
        };
        Self { host: machine::host(), boot: machine::boot(), pid, started }
    }

    /// Whether it is still there. Who may not know takes it for alive: a process that lives and is taken for dead does more
    /// harm than one that is waited for in vain.
    pub fn liveness(&self) -> Liveness {
        if self.host != machine::host() {
            return Liveness::OnAnotherHost;
        }
        if self.boot != machine::boot() {
            return Liveness::Dead;
        }
        match standing(self.pid) {
            Standing::Running { started } if self.started.is_empty() || started == self.started => Liveness::Alive,
            Standing::Hidden => Liveness::Alive,
            Standing::Running { .. } | Standing::None => Liveness::Dead,
        }
    }
}

impl fmt::Display for ProcessIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} on {}", self.pid, self.host)
    }
}

/// What stands at a pid now.
pub(super) fn standing(pid: u32) -> Standing {
    match machine::stat(pid) {
        Some(stat) if stat.has_ended => Standing::None,
        Some(stat) => Standing::Running { started: stat.started },
        // Another user's may be hidden from us, but it takes its pid.
        None if exists(pid) => Standing::Hidden,
        None => Standing::None,
    }
}

fn exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// The identity of a child of ours that waits for its standard input to close.
    fn waiting() -> (Child, ProcessIdentity) {
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let Standing::Running { started } = standing(child.id()) else { panic!("the child does not run") };
        let identity = ProcessIdentity { pid: child.id(), started, ..ProcessIdentity::me() };
        (child, identity)
    }

    #[test]
    fn i_am_alive() {
        assert_eq!(ProcessIdentity::me().liveness(), Liveness::Alive);
    }

    #[test]
    fn process_is_alive_until_it_ends() {
        let (mut child, identity) = waiting();
        assert_eq!(identity.liveness(), Liveness::Alive);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert_eq!(identity.liveness(), Liveness::Dead);
    }

    #[test]
    fn process_that_ended_and_was_not_reaped_is_dead() {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let (mut child, identity) = waiting();
        drop(child.stdin.take());
        waitid(WaitId::Pid(Pid::from_child(&child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        assert_eq!(identity.liveness(), Liveness::Dead);
        child.wait().unwrap();
    }

    #[test]
    fn another_process_of_the_same_pid_is_not_the_one_that_was() {
        let me = ProcessIdentity::me();
        let earlier = ProcessIdentity { started: format!("not {}", me.started), ..me };
        assert_eq!(earlier.liveness(), Liveness::Dead);
    }

    #[test]
    fn process_of_an_earlier_boot_is_dead() {
        let me = ProcessIdentity::me();
        let earlier = ProcessIdentity { boot: "another boot".to_owned(), ..me };
        assert_eq!(earlier.liveness(), Liveness::Dead);
    }

    #[test]
    fn only_its_own_machine_says_whether_a_process_lives() {
        let me = ProcessIdentity::me();
        let elsewhere = ProcessIdentity { host: "another-host".to_owned(), boot: "another boot".to_owned(), ..me };
        assert_eq!(elsewhere.liveness(), Liveness::OnAnotherHost);
    }

    #[test]
    fn number_that_no_process_can_have_is_dead() {
        for pid in [0, u32::MAX, i32::MAX as u32] {
            let identity = ProcessIdentity { pid, ..ProcessIdentity::me() };
            assert_eq!(identity.liveness(), Liveness::Dead, "{pid}");
        }
    }

    #[test]
    fn identity_is_shown_in_one_short_line() {
        let identity = ProcessIdentity { host: "laptop".to_owned(), pid: 123, ..ProcessIdentity::me() };
        assert_eq!(identity.to_string(), "pid 123 on laptop");
    }

    #[test]
    fn identity_comes_back_from_json_as_it_was() {
        let me = ProcessIdentity::me();
        let text = serde_json::to_string(&me).unwrap();
        assert_eq!(serde_json::from_str::<ProcessIdentity>(&text).unwrap(), me);
    }
}
