//! The one place that hands out standard output and standard error.

use std::io::{self, IsTerminal, Write};

use crate::args::{Color, Everywhere};

/// How results and everything else reach people and programs.
#[derive(Debug)]
pub(crate) struct Printer {
    pub(crate) json: bool,
    pub(crate) voice: Voice,
    color_out: bool,
    color_err: bool,
    out: io::Stdout,
    err: io::Stderr,
}

/// How much is said beside the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Voice {
    Quiet,
    Plain,
    Verbose,
}

/// How a piece of text is to look where there is colour. Never the only signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Good,
    Bad,
    Odd,
    Dim,
    Bold,
}

impl Printer {
    pub(crate) fn new(args: &Everywhere) -> Self {
        let wanted = |terminal: bool| match args.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && !is_dumb() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        Self {
            json: args.json,
            voice: match (args.quiet || args.json, args.verbose) {
                (true, _) => Voice::Quiet,
                (false, false) => Voice::Plain,
                (false, true) => Voice::Verbose,
            },
            color_out: wanted(io::stdout().is_terminal()) && !args.json,
            color_err: wanted(io::stderr().is_terminal()) && !args.json,
            out: io::stdout(),
            err: io::stderr(),
        }
    }

    /// A result. What agents wrote is in it, so nothing of it but our colours may command a terminal.
    pub(crate) fn out(&mut self, text: &str) -> io::Result<()> {
        self.out_bytes(format!("{}\n", harmless(text)).as_bytes())
    }

    /// A result that is not text, or not ours to end with a newline.
    pub(crate) fn out_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out = self.out.lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Everything else. Where nobody listens any more, there is nobody to tell.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = writeln!(self.err.lock(), "{}", harmless(text));
    }

    /// What is nice to know, and left out where quiet is wanted.
    pub(crate) fn remark(&mut self, text: &str) {
        if self.voice != Voice::Quiet {
            self.note(text);
        }
    }

    /// Whether a person sees standard error as it comes.
    pub(crate) fn is_watched(&self) -> bool {
        self.voice != Voice::Quiet && !is_dumb() && self.err.is_terminal()
    }

    /// Text for standard output.
    pub(crate) fn paint(&self, look: Look, text: &str) -> String {
        paint(self.color_out, look, text)
    }

    /// Text for standard error.
    pub(crate) fn paint_err(&self, look: Look, text: &str) -> String {
        paint(self.color_err, look, text)
    }
}

fn paint(color: bool, look: Look, text: &str) -> String {
    if !color {
        return text.to_owned();
    }
    let code = match look {
        Look::Good => "32",
        Look::Bad => "31",
        Look::Odd => "33",
        Look::Dim => "2",
        Look::Bold => "1",
    };
    format!("{MARK}{code}m{text}{MARK}0m")
}

/// Stands for the start of a colour until it is printed: a private character that no terminal obeys.
pub(crate) const MARK: char = '\u{e000}';

/// Whether the terminal understands nothing but text.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The text with its colours, and with everything else that a terminal would obey shown instead of sent.
pub(crate) fn harmless(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            MARK => clean.push_str("\u{1b}["),
            '\n' | '\t' => clean.push(c),
            c if c.is_control() => clean.extend(c.escape_default()),
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_an_agent_wrote_commands_a_terminal() {
        let painted = paint(true, Look::Bad, "\u{1b}]0;title\u{7}");
        assert_eq!(harmless(&painted), "\u{1b}[31m\\u{1b}]0;title\\u{7}\u{1b}[0m");
    }
}
