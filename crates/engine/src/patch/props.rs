//! What holds for all patches and contents.

use proptest::prelude::*;

use super::{
    Change, ChangeKind, Content, Diff, FilePatch, Misfit, conserves, conserves_hunks, merge, parse, patch_id, place,
};

/// Texts that repeat themselves, with carriage returns and without a last newline: where placing goes wrong.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let line =
        prop_oneof![Just("a"), Just("b"), Just(""), Just("}"), Just("x\r"), Just("- y"), Just("++ z"), Just("\\ N")];
    (proptest::collection::vec(line, 0..40), any::<bool>()).prop_map(|(lines, newline)| {
        let mut text = lines.join("\n").into_bytes();
        if newline && !text.is_empty() {
            text.push(b'\n');
        }
        text
    })
}

/// A text and another one that is near.
fn edited() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    (text(), proptest::collection::vec((any::<prop::sample::Index>(), 0..3u8, 0..4usize), 0..6)).prop_map(
        |(old, edits)| {
            let mut lines: Vec<Vec<u8>> = old.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            for (at, what, text) in edits {
                let at = at.index(lines.len() + 1);
                match what {
                    0 if at < lines.len() => drop(lines.remove(at)),
                    1 if at < lines.len() => lines[at] = format!("new {text}\n").into_bytes(),
                    _ => lines.insert(at, format!("more {text}\n").into_bytes()),
                }
            }
            (old, lines.concat())
        },
    )
}

fn diff_of(old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut options = diffy::DiffOptions::new();
    options.set_original_filename("a/file").set_modified_filename("b/file");
    let text = |bytes| std::str::from_utf8(bytes).expect("the texts are made of characters");
    options.create_patch(text(old), text(new)).to_string().into_bytes()
}

fn change<'a>(before: &'a [u8], after: &'a [u8]) -> Change<'a> {
    Change { before: Some(before), after: Some(after) }
}

fn parsed(text: &[u8]) -> FilePatch {
    let mut diff = parse(text).unwrap();
    assert_eq!(diff.files.len(), 1);
    diff.files.remove(0)
}

proptest! {
    #[test]
    fn placing_the_difference_gives_the_other_text((old, new) in edited()) {
        prop_assume!(old != new);
        let file = parsed(&diff_of(&old, &new));
        prop_assert_eq!(place(&file, Some(&old)), Ok(new.clone()));
        let Content::Text(hunks) = &file.content else { panic!("not text") };
        prop_assert!(conserves_hunks(hunks, change(&old, &new)));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn mutated_patch_is_read_or_refused(
        (old, new) in edited(),
        flips in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        let mut text = GIT.as_bytes().to_vec();
        text.extend(diff_of(&old, &new));
        for (at, byte) in flips {
            let at = at.index(text.len());
            text[at] = byte;
        }
        if let Ok(diff) = parse(&text) {
            let _ = patch_id(&diff);
            let _ = diff.describe();
            for file in &diff.files {
                let _ = place(file, Some(&old));
            }
        }
    }

    #[test]
    fn arbitrary_headers_are_read_or_refused(parts in proptest::collection::vec(0..HEADERS.len(), 1..12)) {
        let text: String = parts.iter().map(|part| HEADERS[*part]).collect();
        if let Ok(diff) = parse(text.as_bytes()) {
            for file in &diff.files {
                let _ = place(file, Some(b"a\nb\nc\n"));
                let _ = place(file, None);
            }
        }
    }

    #[test]
    fn placed_or_merged_elsewhere_conserves_the_change((old, new) in edited(), above in 0..4usize) {
        let lines: Vec<u8> = (0..above).flat_map(|n| format!("above {n}\n").into_bytes()).collect();
        let parent = [lines.as_slice(), b"1\n2\n3\n4\n5\n", &old].concat();
        let asked = change(&old, &new);
        if old != new && let Ok(landed) = place(&parsed(&diff_of(&old, &new)), Some(&parent)) {
            prop_assert!(conserves(asked, change(&parent, &landed)));
        }
        if let Ok(landed) = merge(&old, &parent, &new) && parent != new {
            prop_assert!(conserves(asked, change(&parent, &landed)));
        }
    }

    #[test]
    fn dropped_line_is_never_conserved((old, new) in edited(), at in any::<prop::sample::Index>()) {
        let mut lines: Vec<&[u8]> = new.split_inclusive(|byte| *byte == b'\n').collect();
        prop_assume!(!lines.is_empty());
        lines.remove(at.index(lines.len()));
        let landed = lines.concat();
        let asked = change(&old, &new);
        prop_assert!(!conserves(asked, change(&old, &landed)));
    }
}

const HEADERS: [&str; 22] = [
    "diff --git a/x b/x\n",
    "diff --git a/x b/y\n",
    "diff --git \"a/x b/x\n",
    "diff --cc x\n",
    "old mode 100644\n",
    "new mode 100755\n",
    "new file mode 100644\n",
    "deleted file mode 100644\n",
    "rename from x\n",
    "rename to y\n",
    "copy from x\n",
    "index 1234567..89abcde 100644\n",
    "--- a/x\n",
    "+++ b/x\n",
    "--- /dev/null\n",
    "+++ /dev/null\n",
    "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n",
    "@@ -18446744073709551615 +18446744073709551615 @@\n-a\n+b\n",
    "@@ -0,0 +1 @@\n+a\n",
    "GIT binary patch\nliteral 0\nHcmV?d00001\n\n",
    "\\ No newline at end of file\n",
    "-- \n2.47.3\n\n",
];

const GIT: &str = "\
From 1 Mon Sep 17 00:00:00 2001
Subject: [PATCH] x

---
 one | 2 +-
diff --git \"a/caf\\303\\251\" \"b/caf\\303\\251\"
old mode 100644
new mode 100755
diff --git a/dir/a b c b/dir/d e
similarity index 90%
rename from dir/a b c
rename to dir/d e
index 257cc5642cb1a054f08cc83f2d943e56fd3ebe99..5716ca5987cbf97d6bb54920bea6adde242d87e6 100644
--- a/dir/a b c\t
+++ b/dir/d e\t
@@ -1 +1 @@ fn x()
-foo
+bar
diff --git a/empty b/empty
new file mode 100644
index 0000000000000000000000000000000000000000..e69de29bb2d1d6434b8b29ae775ad8c2e48c5391
diff --git a/b b b/b b
deleted file mode 100755
index 257cc56..0000000
--- a/b b
+++ /dev/null
@@ -1 +0,0 @@
-foo
";

#[test]
fn extended_headers_are_read() {
    let diff = parse(GIT.as_bytes()).unwrap();
    let files = diff.describe().files;
    let facts: Vec<_> = files.iter().map(|file| (file.kind, file.path.to_string())).collect();
    assert_eq!(
        facts,
        [
            (ChangeKind::Modified, "café".to_owned()),
            (ChangeKind::Renamed, "dir/d e".to_owned()),
            (ChangeKind::Added, "empty".to_owned()),
            (ChangeKind::Deleted, "b b".to_owned()),
        ]
    );
    assert_eq!(files[0].new_mode.as_deref(), Some("100755"));
    assert_eq!(files[1].old_path.as_ref().unwrap().to_string(), "dir/a b c");
    assert_eq!(files[1].old_mode.as_deref(), Some("100644"));
    let blob = diff.files[1].new.as_ref().unwrap().blob.as_deref();
    assert_eq!(blob, Some("5716ca5987cbf97d6bb54920bea6adde242d87e6"));
    assert_eq!(diff.files[3].old.as_ref().unwrap().blob, None, "a short id is no id");
}

fn problem(text: &str) -> String {
    parse(text.as_bytes()).unwrap_err()[0].to_string()
}

#[test]
fn contradictions_in_a_header_are_refused() {
    let modified = "index 1234567..89abcde 100644\n";
    let hunk = "@@ -1 +1 @@\n-a\n+b\n";
    for header in [
        "diff --git a/x b/y\n--- a/x\n+++ b/y\n",
        "diff --git a/x b/x\n--- a/x\n+++ b/other\n",
        "diff --git a/x b/x\nrename from x\nrename to y\n--- a/x\n+++ b/y\n",
        "diff --git a/x b/x\nnew file mode 100644\n--- a/x\n+++ b/x\n",
        "diff --git a/x b/x\nold mode 100644\n--- a/x\n+++ b/x\n",
        "diff --git a/x b/x\nold mode 1006x4\nnew mode 100644\n--- a/x\n+++ b/x\n",
        "--- a/x\n+++ c/y\n",
        "--- /dev/null\n+++ /dev/null\n",
        "--- \"a/x\n+++ b/x\n",
    ] {
        assert!(parse(format!("{header}{hunk}").as_bytes()).is_err(), "{header}");
    }
    assert!(problem(&format!("diff --git a/x b/x\n{modified}")).contains("no change follows"));
    assert!(problem(&format!("diff --git a/x b/x\n{modified}Binary files a/x and b/x differ\n")).contains("--binary"));
    assert!(problem("hello\n").contains("no unified diff"));
    assert!(problem("@@ -1 +1 @@\n-a\n+b\n").contains("belongs to no file"));
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "--- a/x\n+++ b/x\n@@ -1 +1,4 @@\n-a\n+b\n@@ -x +1 @@\n--- a/y\n+++ b/z\n@@ -1 +1 @@\n-a\n+b\n";
    let lines: Vec<usize> = parse(text.as_bytes()).unwrap_err().iter().map(|problem| problem.line).collect();
    assert_eq!(lines, [6, 6, 7]);
}

#[test]
fn plain_diffs_of_other_tools_are_read() {
    let of = |old: &str, new: &str| {
        let file = parsed(format!("{old}\n{new}\n@@ -0,0 +1 @@\n+a\n").as_bytes());
        (file.kind, file.path().to_string())
    };
    let time = "\t2026-01-02 03:04:05.000000000 +0100";
    assert_eq!(of("--- /dev/null", &format!("+++ b/n{time}")), (ChangeKind::Added, "n".to_owned()));
    assert_eq!(of("--- old/n\t1970-01-01 01:00:00 +0100", "+++ new/n"), (ChangeKind::Added, "n".to_owned()));
    assert_eq!(
        of(&format!("--- src/n{time}"), &format!("+++ src/n{time}")),
        (ChangeKind::Modified, "src/n".to_owned())
    );
    assert_eq!(of("--- n.orig", "+++ n"), (ChangeKind::Modified, "n".to_owned()));
}

#[test]
fn hunks_that_overlap_are_refused() {
    assert!(problem("--- x\n+++ x\n@@ -1,2 +1 @@\n a\n-b\n@@ -2 +1 @@\n-b\n+c\n").contains("does not follow"));
}

#[test]
fn hunk_with_foreign_context_is_refused() {
    let file = parsed(b"--- x\n+++ x\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    assert_eq!(place(&file, Some(b"a\nb\nX\n")), Err(Misfit::NoMatch { hunk: 1, line: 1 }));
    assert_eq!(place(&file, Some(b"a\r\nb\r\nc\r\n")), Err(Misfit::NoMatch { hunk: 1, line: 1 }));
    assert_eq!(place(&file, None), Err(Misfit::Missing));
}

#[test]
fn hunk_that_moved_is_placed_only_where_it_is_unique() {
    let file = parsed(b"--- x\n+++ x\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    assert_eq!(place(&file, Some(b"0\na\nb\nc\n")), Ok(b"0\na\nB\nc\n".to_vec()));
    let twice = b"0\na\nb\nc\na\nb\nc\n";
    assert_eq!(place(&file, Some(twice)), Err(Misfit::Ambiguous { hunk: 1, line: 1 }));
}

#[test]
fn insertion_without_context_is_refused() {
    let file = parsed(b"--- x\n+++ x\n@@ -1,0 +2 @@\n+b\n");
    assert_eq!(place(&file, Some(b"a\n")), Err(Misfit::NoContext { hunk: 1, line: 1 }));
    assert_eq!(place(&file, Some(b"")), Ok(b"b\n".to_vec()));
}

#[test]
fn hunk_at_the_end_stays_at_the_end() {
    let file = parsed(b"--- x\n+++ x\n@@ -1,2 +1,3 @@\n a\n b\n+c\n");
    assert_eq!(place(&file, Some(b"a\nb\nother\n")), Err(Misfit::NoMatch { hunk: 1, line: 1 }));
}

#[test]
fn deletion_of_another_content_is_refused() {
    let file = parsed(b"--- x\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
    assert_eq!(place(&file, Some(b"a\n")), Ok(Vec::new()));
    assert_eq!(place(&file, Some(b"a\nb\n")), Err(Misfit::Leftover));
}

#[test]
fn identity_ignores_context_and_keeps_paths() {
    let of = |text: &str| patch_id(&parse(text.as_bytes()).unwrap());
    let one = of("--- x\n+++ x\n@@ -1,2 +1,2 @@\n-a\n+b\n c\n");
    assert_eq!(one, of("--- x\n+++ x\n@@ -7 +7 @@\n-a\n+b\n"));
    assert_ne!(one, of("--- y\n+++ y\n@@ -1,2 +1,2 @@\n-a\n+b\n c\n"));
    assert_ne!(one, of("--- x\n+++ x\n@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n"));
    assert_eq!(patch_id(&Diff::default()).len(), 64);
}

#[test]
fn repeated_lines_are_searched_in_linear_time() {
    let lines = 40_000;
    let pattern: String = " a\n".repeat(lines) + "-b\n+B\n c\n";
    let file = parsed(format!("--- x\n+++ x\n@@ -9,{0} +9,{0} @@\n{pattern}", lines + 2).as_bytes());
    let text = "a\n".repeat(lines * 4);
    assert_eq!(place(&file, Some(text.as_bytes())), Err(Misfit::NoMatch { hunk: 1, line: 9 }));
}
