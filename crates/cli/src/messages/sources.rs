//! The errors that this crate makes itself, read from its sources: `CliError::new(ErrorKind::…, "code", message)` and what
//! hint follows it.

use std::path::Path;

use super::Told;

/// An error that is made somewhere.
pub(super) struct Found {
    pub(super) file: String,
    /// What it tells; `None` where its kind or code is no word in the source.
    pub(super) told: Option<Told>,
}

/// Every place where an error of ours is made.
pub(super) fn errors() -> Vec<Found> {
    let mut found = Vec::new();
    read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 20, "the sources are read");
    found
}

fn read_folder(folder: &Path, found: &mut Vec<Found>) {
    let mut paths: Vec<_> =
        folder.read_dir().expect("the sources are there").flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.ends_with("messages") {
            read_folder(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source is text");
            let file = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            read_file(&file, &text, found);
        }
    }
}

fn read_file(file: &str, text: &str, found: &mut Vec<Found>) {
    for name in ["CliError::new(", "Self::new("] {
        for (at, _) in text.match_indices(name) {
            let (arguments, rest) = arguments(&text[at + name.len()..]);
            let is_other =
                name.starts_with("Self") && arguments.first().is_none_or(|kind| !kind.to_lowercase().contains("kind"));
            if is_other {
                continue;
            }
            let [kind, code, message] = arguments.as_slice() else { panic!("{file}: {arguments:?}") };
            found.push(Found { file: file.to_owned(), told: told(kind, code, message, rest) });
        }
    }
}

fn told(kind: &str, code: &str, message: &str, rest: &str) -> Option<Told> {
    let exit = exit_of(kind.rsplit_once("ErrorKind::")?.1)?;
    let code = code.strip_prefix('"')?.strip_suffix('"')?.to_owned();
    let hint = rest.trim_start().strip_prefix(".hint(").map(|rest| text_of(&arguments(rest).0.join(", ")));
    Some(Told { exit, code, message: text_of(message), hint })
}

fn exit_of(kind: &str) -> Option<u8> {
    use crate::error::ErrorKind as K;
    let kinds =
        [K::Usage, K::Refused, K::NotFound, K::Conflict, K::Ledger, K::Machine, K::Bug, K::Interrupted, K::Terminated];
    kinds.into_iter().find(|known| format!("{known:?}") == kind).map(|kind| kind as u8)
}

/// The arguments of a call whose bracket was opened, and what follows its end.
fn arguments(text: &str) -> (Vec<String>, &str) {
    let (mut arguments, mut depth, mut in_string, mut escaped) = (vec![String::new()], 0_u32, false, false);
    for (at, char) in text.char_indices() {
        let is_end = !in_string && depth == 0 && char == ')';
        if is_end {
            arguments.retain(|argument| !argument.trim().is_empty());
            let trimmed = arguments.iter().map(|argument| argument.trim().to_owned()).collect();
            return (trimmed, &text[at + 1..]);
        }
        match char {
            '"' if !escaped => in_string = !in_string,
            '(' | '[' | '{' if !in_string => depth += 1,
            ')' | ']' | '}' if !in_string => depth -= 1,
            ',' if !in_string && depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        escaped = char == '\\' && !escaped;
        arguments.last_mut().expect("there is always one").push(char);
    }
    panic!("a call does not end: {text}")
}

/// The text of an expression: its first literal, with words in capitals for what is filled in.
fn text_of(expression: &str) -> String {
    let Some(from) = expression.find('"') else { return "…".to_owned() };
    let mut text = String::new();
    let mut chars = expression[from + 1..].chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => break,
            '\\' => text.extend(chars.next()),
            '{' => {
                let name: String = chars.by_ref().take_while(|char| *char != '}').collect();
                text.push_str(&placeholder(&name));
            }
            char => text.push(char),
        }
    }
    text
}

fn placeholder(name: &str) -> String {
    match name.split_once(':') {
        _ if name == "CONFIG" => "tollhouse.toml".to_owned(),
        None if name.is_empty() => "…".to_owned(),
        None => name.to_uppercase(),
        Some((name, _)) => format!("\"{}\"", name.to_uppercase()),
    }
}
