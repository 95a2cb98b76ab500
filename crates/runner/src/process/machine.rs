//! What the machine says of itself and of its processes. Linux tells it in files, other systems by programs of theirs.

/// A process as the machine shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    /// When it started, in the machine's own words.
    pub(super) started: String,
    /// It has ended and waits to be reaped.
    pub(super) has_ended: bool,
}

#[cfg(target_os = "linux")]
pub(super) use linux::{boot, environment, host, parent, pids, stat};
#[cfg(not(target_os = "linux"))]
pub(super) use others::{boot, host, stat};

/// The name that the machine goes by in its network.
fn node_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::thread;
    use std::time::Duration;

    use super::{Stat, node_name};

    /// The pid namespace that the kernel begins with; a constant of its interface.
    const FIRST_PID_NAMESPACE: &str = "pid:[4026531836]";

    /// The machine's name, and the container where it is one that counts its processes by itself.
    pub(in crate::process) fn host() -> String {
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        match namespace.to_str() {
            None | Some("" | FIRST_PID_NAMESPACE) => node_name(),
            Some(namespace) => format!("{} ({namespace})", node_name()),
        }
    }

    /// The kernel makes a new one at each start.
    pub(in crate::process) fn boot() -> String {
        fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
    }

    /// None where there is no such process, or where it is not ours to see.
    pub(in crate::process) fn stat(pid: u32) -> Option<Stat> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let fields = Fields::of(&text)?;
        // In ticks since boot.
        let started = fields.get(22)?.to_owned();
        Some(Stat { started, has_ended: fields.get(3)?.starts_with(['Z', 'X']) })
    }

    /// Who started it, or adopted it; 0 where that is out of our sight.
    pub(in crate::process) fn parent(pid: u32) -> Option<u32> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Fields::of(&text)?.get(4)?.parse().ok()
    }

    /// All processes that we can see, those that have ended but were not reaped among them.
    pub(in crate::process) fn pids() -> Vec<u32> {
        let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.to_str()?.parse().ok()).collect()
    }

    /// The variables that a process was started with, `NAME=value` each. None where it has ended, is the kernel's, or is not
    /// ours to read.
    pub(in crate::process) fn environment(pid: u32) -> Vec<Vec<u8>> {
        let text = variables(pid);
        text.split(|byte| *byte == 0).filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
    }

    /// A process that is just becoming another program shows no variables for a moment. So one that shows none is looked at
    /// again until it has shown arguments, and no variables, often enough.
    fn variables(pid: u32) -> Vec<u8> {
        const LOOKS_MAX: u32 = 50;
        const SETTLED: u32 = 5;
        let file = |name: &str| format!("/proc/{pid}/{name}");
        let mut settled = 0;
        for _ in 0..LOOKS_MAX {
            let Ok(text) = fs::read(file("environ")) else { break };
            // What has no program is the kernel's, or has ended.
            if !text.is_empty() || settled >= SETTLED || fs::read_link(file("exe")).is_err() {
                return text;
            }
            settled += u32::from(fs::read(file("cmdline")).is_ok_and(|arguments| !arguments.is_empty()));
            thread::sleep(Duration::from_millis(1));
        }
        Vec::new()
    }

    /// The fields of a process's `stat`, by the numbers of their documentation, from the third on.
    struct Fields<'t>(Vec<&'t str>);

    impl<'t> Fields<'t> {
        fn of(text: &'t [u8]) -> Option<Self> {
            // The second is the program's own name in parentheses; it may hold spaces and parentheses, the others do not.
            let end = text.iter().rposition(|byte| *byte == b')')?;
            Some(Self(std::str::from_utf8(&text[end + 1..]).ok()?.split_ascii_whitespace().collect()))
        }

        fn get(&self, number: usize) -> Option<&'t str> {
            self.0.get(number - 3).copied()
        }
    }

    #[cfg(test)]
    mod tests {
        use std::process::Command;

        use super::*;

        #[test]
        fn name_of_a_program_shifts_no_field() {
            for name in ["sh", "a b", ") Z 1 (", "caf\u{e9})", "\n"] {
                let text = format!("42 ({name}) S 7 1 1 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 4711 2000 300\n");
                let fields = Fields::of(text.as_bytes()).unwrap();
                assert_eq!([3, 4, 22].map(|number| fields.get(number)), [Some("S"), Some("7"), Some("4711")], "{name}");
            }
        }

        #[test]
        fn field_that_is_not_there_is_no_answer() {
            for text in ["", "42", "42 (sh", "42 (sh)", "42 (sh) S 7 1 1"] {
                assert_eq!(Fields::of(text.as_bytes()).and_then(|fields| fields.get(22)), None, "{text:?}");
            }
        }

        #[test]
        fn variables_are_seen_at_every_moment_of_becoming_another_program() {
            // Becomes itself again, a thousand times, and then what waits to be ended.
            let line = "n=$((${1:-0} + 1)); test $n -gt 1000 && exec sleep 1000; exec sh -c \"$0\" \"$0\" $n";
            let mut child = Command::new("sh").args(["-c", line, line]).env_clear().env("MARK", "x").spawn().unwrap();
            let mut missed = 0;
            while fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap() != "sleep\n" {
                missed += u32::from(!environment(child.id()).contains(&b"MARK=x".to_vec()));
            }
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(missed, 0);
        }

        #[test]
        fn process_without_variables_has_none() {
            let mut child = Command::new("sleep").arg("1000").env_clear().spawn().unwrap();
            let seen = environment(child.id());
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(seen, Vec::<Vec<u8>>::new());
        }

        #[test]
        fn parent_of_a_child_is_who_started_it() {
            let mut child = Command::new("true").spawn().unwrap();
            assert_eq!(parent(child.id()), Some(std::process::id()));
            child.wait().unwrap();
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod others {
    use std::process::Command;

    use super::{Stat, node_name};

    pub(in crate::process) fn host() -> String {
        node_name()
    }

    /// An id that is new at each start; the time of the boot would move whenever somebody sets the clock.
    pub(in crate::process) fn boot() -> String {
        ask("/usr/sbin/sysctl", &["-n", "kern.bootsessionuuid"]).unwrap_or_default()
    }

    /// None where there is no such process, or where it is not ours to see.
    pub(in crate::process) fn stat(pid: u32) -> Option<Stat> {
        let text = ask("/bin/ps", &["-o", "stat=,lstart=", "-p", &pid.to_string()])?;
        let mut words = text.split_ascii_whitespace();
        let has_ended = words.next()?.starts_with('Z');
        let started = words.collect::<Vec<_>>().join(" ");
        Some(Stat { started, has_ended })
    }

    /// What a program of the system prints, in the same words for everybody.
    fn ask(program: &str, args: &[&str]) -> Option<String> {
        let output = Command::new(program).args(args).env("LC_ALL", "C").env("TZ", "UTC").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    }
}
