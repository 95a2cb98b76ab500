//! What a test asks for by environment variables, read once.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Signal, getpid, kill_process};

use super::Side;

/// `NAME:before` or `NAME:after`, with `#N` for the N-th time: the process is killed there.
const WHERE: &str = "TOLLHOUSE_FAILPOINT";

/// A file to which each point that is passed is appended.
const LOG: &str = "TOLLHOUSE_FAILPOINT_LOG";

/// A file that holds by how many seconds the clock is off.
const CLOCK: &str = "TOLLHOUSE_CLOCK_FILE";

struct Wanted {
    point: String,
    time: u32,
    passed: AtomicU32,
}

fn wanted() -> Option<&'static Wanted> {
    static WANTED: OnceLock<Option<Wanted>> = OnceLock::new();
    WANTED
        .get_or_init(|| {
            let text = std::env::var(WHERE).ok()?;
            let (point, time) = text.split_once('#').unwrap_or((&text, "1"));
            Some(Wanted { point: point.to_owned(), time: time.parse().ok()?, passed: AtomicU32::new(0) })
        })
        .as_ref()
}

pub(super) fn pass(name: &str, side: Side) {
    let point = format!("{name}:{}", if side == Side::Before { "before" } else { "after" });
    if let Some(path) = std::env::var_os(LOG) {
        let line = format!("{point}\n");
        let written = OpenOptions::new().create(true).append(true).open(path);
        let _ = written.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    let Some(wanted) = wanted().filter(|wanted| wanted.point == point) else { return };
    if wanted.passed.fetch_add(1, Ordering::SeqCst) + 1 == wanted.time {
        let _ = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// By how many seconds a test sets the clock off.
pub fn clock_shift() -> i64 {
    let Some(path) = std::env::var_os(CLOCK) else { return 0 };
    std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
