//! As much of YAML as the files of a CI need to be asked for their commands, and no more: maps and lists by indentation,
//! texts on one line, texts in a block.
//!
//! What is wanted are a few keys at known places. The YAML crates read everything else as well, anchors and tags and several
//! documents, and the one that everybody used is not kept up any more; a reader that leaves out what it does not plainly
//! understand is smaller than what would have to be said around one of them. Left out means [`Node::Unread`]: never a guess.

/// Deeper nesting is no CI file that people write.
const DEPTH_MAX: usize = 32;

/// What stands somewhere in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// Text, and the line that it begins on, from 1.
    Text(String, usize),
    List(Vec<Node>),
    /// Keys in the order of the text. One that stands there twice is unread.
    Map(Vec<(String, Node)>),
    /// Nothing, or what is not plainly readable.
    Unread,
}

impl Node {
    /// What a key of a map leads to.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    /// The keys of a map, with what they lead to.
    pub(super) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text, _) => Some(text),
            _ => None,
        }
    }
}

/// Reads a text.
pub(super) fn read(text: &str) -> Node {
    let lines: Vec<Line<'_>> = text.lines().map(Line::new).collect();
    // A tab is no indentation in YAML: what such a file means, others may know.
    if lines.iter().any(|line| line.text.starts_with('\t')) {
        return Node::Unread;
    }
    Reader { lines, at: 0 }.block(0, 0)
}

/// A line; its indentation counts apart.
struct Line<'a> {
    indent: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn new(line: &'a str) -> Self {
        let text = line.trim_start_matches(' ');
        Self { indent: line.len() - text.len(), text: text.trim_end() }
    }

    fn is_blank(&self) -> bool {
        self.text.is_empty() || self.text.starts_with('#') || self.indent == 0 && self.text == "---"
    }

    fn is_item(&self) -> bool {
        is_item(self.text)
    }
}

struct Reader<'a> {
    lines: Vec<Line<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next line that says something.
    fn next(&mut self) -> Option<&Line<'a>> {
        while self.lines.get(self.at).is_some_and(Line::is_blank) {
            self.at += 1;
        }
        self.lines.get(self.at)
    }

    /// Passes over all that is indented by more than this.
    fn skip_deeper(&mut self, indent: usize) {
        while self.next().is_some_and(|line| line.indent > indent) {
            self.at += 1;
        }
    }

    /// What begins on the next line, if that is indented by so much at least.
    fn block(&mut self, indent_min: usize, depth: usize) -> Node {
        let Some(line) = self.next().filter(|line| line.indent >= indent_min) else { return Node::Unread };
        let indent = line.indent;
        if depth < DEPTH_MAX && line.is_item() {
            self.list(indent, depth)
        } else if depth < DEPTH_MAX && key_of(line.text).is_some() {
            self.map(indent, depth)
        } else {
            self.at += 1;
            while self.next().is_some_and(|line| line.indent >= indent_min) {
                self.at += 1;
            }
            Node::Unread
        }
    }

    fn list(&mut self, indent: usize, depth: usize) -> Node {
        let mut items = Vec::new();
        while let Some(line) = self.next().filter(|line| line.indent >= indent) {
            if line.indent > indent || !line.is_item() {
                if line.indent == indent {
                    break;
                }
                self.skip_deeper(indent);
                continue;
            }
            let rest = line.text[1..].trim_start();
            let inner = Line { indent: indent + line.text.len() - rest.len(), text: rest };
            if rest.is_empty() || rest.starts_with('#') {
                self.at += 1;
                items.push(self.block(indent + 1, depth + 1));
            } else if inner.is_item() || key_of(rest).is_some() {
                // What stands behind the dash is the first line of a block of its own.
                let at = self.at;
                self.lines[at] = inner;
                items.push(self.block(indent + 1, depth + 1));
            } else {
                self.at += 1;
                items.push(self.value(rest, indent));
            }
        }
        Node::List(items)
    }

    fn map(&mut self, indent: usize, depth: usize) -> Node {
        let mut entries: Vec<(String, Node)> = Vec::new();
        while let Some(line) = self.next().filter(|line| line.indent >= indent) {
            if line.indent > indent {
                self.skip_deeper(indent);
                continue;
            }
            if line.is_item() {
                break;
            }
            let found = key_of(line.text);
            self.at += 1;
            let Some((key, rest)) = found else { continue };
            let node = if rest.is_empty() || rest.starts_with('#') {
                match self.next() {
                    Some(line) if line.indent > indent => self.block(indent + 1, depth + 1),
                    Some(line) if line.indent == indent && line.is_item() => self.list(indent, depth + 1),
                    _ => Node::Unread,
                }
            } else {
                self.value(rest, indent)
            };
            match entries.iter_mut().find(|(known, _)| *known == key) {
                Some(twice) => twice.1 = Node::Unread,
                None => entries.push((key, node)),
            }
        }
        Node::Map(entries)
    }

    /// What stands behind a key or a dash; the line after it is the next.
    fn value(&mut self, text: &str, indent: usize) -> Node {
        let number = self.at;
        if text.starts_with(['|', '>']) {
            return self.text_block(text, indent);
        }
        let goes_on = self.next().is_some_and(|line| line.indent > indent);
        self.skip_deeper(indent);
        let read = match text.chars().next() {
            Some('"' | '\'') => quoted(text).filter(|(_, rest)| is_comment(rest)).map(|(text, _)| text),
            Some('&' | '*' | '!' | '{' | '[' | ']' | '}' | '%' | '@' | '`') | None => None,
            Some(_) => Some(text.split(" #").next().unwrap_or(text).trim_end().to_owned()),
        };
        match read {
            Some(text) if !goes_on => Node::Text(text, number),
            _ => Node::Unread,
        }
    }

    /// A text of several lines: as they are, or folded, which is read only where it is one.
    fn text_block(&mut self, head: &str, indent: usize) -> Node {
        let first = self.at;
        let mut lines: Vec<String> = Vec::new();
        let mut least = None;
        while let Some(line) = self.lines.get(self.at).filter(|line| line.text.is_empty() || line.indent > indent) {
            if !line.text.is_empty() {
                let least = least.get_or_insert(line.indent);
                *least = line.indent.min(*least);
            }
            lines.push(" ".repeat(line.indent) + line.text);
            self.at += 1;
        }
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
        let plain_head =
            matches!(head.split(" #").next().unwrap_or(head).trim_end(), "|" | "|-" | "|+" | ">" | ">-" | ">+");
        if !plain_head || head.starts_with('>') && lines.len() > 1 {
            return Node::Unread;
        }
        let least = least.unwrap_or(0);
        let lines: Vec<&str> = lines.iter().map(|line| line.get(least..).unwrap_or_default()).collect();
        Node::Text(lines.join("\n"), first + 1)
    }
}

fn is_item(text: &str) -> bool {
    text == "-" || text.starts_with("- ")
}

/// The key at the beginning of a line, and what stands behind its colon.
fn key_of(text: &str) -> Option<(String, &str)> {
    if text.starts_with(['"', '\'']) {
        let (key, rest) = quoted(text)?;
        let rest = rest.trim_start().strip_prefix(':')?;
        return (rest.is_empty() || rest.starts_with(' ')).then(|| (key, rest.trim_start()));
    }
    if text.starts_with(['[', ']', '{', '}', '&', '*', '!', '|', '>', '%', '@', '`', '?', '#', ',']) {
        return None;
    }
    let end = text
        .match_indices(':')
        .map(|(at, _)| at)
        .find(|at| matches!(text.as_bytes().get(at + 1), None | Some(b' ')))?;
    let key = text[..end].trim_end();
    (!key.is_empty() && !key.contains(" #")).then(|| (key.to_owned(), text[end + 1..].trim_start()))
}

/// The text in quotes at the beginning, and what stands behind it. Only the plain escapes are read.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next()?;
    let mut read = String::new();
    while let Some((at, c)) = chars.next() {
        let rest = &text[at + c.len_utf8()..];
        match c {
            '\'' if quote == '\'' && rest.starts_with('\'') => {
                chars.next();
                read.push('\'');
            }
            _ if c == quote => return Some((read, rest)),
            '\\' if quote == '"' => match chars.next()? {
                (_, escaped @ ('"' | '\\' | '/')) => read.push(escaped),
                _ => return None,
            },
            _ => read.push(c),
        }
    }
    None
}

fn is_comment(rest: &str) -> bool {
    rest.trim().is_empty() || rest.starts_with(' ') && rest.trim_start().starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str, line: usize) -> Node {
        Node::Text(text.to_owned(), line)
    }

    /// What stands at a path of keys and positions.
    fn at(source: &str, path: &str) -> Node {
        let mut node = read(source);
        for part in path.split('/') {
            node = match part.parse::<usize>() {
                Ok(index) => node.items().get(index).cloned(),
                Err(_) => node.get(part).cloned(),
            }
            .unwrap_or(Node::Unread);
        }
        node
    }

    #[test]
    fn maps_and_lists_nest_by_indentation() {
        let source = "jobs:\n  test:\n    steps:\n    - uses: a/b@v1\n    -   name: x\n        run: one\n  # c\n  lint:\n    steps:\n      - run: two\n";
        assert_eq!(at(source, "jobs/test/steps/1/run"), text("one", 6));
        assert_eq!(at(source, "jobs/lint/steps/0/run"), text("two", 10));
    }

    #[test]
    fn quotes_are_taken_off_and_those_inside_stay() {
        for (value, expected) in [
            ("cargo test # all", "cargo test"),
            ("\"npm run \\\"test:unit\\\"\"", "npm run \"test:unit\""),
            ("'pytest -m ''not slow'''", "pytest -m 'not slow'"),
            ("pytest -m \"not slow\"", "pytest -m \"not slow\""),
            ("\"a # b\" # c", "a # b"),
            ("a#b", "a#b"),
        ] {
            assert_eq!(at(&format!("run: {value}\n"), "run"), text(expected, 1), "{value}");
        }
    }

    #[test]
    fn block_of_text_keeps_its_lines() {
        let source = "a:\n  - run: |\n      one\n        two\n\n      # three\n\n    name: x\n";
        assert_eq!(at(source, "a/0/run"), text("one\n  two\n\n# three", 3));
        assert_eq!(at(source, "a/0/name"), text("x", 8));
        assert_eq!(at("run: >-\n  one\n", "run"), text("one", 2));
    }

    #[test]
    fn what_is_not_plain_is_unread_and_what_stands_beside_it_is_read() {
        for value in [
            "*anchor",
            "&a x",
            "!tag x",
            "{a: b}",
            "[a, b]",
            "\"a\\tb\"",
            "\"open",
            "one\n  two",
            ">\n  a\n  b",
            "|2\n    a",
            "",
        ] {
            let source = format!("run: {value}\nnext: x\n");
            assert_eq!(at(&source, "run"), Node::Unread, "{value}");
            assert!(matches!(at(&source, "next"), Node::Text(text, _) if text == "x"), "{value}");
        }
        assert_eq!(at("a: 1\na: 2\n", "a"), Node::Unread);
        assert_eq!(read("a:\n\tb: 1\n"), Node::Unread);
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for source in [
            "",
            "-",
            "- - - a",
            "a\nb\n",
            ":\n",
            "- a\nb: c\n- d",
            "a:\n- b\nc\n  - d",
            "'",
            "a: '\n b",
            "\u{feff}a: b",
            "? a\n: b",
        ] {
            let _ = read(source);
        }
        let deep: Vec<String> = (0..5000).map(|depth| format!("{}a:", " ".repeat(depth))).collect();
        let _ = read(&deep.join("\n"));
        let _ = read(&"- ".repeat(100_000));
    }
}
