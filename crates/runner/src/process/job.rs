//! One program, from start to end.
//!
//! It leads a process group of its own. When it ends, when its time is over or when somebody says so, the whole group
//! is ended: first asked (SIGTERM), after a grace made to (SIGKILL). The leader is not reaped before that, so its group
//! id cannot have become another program's.

use std::ffi::OsString;
use std::io::{self, PipeReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use thiserror::Error;
use tollhouse_core::entity::{ExitStatus, Output};
use tollhouse_core::limits;
use tollhouse_core::spec::Program;

use super::capture::Capture;
use crate::environment::Environment;

/// How long a program has after it was asked to end.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How long is waited for output that somebody outside the group still holds open.
const DRAIN: Duration = Duration::from_millis(500);

/// A program that could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// There is no such program.
    #[error("program {program:?} was not found")]
    NotFound {
        /// What was asked for.
        program: String,
    },
    /// The machine did not start it.
    #[error("program {program:?} could not be started: {source}")]
    NotStarted {
        /// What was asked for.
        program: String,
        /// What the machine says.
        source: io::Error,
    },
}

/// What is to be run.
#[derive(Debug)]
pub struct Job<'a> {
    /// Program and arguments.
    pub argv: Vec<OsString>,
    /// Where it runs.
    pub dir: &'a Path,
    /// All that it finds in its environment.
    pub environment: &'a Environment,
    /// What it reads on standard input; nothing, where this is empty.
    pub stdin: Vec<u8>,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// How a program came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// By itself.
    ByItself,
    /// Its time was over.
    TimedOut,
    /// Somebody threw its switch.
    Killed,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// With what.
    pub exit: ExitStatus,
    /// How it came to it.
    pub how: How,
    /// What it printed.
    pub output: Output,
}

enum Message {
    Exited,
    Kill(Force),
}

/// How a program is made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Force {
    /// Asked first; made to after a grace.
    Asked,
    /// At once.
    AtOnce,
}

/// Ends a program from elsewhere. A switch that was thrown before its program started ends it at once.
#[derive(Debug, Clone, Default)]
pub struct KillSwitch(Arc<Mutex<SwitchState>>);

#[derive(Debug, Default)]
struct SwitchState {
    thrown: Option<Force>,
    wire: Option<Sender<Message>>,
}

impl KillSwitch {
    /// Ends the program, now or as soon as it starts.
    pub fn throw(&self) {
        self.throw_with(Force::Asked);
    }

    /// Ends the program like this, now or as soon as it starts.
    pub fn throw_with(&self, force: Force) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.thrown = state.thrown.max(Some(force));
        if let Some(wire) = &state.wire {
            // A program that has ended already listens no more.
            let _ = wire.send(Message::Kill(force));
        }
    }

    /// Whether it was thrown.
    pub fn is_thrown(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).thrown.is_some()
    }

    fn connect(&self, wire: Sender<Message>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(force) = state.thrown {
            let _ = wire.send(Message::Kill(force));
        }
        state.wire = Some(wire);
    }
}

/// The words that run a program of the configuration.
pub fn argv(program: &Program) -> Vec<OsString> {
    match program {
        Program::Shell(line) => ["sh", "-eu", "-c", line].iter().map(OsString::from).collect(),
        Program::Argv(words) => words.iter().map(OsString::from).collect(),
    }
}

impl Job<'_> {
    /// Runs it to its end.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(self, switch: &KillSwitch) -> Result<Ended, ProcessError> {
        let (mut child, output) = self.start()?;
        let pid = Pid::from_child(&child);
        let (wire, news) = channel();
        switch.connect(wire.clone());
        thread::spawn(move || {
            // Seen, but not reaped: the group id stays taken until the group is gone.
            while let Err(rustix::io::Errno::INTR) =
                waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
            {}
            let _ = wire.send(Message::Exited);
        });
        if let Some(mut stdin) = child.stdin.take() {
            let text = self.stdin;
            // A program that does not read its input is no error of ours.
            thread::spawn(move || stdin.write_all(&text));
        }
        let captured = listen(output);
        let how = wait(&news, self.timeout, pid);
        // Whatever it left behind in its group goes with it.
        let _ = kill_process_group(pid, Signal::KILL);
        let exit = reap(&mut child);
        Ok(Ended { exit, how, output: collect(&captured) })
    }

    fn start(&self) -> Result<(Child, PipeReader), ProcessError> {
        let program = self.argv.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ProcessError::NotFound { program: program.clone() },
            _ => ProcessError::NotStarted { program: program.clone(), source },
        };
        let Some((first, rest)) = self.argv.split_first() else {
            return Err(ProcessError::NotFound { program });
        };
        // One pipe for both, so that what was printed stays in the order in which it was printed.
        let (reader, writer) = io::pipe().map_err(failed)?;
        let child = Command::new(first)
            .args(rest)
            .current_dir(self.dir)
            .env_clear()
            .envs(self.environment.vars())
            .process_group(0)
            .stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer)
            .spawn()
            .map_err(failed)?;
        Ok((child, reader))
    }
}

/// Waits for the end of the leader, and brings it about where it must.
fn wait(news: &Receiver<Message>, timeout: Option<Duration>, pid: Pid) -> How {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let first = match deadline {
        Some(deadline) => news.recv_timeout(deadline.saturating_duration_since(Instant::now())),
        None => news.recv().map_err(|_| RecvTimeoutError::Disconnected),
    };
    let (how, force) = match first {
        Ok(Message::Exited) | Err(RecvTimeoutError::Disconnected) => return How::ByItself,
        Ok(Message::Kill(force)) => (How::Killed, force),
        Err(RecvTimeoutError::Timeout) => (How::TimedOut, Force::Asked),
    };
    if force == Force::Asked && ends_when_asked(news, pid) {
        return how;
    }
    let _ = kill_process_group(pid, Signal::KILL);
    while let Ok(Message::Kill(_)) = news.recv() {}
    how
}

/// Whether the leader ends within its grace, and before somebody loses patience.
fn ends_when_asked(news: &Receiver<Message>, pid: Pid) -> bool {
    let _ = kill_process_group(pid, Signal::TERM);
    let grace_ends = Instant::now() + GRACE;
    loop {
        match news.recv_timeout(grace_ends.saturating_duration_since(Instant::now())) {
            Ok(Message::Exited) | Err(RecvTimeoutError::Disconnected) => return true,
            Ok(Message::Kill(Force::Asked)) => {}
            Ok(Message::Kill(Force::AtOnce)) | Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}

fn reap(child: &mut Child) -> ExitStatus {
    use std::os::unix::process::ExitStatusExt;
    match child.wait() {
        Ok(status) => status
            .code()
            .map(ExitStatus::Code)
            .or_else(|| status.signal().map(ExitStatus::Signal))
            .unwrap_or(ExitStatus::Code(-1)),
        Err(_) => ExitStatus::Code(-1),
    }
}

/// What was printed so far, and whether that is all.
struct Captured {
    capture: Arc<Mutex<Option<Capture>>>,
    end: Receiver<()>,
}

/// Reads what is printed, for as long as somebody may print.
fn listen(mut output: PipeReader) -> Captured {
    let capture = Arc::new(Mutex::new(Some(Capture::new(limits::OUTPUT_BYTES_MAX))));
    let (closed, end) = channel();
    let shared = Arc::clone(&capture);
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match output.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    let mut capture = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    // Taken away: a process that left the group still prints, and nobody listens any more.
                    let Some(capture) = capture.as_mut() else { return };
                    capture.push(&buffer[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = closed.send(());
    });
    Captured { capture, end }
}

fn collect(captured: &Captured) -> Output {
    // The group is gone, so the pipe closes at once, unless a process that left the group holds it.
    let _ = captured.end.recv_timeout(DRAIN);
    let capture = captured.capture.lock().unwrap_or_else(PoisonError::into_inner).take();
    capture.map(Capture::finish).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(line: &str, timeout: Option<Duration>) -> Ended {
        let environment = Environment::base(&[]);
        let dir = std::env::temp_dir();
        let argv = argv(&Program::Shell(line.to_owned()));
        let job = Job { argv, dir: &dir, environment: &environment, stdin: b"hello\n".to_vec(), timeout };
        job.run(&KillSwitch::default()).unwrap()
    }

    #[test]
    fn both_streams_come_in_the_order_they_were_printed() {
        let ended = sh("cat; echo two >&2; echo three; exit 3", None);
        assert_eq!(ended.output.text, "hello\ntwo\nthree\n");
        assert_eq!((ended.exit, ended.how), (ExitStatus::Code(3), How::ByItself));
    }

    #[test]
    fn a_program_whose_time_is_over_ends_with_its_children() {
        let ended = sh("sleep 1000 & echo $!; sleep 1000", Some(Duration::from_millis(200)));
        assert_eq!(ended.how, How::TimedOut);
        let child: i32 = ended.output.text.trim().parse().unwrap();
        assert!(is_gone(child), "process {child} lives on");
    }

    #[test]
    fn what_a_program_leaves_in_its_group_ends_with_it() {
        let ended = sh("sleep 1000 & echo $!", None);
        let child: i32 = ended.output.text.trim().parse().unwrap();
        assert!(is_gone(child), "process {child} lives on");
    }

    #[test]
    fn a_switch_thrown_before_the_start_ends_it_at_once() {
        let switch = KillSwitch::default();
        switch.throw();
        let environment = Environment::base(&[]);
        let argv = argv(&Program::Shell("sleep 1000".to_owned()));
        let dir = std::env::temp_dir();
        let job = Job { argv, dir: &dir, environment: &environment, stdin: Vec::new(), timeout: None };
        assert_eq!(job.run(&switch).unwrap().how, How::Killed);
    }

    #[test]
    fn a_missing_program_is_named() {
        let environment = Environment::base(&[]);
        let dir = std::env::temp_dir();
        let argv = vec!["no-such-program-anywhere".into()];
        let job = Job { argv, dir: &dir, environment: &environment, stdin: Vec::new(), timeout: None };
        let error = job.run(&KillSwitch::default()).unwrap_err();
        assert_eq!(error.to_string(), "program \"no-such-program-anywhere\" was not found");
    }

    /// Gone, or dead and only waiting to be reaped by whoever adopted it. A process that was killed takes a moment to die.
    fn is_gone(pid: i32) -> bool {
        let deadline = Instant::now() + Duration::from_secs(5);
        while Instant::now() < deadline {
            let dead = match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])),
                Err(_) => rustix::process::test_kill_process(Pid::from_raw(pid).unwrap()).is_err(),
            };
            if dead {
                return true;
            }
            thread::yield_now();
        }
        false
    }
}
