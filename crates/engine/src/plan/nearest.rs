//! The known name that a wrong one was probably meant to be.

/// More names than these are not compared: a hint must cost nothing that is felt.
const COMPARED_MAX: usize = 1000;

/// Longer names are nobody's typing error.
const LENGTH_MAX: usize = 60;

/// A hint that names the nearest of the known names, where one is near.
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// The nearest of the known names, where one is near.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LENGTH_MAX {
        return None;
    }
    let lower = name.to_lowercase();
    let comparable = known.into_iter().take(COMPARED_MAX).filter(|other| other.len() <= LENGTH_MAX);
    let (distance, found) = comparable
        .map(|other| (distance(&lower, &other.to_lowercase()), other))
        .min_by_key(|(distance, _)| *distance)?;
    // A third of the letters may be wrong: beyond that, any short name would be near any other.
    (distance <= (name.chars().count() / 3).max(1)).then_some(found)
}

/// How many letters are wrong. A word that was cut short is nearly right.
fn distance(name: &str, other: &str) -> usize {
    let is_cut = name.chars().count() > 2 && other.starts_with(name);
    strsim::damerau_levenshtein(name, other).min(if is_cut { 1 } else { usize::MAX })
}

/// A name for a message: in backquotes, on one line, shortened.
pub(super) fn quoted(name: &str) -> String {
    let shown: String = name.chars().take(LENGTH_MAX).flat_map(char::escape_debug).collect();
    let rest = if name.chars().count() > LENGTH_MAX { "…" } else { "" };
    format!("`{shown}{rest}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_word() {
        assert_eq!(nearest("promt", ["prompt", "plan"]), Some("prompt"));
        assert_eq!(nearest("Timeout", ["timeout"]), Some("timeout"));
        assert_eq!(nearest("gate", ["task", "gates"]), Some("gates"));
        assert_eq!(nearest("time", ["name", "timeout"]), Some("timeout"));
    }

    #[test]
    fn another_word_finds_none() {
        assert_eq!(nearest("color", ["prompt", "plan", "agent"]), None);
        assert_eq!(nearest("x", ["ab"]), None);
        assert_eq!(nearest("", []), None);
    }

    #[test]
    fn a_name_of_many_lines_is_shown_on_one() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"é".repeat(100)).chars().count(), 63);
    }
}
