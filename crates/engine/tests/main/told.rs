//! What a test found out that a person should read: it goes where `cargo xtask test` shows it at its end.

use std::io::Write;

#[expect(clippy::disallowed_methods, reason = "the tests of a pure crate may say what they found")]
pub(crate) fn tell(line: &str) {
    if let Ok(path) = std::env::var("TOLLHOUSE_TEST_FIGURES") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    }
}
