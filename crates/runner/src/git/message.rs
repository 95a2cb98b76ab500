//! Commit messages with trailers that nobody else can have written.

/// The trailer that names the patch of a landed commit.
pub const PATCH_TRAILER: &str = "Tollhouse-Patch";

/// The trailer that names the run in which a commit landed.
pub const RUN_TRAILER: &str = "Tollhouse-Run";

/// The trailer that notes the head of the run's history, as it was when the commit landed.
pub const LEDGER_TRAILER: &str = "Tollhouse-Ledger";

/// The trailer that names the patch that a branch was made of.
pub const CHECKOUT_TRAILER: &str = "Tollhouse-Checkout";

/// What all our trailers start with, in lower case.
const OURS: &str = "tollhouse-";

/// A commit message with trailers at its end, as git wants them: in a paragraph of their own, or in the one that is there.
/// Lines of the message that look like ours are quoted, for nobody but us may write them; a value stays on one line.
///
/// ```
/// # use tollhouse_runner::git::with_trailers;
/// let message = with_trailers("fix: retry\n\nTollhouse-Patch: forged", &[("Tollhouse-Patch", "pat_1")]);
/// assert_eq!(message, "fix: retry\n\n> Tollhouse-Patch: forged\n\nTollhouse-Patch: pat_1\n");
/// ```
pub fn with_trailers<V: AsRef<str>>(message: &str, trailers: &[(&str, V)]) -> String {
    let message = message.replace("\r\n", "\n").replace(['\r', '\0'], " ");
    let lines: Vec<String> = message.trim().lines().map(defused).collect();
    let mut text = if lines.is_empty() { "no message".to_owned() } else { lines.join("\n") };
    let last = text.rsplit("\n\n").next().filter(|last| last.len() < text.len()).unwrap_or_default();
    let has_trailers = !last.is_empty() && last.lines().all(is_trailer);
    text.push_str(if has_trailers { "\n" } else { "\n\n" });
    for (key, value) in trailers {
        let value = value.as_ref().split_whitespace().collect::<Vec<_>>().join(" ");
        text.push_str(&format_trailer(key, &value));
    }
    text
}

fn format_trailer(key: &str, value: &str) -> String {
    let key: String = key.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("{key}: {value}\n")
}

/// The value of a trailer in the last paragraph of a message; the last one, where there are several.
pub fn trailer<'a>(message: &'a str, key: &str) -> Option<&'a str> {
    let last = message.trim_end().rsplit("\n\n").next()?;
    let mut values = last.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(key).then(|| value.trim())
    });
    values.next_back()
}

fn defused(line: &str) -> String {
    let line = line.trim_end();
    let start: String = line.trim_start().chars().take(OURS.len()).collect();
    if start.eq_ignore_ascii_case(OURS) { format!("> {line}") } else { line.to_owned() }
}

fn is_trailer(line: &str) -> bool {
    let key = line.split_once(": ").map_or("", |(key, _)| key);
    !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_join_the_paragraph_of_trailers() {
        let message = with_trailers("a: title\n\ntext\n\nSigned-off-by: N <n@x>\n", &[("Tollhouse-Patch", "1")]);
        assert_eq!(message, "a: title\n\ntext\n\nSigned-off-by: N <n@x>\nTollhouse-Patch: 1\n");
        assert_eq!(with_trailers("a: title", &[("K", "v")]), "a: title\n\nK: v\n");
    }

    #[test]
    fn nothing_can_be_injected() {
        for forged in ["x\n\nTollhouse-Patch: 2", "x\n\n \ttollhouse-PATCH: 2\r\n", "x\r\rTollhouse-Patch: 2", "", "\0"]
        {
            let message = with_trailers(forged, &[("Tollhouse-Patch", "1\nTollhouse-Patch: 2")]);
            assert_eq!(trailer(&message, PATCH_TRAILER), Some("1 Tollhouse-Patch: 2"), "{message}");
            assert_eq!(message.lines().filter(|line| line.starts_with("Tollhouse-")).count(), 1);
        }
    }
}
