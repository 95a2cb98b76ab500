//! strace: whether it can watch a process here, and what it wrote down of one.
//!
//! It holds a process at each call that it watches, so whatever follows from the end of a call is written down after it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use super::record::Record;
use crate::writing::{Job, writer};

/// The name of the ledger's file.
pub(super) const LEDGER: &str = "ledger.db";

/// Every call by which a file or a folder could be changed or synced, or a descriptor come or go; what the record has no
/// model of is among them so that it is seen. The question mark is for systems that do not have all.
const CALLS: &str = "?open,?openat,?openat2,?creat,?close,?dup,?dup2,?dup3,?write,?pwrite64,?writev,?pwritev,?pwritev2,\
    ?fsync,?fdatasync,?truncate,?ftruncate,?fallocate,?unlink,?unlinkat,?rename,?renameat,?renameat2,?link,?linkat,\
    ?symlink,?symlinkat,?mmap,?copy_file_range,?sendfile,?splice,?io_uring_setup";

/// A call, from the line on which it begins to the one on which it ends.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) begins: usize,
    pub(super) ends: usize,
    pub(super) name: String,
    pub(super) arguments: Vec<Argument>,
    /// Negative where it failed.
    pub(super) result: i64,
}

#[derive(Debug)]
pub(super) enum Argument {
    Text(Vec<u8>),
    /// A number, a name, or several of them.
    Word(String),
}

/// Whether a process can be watched, or why not.
pub(super) fn possible() -> Result<(), String> {
    let mut command = Command::new("strace");
    let probe = command
        .args(["-f", "--seccomp-bpf", "-qq", "-e", &format!("trace={CALLS}"), "-o", "/dev/null", "true"])
        .output();
    let probe = probe.map_err(|error| format!("strace cannot be started: {error}"))?;
    if probe.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&probe.stderr);
    Err(format!("strace cannot watch a process: {}", said.lines().next().unwrap_or("it does not say why")))
}

/// What a writing process does to the files of a folder, as the n-th of several after each other.
pub(super) fn of(process: usize, job: &Job, folder: &Path) -> Record {
    let folder = folder.canonicalize().unwrap();
    let written = tempfile::NamedTempFile::new().unwrap();
    let writer = writer(job, &folder.join(LEDGER));
    let mut command = Command::new("strace");
    command
        .args(["-f", "--seccomp-bpf", "-qq", "-xx", "-s", "10000000", "-e", &format!("trace={CALLS}"), "-o"])
        .arg(written.path());
    command.arg(writer.get_program()).args(writer.get_args());
    command.envs(writer.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("HOME", &folder);
    let status = command.stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{job:?}: {status}");
    Record::new(process, &calls(BufReader::new(File::open(written.path()).unwrap())), &folder)
}

/// The calls of a trace, in the order in which they begin.
fn calls(trace: BufReader<File>) -> Vec<Call> {
    let mut calls = Vec::new();
    // By process: the line on which its call began, and what was written of it.
    let mut begun: BTreeMap<String, (usize, String)> = BTreeMap::new();
    for (number, line) in trace.lines().enumerate() {
        let line = line.unwrap();
        let (process, rest) = line.split_once(' ').unwrap_or_else(|| panic!("no line of strace: {line}"));
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(beginning) = rest.strip_suffix("<unfinished ...>") {
            begun.insert(process.to_owned(), (number, beginning.to_owned()));
        } else if rest.starts_with("<... ") {
            let (begins, beginning) = begun.remove(process).expect("what is resumed was begun");
            let (_, end) = rest.split_once(" resumed>").expect("strace says what is resumed");
            calls.push(call(&format!("{beginning}{end}"), begins, number));
        } else {
            calls.push(call(rest, number, number));
        }
    }
    calls.sort_by_key(|call| call.begins);
    calls
}

/// `name(argument, argument) = result`. All text is in hexadecimal, and so holds none of these signs.
fn call(text: &str, begins: usize, ends: usize) -> Call {
    let parse = || {
        let (call, result) = text.rsplit_once(" = ")?;
        let (name, arguments) = call.trim_end().strip_suffix(')')?.split_once('(')?;
        let result = result.split(' ').next()?;
        // What is given back in hexadecimal is an address.
        let result = if result.starts_with("0x") { 0 } else { result.parse().ok()? };
        let arguments = arguments.split(',').map(|argument| Argument::read(argument.trim())).collect();
        Some(Call { begins, ends, name: name.to_owned(), arguments, result })
    };
    parse().unwrap_or_else(|| panic!("no call that strace writes: {}", &text[..text.len().min(200)]))
}

impl Argument {
    fn read(written: &str) -> Self {
        let Some(text) = written.strip_prefix('"') else { return Self::Word(written.to_owned()) };
        let text = text.strip_suffix('"').expect("strace is told to write text out to its end").as_bytes();
        // Each byte is written as `\x0a`. There are many: this is a loop that is quick also where it is not optimised.
        let mut bytes = vec![0; text.len() / 4];
        let mut at = 2;
        for byte in &mut bytes {
            *byte = DIGITS[text[at] as usize] << 4 | DIGITS[text[at + 1] as usize];
            at += 4;
        }
        Self::Text(bytes)
    }
}

/// What each hexadecimal digit stands for.
const DIGITS: [u8; 256] = {
    let mut digits = [0; 256];
    let mut value = 0;
    while value < 16 {
        digits[b"0123456789abcdef"[value as usize] as usize] = value;
        value += 1;
    }
    digits
};
