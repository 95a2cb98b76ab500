//! Being told to stop: by Ctrl-C, by `kill`, by a terminal that closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tollhouse::process::KillSwitch;
use tollhouse::{RunnerError, Trouble};

use crate::error::{CliError, ErrorKind};

/// How often a thread looks whether a signal came.
const LOOK: Duration = Duration::from_millis(50);

/// The signals that end what was begun, in good order.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupted: Arc<AtomicBool>,
    terminated: Arc<AtomicBool>,
}

impl Signals {
    /// From now on a signal is noted, and does not end the program.
    pub(crate) fn listen() -> Result<Self, CliError> {
        let signals = Self { interrupted: Arc::default(), terminated: Arc::default() };
        // The one that says which comes first, so that it is known when the other is seen.
        let failed = |source| RunnerError::Io { what: "listen to", path: "signals".into(), source };
        signal_hook::flag::register(SIGTERM, Arc::clone(&signals.terminated)).map_err(failed)?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&signals.interrupted)).map_err(failed)?;
        }
        Ok(signals)
    }

    /// Becomes true when a signal came.
    pub(crate) fn interrupted(&self) -> &AtomicBool {
        &self.interrupted
    }

    /// Throws a switch when a signal comes.
    pub(crate) fn throw(&self, switch: KillSwitch) {
        let interrupted = Arc::clone(&self.interrupted);
        thread::spawn(move || {
            while !interrupted.load(Ordering::Relaxed) {
                thread::sleep(LOOK);
            }
            switch.throw();
        });
    }

    /// An error with the exit status of the signal that caused it.
    pub(crate) fn name(&self, error: RunnerError) -> CliError {
        let terminated = error.trouble() == Trouble::Interrupted && self.terminated.load(Ordering::Relaxed);
        let error = CliError::from(error);
        if terminated { CliError { kind: ErrorKind::Terminated, ..error } } else { error }
    }
}
