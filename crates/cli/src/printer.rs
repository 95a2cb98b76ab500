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
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
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

    /// A result.
    pub(crate) fn out(&mut self, text: &str) -> io::Result<()> {
        self.out_bytes(format!("{text}\n").as_bytes())
    }

    /// A result that is not text, or not ours to end with a newline.
    pub(crate) fn out_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut out = self.out.lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Everything else. Where nobody listens any more, there is nobody to tell.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = writeln!(self.err.lock(), "{text}");
    }

    /// What is nice to know, and left out where quiet is wanted.
    pub(crate) fn remark(&mut self, text: &str) {
        if self.voice != Voice::Quiet {
            self.note(text);
        }
    }

    /// Whether a person sees standard error as it comes.
    pub(crate) fn is_watched(&self) -> bool {
        self.voice != Voice::Quiet && self.err.is_terminal()
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
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
