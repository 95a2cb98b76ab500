//! Reading one hunk: its header, and as many lines as the header says.

use super::parse::{Lines, PatchProblem};
use super::{Hunk, Line, LineKind};

/// Reads the hunk whose header is the next line. The position is after it then; after an error, at the line that was wrong.
pub(super) fn read_hunk(lines: &mut Lines<'_>) -> Result<Hunk, PatchProblem> {
    let at = lines.number();
    let header = lines.next().unwrap_or_default();
    let range = parse_header(header)
        .ok_or_else(|| PatchProblem::new(at, "the hunk header is not of the form @@ -line,count +line,count @@"))?;
    let mut reader = HunkReader { left: range, ended: [false, false], lines: Vec::new() };
    while reader.left.old_count > 0 || reader.left.new_count > 0 {
        let number = lines.number();
        let Some(line) = lines.peek() else {
            return Err(PatchProblem::new(at, "the patch ends before the lines that the hunk header counts"));
        };
        reader.take(line).map_err(|message| PatchProblem::new(number, message))?;
        lines.next();
    }
    if reader.lines.is_empty() {
        return Err(PatchProblem::new(at, "the hunk header counts no lines"));
    }
    if let Some(line) = lines.peek().filter(|line| line.starts_with(b"\\ ")) {
        let number = lines.number();
        lines.next();
        reader.take(line).map_err(|message| PatchProblem::new(number, message))?;
    }
    if lines.at_surplus() {
        return Err(PatchProblem::new(lines.number(), "the hunk has more lines than its header counts"));
    }
    Ok(Hunk { old_start: range.old_start, new_start: range.new_start, lines: reader.lines })
}

#[derive(Clone, Copy)]
struct Range {
    old_start: usize,
    old_count: usize,
    new_start: usize,
    new_count: usize,
}

fn parse_header(line: &[u8]) -> Option<Range> {
    let rest = line.strip_prefix(b"@@ -")?;
    let (old_start, old_count, rest) = parse_pair(rest)?;
    let rest = rest.strip_prefix(b" +")?;
    let (new_start, new_count, rest) = parse_pair(rest)?;
    rest.starts_with(b" @@").then_some(())?;
    // Line numbers start at 1; only a side without lines may be at 0. The ends must be numbers, too.
    let sound = |start: usize, count: usize| (start > 0 || count == 0) && start.checked_add(count).is_some();
    (sound(old_start, old_count) && sound(new_start, new_count)).then_some(Range {
        old_start,
        old_count,
        new_start,
        new_count,
    })
}

fn parse_pair(text: &[u8]) -> Option<(usize, usize, &[u8])> {
    let (start, rest) = parse_number(text)?;
    match rest.strip_prefix(b",") {
        Some(rest) => parse_number(rest).map(|(count, rest)| (start, count, rest)),
        None => Some((start, 1, rest)),
    }
}

pub(super) fn parse_number(text: &[u8]) -> Option<(usize, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((number, &text[digits..]))
}

struct HunkReader {
    left: Range,
    /// Whether the old and the new side had their line without a line end.
    ended: [bool; 2],
    lines: Vec<Line>,
}

impl HunkReader {
    fn take(&mut self, line: &[u8]) -> Result<(), &'static str> {
        const SHORT: &str = "the hunk has fewer lines than its header counts";
        let (kind, text) = match line.split_first() {
            Some((b' ', text)) => (LineKind::Context, text),
            Some((b'-', text)) => (LineKind::Removed, text),
            Some((b'+', text)) => (LineKind::Added, text),
            Some((b'\\', _)) => return self.end_without_newline(),
            // Mail and editors strip the blank of an empty context line.
            None | Some((b'\r', [])) => (LineKind::Context, line),
            Some(_) => return Err(SHORT),
        };
        let sides = sides(kind);
        if sides[0] && self.left.old_count == 0 || sides[1] && self.left.new_count == 0 {
            return Err("the hunk has other lines than its header counts");
        }
        if sides[0] && self.ended[0] || sides[1] && self.ended[1] {
            return Err("a line follows the one that has no newline at the end of the file");
        }
        self.left.old_count -= usize::from(sides[0]);
        self.left.new_count -= usize::from(sides[1]);
        let mut text = text.to_vec();
        text.push(b'\n');
        self.lines.push(Line { kind, text });
        Ok(())
    }

    fn end_without_newline(&mut self) -> Result<(), &'static str> {
        let last = self.lines.last_mut().ok_or("no line comes before the one that says there is no newline")?;
        if last.text.last() != Some(&b'\n') || last.text.len() == 1 {
            return Err("the line before cannot be without a newline");
        }
        last.text.pop();
        let sides = sides(last.kind);
        self.ended = [self.ended[0] || sides[0], self.ended[1] || sides[1]];
        Ok(())
    }
}

/// Whether a line is on the old and on the new side.
fn sides(kind: LineKind) -> [bool; 2] {
    [kind != LineKind::Added, kind != LineKind::Removed]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Hunk, String> {
        read_hunk(&mut Lines::new(text.as_bytes())).map_err(|problem| problem.to_string())
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        for header in ["-1,18446744073709551615 +1 @@", "-99999999999999999999 +1 @@", "-1,-3 +1 @@", "-0,1 +1 @@"] {
            assert!(read(&format!("@@ {header}\n-a\n+b\n")).is_err(), "{header}");
        }
    }

    #[test]
    fn wrong_counts_are_refused() {
        assert!(read("@@ -1,2 +1 @@\n-a\n+b\n").unwrap_err().contains("ends before"));
        assert!(read("@@ -1 +1 @@\n-a\n+b\n+c\n").unwrap_err().contains("more lines"));
        assert!(read("@@ -1 +1,2 @@\n-a\n-b\n").unwrap_err().contains("other lines"));
        assert!(read("@@ -1,3 +1 @@\n-a\n+b\nrubbish\n").unwrap_err().contains("fewer lines"));
    }

    #[test]
    fn mail_signature_after_the_last_hunk_is_no_surplus() {
        assert!(read("@@ -1 +1 @@\n-a\n+b\n-- \n2.47.3\n").is_ok());
    }

    #[test]
    fn newline_marker_belongs_to_the_line_before() {
        let hunk = read("@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n").unwrap();
        assert_eq!(hunk.old_lines().collect::<Vec<_>>(), [b"a"]);
        assert_eq!(hunk.new_lines().collect::<Vec<_>>(), [b"a\n"]);
        assert!(read("@@ -1,2 +1 @@\n-a\n\\ No newline at end of file\n-b\n+a\n").is_err());
    }

    #[test]
    fn carriage_returns_in_content_are_kept() {
        let hunk = read("@@ -1,2 +1,2 @@\n-a\r\n+b\r\n \r\n").unwrap();
        assert_eq!(hunk.old_lines().collect::<Vec<_>>(), [b"a\r\n".as_slice(), b"\r\n"]);
    }
}
