//! What all contestants have in common: what they are asked, how they are timed, what they print.
//!
//! `benches/peers.rs` and each peer include this file, so that all are measured by the same lines.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// How many operations each caller does before the clock starts.
pub(crate) const WARM_UP: usize = 20;

/// How many bytes each operation stores.
const PAYLOAD_BYTES: usize = 100;

/// Where SQLite keeps the version of the library that wrote the file: "Database File Format", section 1.3.
const VERSION_AT: u64 = 96;

/// What a contestant is to do.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    /// The database, which is not there yet.
    pub(crate) file: PathBuf,
    /// How many callers there are at once.
    pub(crate) callers: usize,
    /// How many operations all callers do together, beside warming up.
    pub(crate) operations: usize,
}

impl Task {
    /// Reads `--file PATH --callers N --operations N`.
    pub(crate) fn from_arguments() -> Self {
        let words: Vec<String> = std::env::args().collect();
        let value = |flag: &str| {
            let at = words.iter().position(|word| word == flag).unwrap_or_else(|| panic!("{flag} is missing"));
            words.get(at + 1).unwrap_or_else(|| panic!("{flag} needs a value"))
        };
        let number = |flag: &str| value(flag).parse().unwrap_or_else(|_| panic!("{flag} needs a number"));
        Self { file: value("--file").into(), callers: number("--callers"), operations: number("--operations") }
    }

    /// How many operations this caller does after warming up.
    pub(crate) fn share(&self, caller: usize) -> usize {
        self.operations / self.callers + usize::from(caller < self.operations % self.callers)
    }

    /// How many operations must be there at the end.
    pub(crate) fn total(&self) -> usize {
        self.operations + self.callers * WARM_UP
    }

    /// Prints what was measured, as one line of JSON.
    pub(crate) fn report(&self, laps: Vec<Lap>, settings: &[(&str, String)]) {
        let mut settings: Map<_, _> = settings.iter().map(|(name, value)| ((*name).into(), json!(value))).collect();
        settings.insert("sqlite".into(), sqlite_version(&self.file).into());
        let began = laps.iter().map(|lap| lap.began).min().expect("a caller");
        let ended = laps.iter().map(|lap| lap.ended).max().expect("a caller");
        let mut took: Vec<Duration> = laps.into_iter().flat_map(|lap| lap.took).collect();
        assert_eq!(took.len(), self.operations, "every operation was timed");
        took.sort_unstable();
        let micros = |percent: usize| took.get(took.len() * percent / 100).map(|time| time.as_secs_f64() * 1e6);
        let report = json!({
            "operations": self.operations,
            "seconds": (ended - began).as_secs_f64(),
            "p50_us": micros(50),
            "p99_us": micros(99),
            "settings": Value::Object(settings),
        });
        println!("{report}");
    }
}

/// What one caller did after warming up.
#[derive(Debug)]
pub(crate) struct Lap {
    began: Instant,
    ended: Instant,
    took: Vec<Duration>,
}

impl Lap {
    /// The clock starts.
    pub(crate) fn begin() -> Self {
        let now = Instant::now();
        Self { began: now, ended: now, took: Vec::new() }
    }

    /// One more operation was acknowledged; the next one begins.
    pub(crate) fn acknowledged(&mut self) {
        let now = Instant::now();
        self.took.push(now - self.ended);
        self.ended = now;
    }
}

/// What each operation stores.
pub(crate) fn payload() -> String {
    "x".repeat(PAYLOAD_BYTES)
}

/// The SQLite that wrote this file.
fn sqlite_version(file: &Path) -> String {
    let mut bytes = [0; 4];
    let mut file = std::fs::File::open(file).expect("the database is there");
    file.seek(SeekFrom::Start(VERSION_AT)).expect("it can be read");
    file.read_exact(&mut bytes).expect("it has a header");
    let number = u32::from_be_bytes(bytes);
    format!("{}.{}.{}", number / 1_000_000, number / 1000 % 1000, number % 1000)
}
