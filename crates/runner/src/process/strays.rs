//! What is left of a workspace's programs after their group was ended: a daemon that made a session of its own, an agent
//! whose conductor was killed.
//!
//! A stray is known by its environment alone: it was started with `TOLLHOUSE_WORKSPACE` set to a folder of ours, as every
//! agent, setup program and gate is. Where it works says nothing: the shell of a person who looks around in a workspace
//! works there, too. So a program that was started with an emptied environment is not found; it is an agent that hides, and
//! against that only a sandbox helps. On other systems than Linux environments are not ours to read, and no stray is found.

use std::path::Path;
use std::time::Duration;

/// A process that was started for a folder of ours and is still there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stray {
    /// Its number.
    pub pid: u32,
    /// When it started, in the machine's own words.
    pub started: String,
}

/// The processes that were started for a workspace that is this folder or in it. Never ourselves, nor who started us. The
/// folder is compared as it is written; no link is followed, for an agent may have put one there.
pub fn find_strays(under: &Path) -> Vec<Stray> {
    #[cfg(target_os = "linux")]
    return linux::find(under);
    #[cfg(not(target_os = "linux"))]
    return others::find(under);
}

/// Ends the processes that were started for a workspace that is this folder or in it: first asked (SIGTERM), after a grace
/// made to (SIGKILL), and what they started meanwhile with them. Answers how many have ended.
pub fn end_strays(under: &Path, grace: Duration) -> usize {
    #[cfg(target_os = "linux")]
    return linux::end(under, grace);
    #[cfg(not(target_os = "linux"))]
    return others::end(under, grace);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

    use super::Stray;
    use crate::process::identity::{Standing, standing};
    use crate::process::machine;

    /// What every program of a workspace is started with.
    const MARK: &[u8] = b"TOLLHOUSE_WORKSPACE=";

    /// How long is tried to end what was made to end: it may start others meanwhile, and one that waits for a disk ends late.
    const FORCE: Duration = Duration::from_secs(2);

    /// How often in a row nobody must be seen: one that was just started by one that just ended escapes a single look.
    const QUIET_LOOKS: u32 = 3;

    /// How long it is until the next look, where there is somebody.
    const PAUSE: Duration = Duration::from_millis(10);

    pub(super) fn find(under: &Path) -> Vec<Stray> {
        let spared = line_of(std::process::id());
        let others = machine::pids().into_iter().filter(|pid| !spared.contains(pid));
        others.filter_map(|pid| stray(pid, under)).collect()
    }

    pub(super) fn end(under: &Path, grace: Duration) -> usize {
        let mut seen = BTreeSet::new();
        let asked_until = Instant::now() + grace;
        let forced_until = asked_until + FORCE;
        let mut quiet = 0;
        loop {
            let left = find(under);
            let now = Instant::now();
            quiet = if left.is_empty() { quiet + 1 } else { 0 };
            if quiet == QUIET_LOOKS || now > forced_until {
                return seen.iter().filter(|stray| !left.contains(stray)).count();
            }
            if left.is_empty() {
                continue;
            }
            for stray in left {
                let is_new = seen.insert(stray.clone());
                if now >= asked_until {
                    send(&stray, under, Signal::KILL);
                } else if is_new {
                    send(&stray, under, Signal::TERM);
                }
            }
            thread::sleep(PAUSE);
        }
    }

    /// A process and all those that it comes from.
    fn line_of(pid: u32) -> BTreeSet<u32> {
        let mut line = BTreeSet::new();
        let mut next = Some(pid);
        while let Some(pid) = next.filter(|pid| *pid != 0) {
            if !line.insert(pid) {
                break;
            }
            next = machine::parent(pid);
        }
        line
    }

    /// The process of a pid, if it is a stray that has not ended.
    fn stray(pid: u32, under: &Path) -> Option<Stray> {
        let is_below = |value: &[u8]| Path::new(OsStr::from_bytes(value)).starts_with(under);
        let environment = machine::environment(pid);
        let mut values = environment.iter().filter_map(|line| line.strip_prefix(MARK));
        if !values.any(is_below) {
            return None;
        }
        match standing(pid) {
            Standing::Running { started } => Some(Stray { pid, started }),
            Standing::Hidden | Standing::None => None,
        }
    }

    /// Sends a signal to exactly this process. One that has ended needs none.
    fn send(target: &Stray, under: &Path, signal: Signal) {
        let Some(pid) = i32::try_from(target.pid).ok().and_then(Pid::from_raw) else { return };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // What was opened stays what it is, so it is enough that it is the right one now.
            Ok(process) if stray(target.pid, under).as_ref() == Some(target) => {
                let _ = pidfd_send_signal(process, signal);
            }
            // A kernel older than 5.3, or a container that forbids it.
            Err(Errno::NOSYS | Errno::PERM) if stray(target.pid, under).as_ref() == Some(target) => {
                let _ = kill_process(pid, signal);
            }
            _ => {}
        }
    }

    #[cfg(test)]
    mod tests {
        use std::fs;
        use std::path::PathBuf;
        use std::process::{Child, Command, Stdio};

        use super::*;

        /// How long is waited for what must happen at once.
        const SOON: Duration = Duration::from_secs(10);

        /// A folder for notes, and a workspace in it.
        struct Scene {
            dir: tempfile::TempDir,
        }

        impl Scene {
            fn new() -> Self {
                let dir = tempfile::tempdir().unwrap();
                fs::create_dir(dir.path().join("workspace")).unwrap();
                Self { dir }
            }

            fn workspace(&self) -> PathBuf {
                self.dir.path().join("workspace")
            }

            /// A script that runs with the mark of a workspace; `$NOTES` is a folder to write to.
            fn script(&self, line: &str, workspace: &Path) -> Command {
                let mut command = Command::new("sh");
                command.args(["-eu", "-c", line]).env("TOLLHOUSE_WORKSPACE", workspace);
                command.env("NOTES", self.dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
                command
            }

            /// The pid that a script wrote to a note, once it did.
            fn pid(&self, name: &str) -> u32 {
                let path = self.dir.path().join(name);
                let deadline = Instant::now() + SOON;
                loop {
                    let text = fs::read_to_string(&path).unwrap_or_default();
                    if let Some(line) = text.strip_suffix('\n') {
                        return line.parse().unwrap();
                    }
                    assert!(Instant::now() < deadline, "nothing was written to {name}");
                    thread::yield_now();
                }
            }
        }

        fn runs(pid: u32) -> bool {
            matches!(standing(pid), Standing::Running { .. })
        }

        fn end_of(mut child: Child) {
            let _ = child.kill();
            let _ = child.wait();
        }

        /// Leaves its group twice, as daemons do, and notes its pid when it is there.
        const DAEMON: &str = "setsid sh -c 'sh -c \"echo \\$\\$ > $NOTES/daemon; exec sleep 1000\" &'";

        #[test]
        fn daemon_that_left_its_group_is_ended() {
            let scene = Scene::new();
            assert!(scene.script(DAEMON, &scene.workspace()).status().unwrap().success());
            let daemon = scene.pid("daemon");
            assert!(runs(daemon));
            assert_eq!(end_strays_of(&scene), 1);
            assert!(!runs(daemon));
        }

        fn end_strays_of(scene: &Scene) -> usize {
            super::super::end_strays(&scene.workspace(), SOON)
        }

        #[test]
        fn process_of_a_workspace_in_the_folder_is_found_with_its_start() {
            let scene = Scene::new();
            let child = scene.script("exec sleep 1000", &scene.workspace()).spawn().unwrap();
            let Standing::Running { started } = standing(child.id()) else { panic!("it does not run") };
            // While it becomes another program, its environment cannot be read.
            let deadline = Instant::now() + SOON;
            let mut found = find(scene.dir.path());
            while found.is_empty() && Instant::now() < deadline {
                found = find(scene.dir.path());
            }
            let expected = Stray { pid: child.id(), started };
            end_of(child);
            assert_eq!(found, [expected]);
        }

        #[test]
        fn process_of_another_folder_is_not_found() {
            let scene = Scene::new();
            // A name that begins alike is another folder.
            let beside = scene.dir.path().join("workspace-2");
            let child = scene.script("exec sleep 1000", &beside).spawn().unwrap();
            let found = find(&scene.workspace());
            end_of(child);
            assert_eq!(found, []);
        }

        #[test]
        fn shell_of_a_person_in_the_folder_is_not_found() {
            let scene = Scene::new();
            let mut shell = Command::new("sleep");
            let shell = shell.arg("1000").current_dir(scene.workspace()).spawn().unwrap();
            let found = find(&scene.workspace());
            end_of(shell);
            assert_eq!(found, []);
        }

        #[test]
        fn process_is_asked_before_it_is_made_to_end() {
            let scene = Scene::new();
            let line =
                "trap 'echo asked > $NOTES/asked; exit 0' TERM; echo $$ > $NOTES/pid; while :; do sleep 0.01; done";
            let child = scene.script(line, &scene.workspace()).spawn().unwrap();
            scene.pid("pid");
            assert!(end_strays_of(&scene) >= 1);
            end_of(child);
            assert_eq!(fs::read_to_string(scene.dir.path().join("asked")).unwrap(), "asked\n");
        }

        #[test]
        fn process_that_does_not_listen_is_made_to_end() {
            let scene = Scene::new();
            let line = "trap '' TERM; echo $$ > $NOTES/pid; exec sleep 1000";
            let child = scene.script(line, &scene.workspace()).spawn().unwrap();
            let pid = scene.pid("pid");
            assert_eq!(super::super::end_strays(&scene.workspace(), Duration::from_millis(50)), 1);
            assert!(!runs(pid));
            end_of(child);
        }

        #[test]
        fn what_starts_another_as_it_ends_is_ended_with_it() {
            let scene = Scene::new();
            let line = "trap 'setsid sleep 1000 & echo $! > $NOTES/next; exit 0' TERM; echo $$ > $NOTES/pid; \
                        while :; do sleep 0.01; done";
            let child = scene.script(line, &scene.workspace()).spawn().unwrap();
            scene.pid("pid");
            end_strays_of(&scene);
            end_of(child);
            assert!(!runs(scene.pid("next")));
        }

        #[test]
        fn line_of_a_process_goes_from_it_through_who_started_it_to_the_first() {
            let scene = Scene::new();
            let child = scene.script("sleep 1000 & echo $! > $NOTES/pid; wait", &scene.workspace()).spawn().unwrap();
            let grandchild = scene.pid("pid");
            let line = line_of(grandchild);
            end_strays_of(&scene);
            let expected = [grandchild, child.id(), std::process::id(), 1];
            end_of(child);
            assert!(expected.iter().all(|pid| line.contains(pid)), "{expected:?} in {line:?}");
        }

        #[test]
        fn nobody_is_ended_where_nobody_is() {
            let scene = Scene::new();
            assert_eq!(end_strays_of(&scene), 0);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod others {
    use std::path::Path;
    use std::time::Duration;

    use super::Stray;

    pub(super) fn find(_under: &Path) -> Vec<Stray> {
        Vec::new()
    }

    pub(super) fn end(_under: &Path, _grace: Duration) -> usize {
        0
    }
}
