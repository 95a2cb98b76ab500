//! What is said of scopes, held against the matcher that policy uses.

use proptest::prelude::*;
use tollhouse_core::RepoPath;

use super::automaton::Automaton;
use super::{Inclusion, Meeting, Scope, overlap};
use crate::policy::{Globs, expression_of, glob_problem};

/// Paths of so many bytes are tried one and all.
const LENGTH: usize = 6;

fn scope(glob: &str) -> Scope {
    Scope::compile(&[glob.to_owned()])
}

fn meeting(one: &str, other: &str) -> Option<Meeting> {
    overlap(&scope(one), &scope(other))
}

fn matches(globs: &[String], path: &RepoPath) -> bool {
    Globs::new(globs).matches(path)
}

/// Whether git could hold a file of this path.
fn is_possible(path: &RepoPath) -> bool {
    !path.as_bytes().contains(&0) && path.parts().all(|part| !matches!(part, b"" | b"." | b".."))
}

fn is_readable(glob: &str) -> bool {
    glob_problem(glob).is_none()
}

/// Every path of at most so many bytes, the shortest first. Globs that name no other byte than these tell no other two
/// apart: `b`, which none of them names, stands for all the rest.
fn paths(length: usize) -> Vec<RepoPath> {
    let mut paths = vec![Vec::new()];
    let mut begin = 0;
    for _ in 0..length {
        let end = paths.len();
        for at in begin..end {
            let before: Vec<u8> = paths[at].clone();
            paths.extend(b"ab./".iter().map(|byte| [before.as_slice(), &[*byte]].concat()));
        }
        begin = end;
    }
    paths.into_iter().map(RepoPath::new).filter(is_possible).collect()
}

/// A glob that names no byte but `a` and `.`.
fn small_glob() -> impl Strategy<Value = String> {
    let part =
        "([a.*?]|\\*\\*|\\{a,\\*\\}|\\{a/,\\{\\?,\\.a\\}\\}|\\[!a\\]|\\[a\\.\\]|\\\\a|\\{\\*\\*/a,\\}){1,3}|\\*\\*";
    proptest::collection::vec(part, 1..4)
        .prop_map(|parts| parts.join("/"))
        .prop_filter("a glob that can be read", |glob| is_readable(glob))
}

/// Any text that looks like a glob, and is one more often than not.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        12 => "[aab/.*?é,-]",
        6 => "\\*\\*|/\\*\\*/|\\*\\*/|/\\*\\*",
        4 => "\\[[!^]?[]a/-]?[ab.é&~^]-?\\]|\\[[!^]?[!-a]-[a-é]\\]",
        3 => "\\{[ab*/]{0,2},(\\{a,\\?\\*\\}|\\*\\*)?(/\\*\\*)?\\}|\\\\[a*\\[]",
        1 => "[{}\\[\\]!]|\\\\",
    ];
    proptest::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

/// Text that may be a path.
fn path() -> impl Strategy<Value = RepoPath> {
    let byte = proptest::sample::select(b"aaaabb///.-!,^&~\\*\n\xc3\xa9\xff".to_vec());
    proptest::collection::vec(byte, 1..9).prop_map(RepoPath::new).prop_filter("a path", is_possible)
}

/// Whether an automaton takes a path.
fn takes(automaton: &Automaton, path: &RepoPath) -> bool {
    let mut states = std::collections::BTreeSet::from([0]);
    for byte in path.as_bytes() {
        let edges = states.iter().flat_map(|state| automaton.edges(*state));
        states = edges.filter(|edge| edge.set.has(*byte)).map(|edge| edge.to).collect();
    }
    states.iter().any(|state| automaton.accepts(*state))
}

#[test]
fn glob_with_all_there_is_in_it_means_what_it_means_to_policy() {
    for glob in
        ["a", "**", "**/a", "a/**", "a/**/b", "**/*.b", "*", "?", "a.b", "[a-b]", "[!a]", "[]-]", "[a-]", "[^.]", "a,b"]
    {
        let automaton = Automaton::of(&expression_of(glob).unwrap()).unwrap();
        for path in paths(LENGTH) {
            assert_eq!(takes(&automaton, &path), matches(&[glob.to_owned()], &path), "{glob} {path}");
        }
    }
}

proptest! {
    #[test]
    fn automaton_takes_what_policy_matches(glob in text(), path in path()) {
        let expression = expression_of(&glob);
        prop_assert_eq!(expression.is_some(), is_readable(&glob));
        if let Some(expression) = expression {
            let automaton = Automaton::of(&expression);
            prop_assert!(automaton.is_some(), "{} is not understood", expression);
            let (automaton, globs) = (automaton.unwrap(), Globs::new([&glob]));
            for path in paths(4).iter().chain([&path]) {
                prop_assert_eq!(takes(&automaton, path), globs.matches(path), "{} {}", glob, path);
            }
        }
    }

    #[test]
    fn scopes_meet_just_where_some_path_is_of_both(
        a in proptest::collection::vec(small_glob(), 1..3),
        b in proptest::collection::vec(small_glob(), 1..3),
    ) {
        let shortest = |a: &[String], b: &[String]| {
            let (one, other) = (Globs::new(a), Globs::new(b));
            paths(LENGTH).into_iter().find(|path| one.matches(path) && other.matches(path))
        };
        let found = overlap(&Scope::compile(&a), &Scope::compile(&b));
        let Some(Meeting { glob, other, witness }) = found else {
            prop_assert_eq!(shortest(&a, &b), None);
            return Ok(());
        };
        prop_assert!(a.contains(&glob) && b.contains(&other));
        let witness = witness.unwrap();
        prop_assert!(is_possible(&witness), "{}", witness);
        let pair = ([glob], [other]);
        prop_assert!(matches(&pair.0, &witness) && matches(&pair.1, &witness), "{}", witness);
        let length = shortest(&pair.0, &pair.1).map(|path| path.as_bytes().len());
        prop_assert_eq!(length, Some(witness.as_bytes().len()).filter(|length| *length <= LENGTH));
    }

    #[test]
    fn scope_lies_within_another_unless_some_path_is_not_of_the_other(
        one in small_glob(),
        others in proptest::collection::vec(small_glob(), 0..3),
    ) {
        let (globs, allowed) = (Globs::new([&one]), Globs::new(&others));
        let beyond = paths(LENGTH).into_iter().find(|path| globs.matches(path) && !allowed.matches(path));
        match scope(&one).within(&Scope::compile(&others)) {
            Inclusion::Within => prop_assert_eq!(beyond, None),
            Inclusion::Unknown => prop_assert!(false, "so small a glob is decided"),
            Inclusion::Beyond(path) => {
                prop_assert!(is_possible(&path) && globs.matches(&path) && !allowed.matches(&path), "{}", path);
                let length = beyond.map(|path| path.as_bytes().len());
                prop_assert_eq!(length, Some(path.as_bytes().len()).filter(|length| *length <= LENGTH));
            }
        }
    }

    #[test]
    fn scopes_meet_from_both_sides(a in text(), b in text()) {
        let turned = |meeting: Meeting| (meeting.other, meeting.glob, meeting.witness.map(|path| path.as_bytes().len()));
        let plain = |meeting: Meeting| (meeting.glob, meeting.other, meeting.witness.map(|path| path.as_bytes().len()));
        prop_assert_eq!(meeting(&a, &b).map(plain), meeting(&b, &a).map(turned));
    }

    #[test]
    fn glob_that_matches_anything_meets_itself_and_lies_within_itself(glob in text(), path in path()) {
        if is_readable(&glob) && matches(std::slice::from_ref(&glob), &path) {
            let witness = meeting(&glob, &glob).unwrap().witness.unwrap();
            prop_assert!(matches(std::slice::from_ref(&glob), &witness));
            let doubled = [glob.clone(), glob.clone() + "a"];
            prop_assert_eq!(scope(&glob).within(&Scope::compile(&doubled)), Inclusion::Within);
        }
    }

    #[test]
    fn no_path_of_both_is_ruled_out(a in text(), b in text(), path in path()) {
        let (one, other) = ([a], [b]);
        if matches(&one, &path) && matches(&other, &path) {
            let witness = meeting(&one[0], &other[0]).unwrap().witness.unwrap();
            prop_assert!(is_possible(&witness) && matches(&one, &witness) && matches(&other, &witness), "{}", witness);
        }
    }

    #[test]
    fn glob_within_another_meets_what_it_meets(a in small_glob(), b in small_glob(), c in small_glob()) {
        if scope(&a).within(&scope(&b)) == Inclusion::Within && meeting(&a, &c).is_some() {
            prop_assert!(meeting(&b, &c).is_some());
        }
    }

    #[test]
    fn any_text_is_answered(a: String, b: String) {
        let _ = (meeting(&a, &b), scope(&a).within(&scope(&b)));
    }
}

#[test]
fn globs_that_only_meet_in_impossible_paths_do_not_meet() {
    for (one, other) in [
        ("**/[/]a", "**"),
        ("{../a,./b}", "**"),
        ("a{/,/}/b", "**"),
        ("?", "[.]"),
        ("??", "{.,/}{.,/}"),
        ("a/[.]", "a/*"),
        ("a\0b", "*"),
        ("**/a/{.,..}/**", "a/**"),
    ] {
        assert_eq!(meeting(one, other), None, "{one} {other}");
        assert_eq!(meeting(other, one), None, "{one} {other}");
    }
    assert_eq!(meeting("???", "[.][.][.]").unwrap().witness, Some(RepoPath::from("...")));
}

#[test]
fn what_cannot_be_read_might_match_whatever_begins_like_it() {
    for (one, other) in [("src/[", "src/a"), ("{a", "**"), ("a\\", "a"), ("a/../*", "a/**")] {
        assert_eq!(meeting(one, other).unwrap().witness, None, "{one} {other}");
        assert_eq!(scope(one).within(&scope("**")), Inclusion::Unknown);
    }
    assert_eq!(meeting("src/[", "docs/a"), None);
    assert_eq!(scope("src/a").within(&scope("src/[")), Inclusion::Unknown);
    assert_eq!(scope("src/a").within(&Scope::compile(&["src/[".to_owned(), "src/*".to_owned()])), Inclusion::Within);
}

#[test]
fn bytes_that_are_no_text_meet_too() {
    let witness = meeting("[!\0-\u{7f}]", "?").unwrap().witness.unwrap();
    assert_eq!(witness, RepoPath::new(b"\x80"));
    assert!(matches(&["[!\0-\u{7f}]".to_owned()], &witness));
    assert_eq!(meeting("é", "??").unwrap().witness, Some(RepoPath::from("é")));
    assert_eq!(meeting("é", "?"), None);
}

#[test]
fn globs_as_long_as_policy_takes_are_answered() {
    let long = |part: &str, end: &str| part.repeat((1000 - end.len()) / part.len()) + end;
    let all = [
        long("**/a/**/b/", "**"),
        long("**/b/**/a/", "c"),
        long("?*", ""),
        long("*", ""),
        "{".repeat(400) + "a" + &"}".repeat(400),
        "{a,*".repeat(60) + &"}".repeat(60),
    ];
    for (at, one) in all.iter().enumerate() {
        for other in all.iter().skip(at).take(2) {
            let (a, b) = ([one.clone()], [other.clone()]);
            let met = meeting(one, other);
            if let Some(witness) = met.as_ref().and_then(|meeting| meeting.witness.as_ref()) {
                assert!(matches(&a, witness) && matches(&b, witness), "{one} {other} {witness}");
            }
            if let Inclusion::Beyond(path) = scope(one).within(&scope(other)) {
                assert!(matches(&a, &path) && !matches(&b, &path), "{one} {other} {path}");
            }
        }
    }
}

#[test]
fn many_folders_in_any_place_are_told_apart_to_the_last() {
    let folders = |first: &str, last: &str| format!("**/{first}/**/b/").repeat(40) + last;
    let witness = meeting(&folders("a", "**"), &folders("c", "x")).unwrap().witness.unwrap();
    assert!(matches(&[folders("a", "**")], &witness) && matches(&[folders("c", "x")], &witness));
    assert_eq!(meeting(&folders("a", "y"), &folders("a", "x")), None);
}
