//! Columns for people.

use crate::printer::MARK;

/// Lays rows out in columns; the last one keeps its length.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| shown(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - shown(cell) + 2));
        }
        lines.push(line.trim_end().to_owned());
    }
    lines.join("\n")
}

/// How many characters of a cell are seen: colour is not.
fn shown(cell: &str) -> usize {
    let mut count = 0;
    let mut hidden = false;
    for c in cell.chars() {
        match c {
            MARK => hidden = true,
            'm' if hidden => hidden = false,
            _ if hidden => {}
            _ => count += 1,
        }
    }
    count
}

/// The first line, shortened to fit a row.
pub(crate) fn brief(text: &str, chars_max: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= chars_max {
        return line.to_owned();
    }
    let cut: String = line.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_colour() {
        let rows = [["a", "\u{e000}32mlong\u{e000}0m", "x"], ["bcd", "s", "y"]];
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect();
        assert_eq!(table(&rows), "a    \u{e000}32mlong\u{e000}0m  x\nbcd  s     y");
    }
}
