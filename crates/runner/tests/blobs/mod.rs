//! Contents beside the ledger: kept, told apart from what is damaged, taken away once nothing names them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use tollhouse_core::entity::{Entity, GateEnd, GateRun, Output};
use tollhouse_core::lifecycle::GateRunState;
use tollhouse_core::spec::{GateKind, GateSpec, OnFlaky, Program, Requirement};
use tollhouse_core::{GateRunId, Timestamp, limits};
use tollhouse_engine::verify::{FINDINGS_MAX, FindingCode, Verified};
use tollhouse_runner::blobs::{Blobs, Sweep, sweep, verify_blobs};
use tollhouse_runner::error::Trouble;
use tollhouse_state::MemoryStore;
use tollhouse_state::conformance::make;

struct Bench {
    blobs: Blobs,
    scratch: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let scratch = tempfile::tempdir().expect("a scratch folder can be made");
        Self { blobs: Blobs::at(scratch.path().join("blobs")), scratch }
    }

    fn file(&self, digest: &str) -> PathBuf {
        self.blobs.dir().join(&digest[..2]).join(&digest[2..])
    }

    /// Every file of the folder but the lock.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = below(self.blobs.dir());
        files.retain(|path| !path.ends_with("lock"));
        files
    }

    fn put_long_ago(&self, content: &[u8]) -> String {
        let digest = self.blobs.put(content).expect("it can be kept");
        long_ago(&self.file(&digest));
        digest
    }
}

fn below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found
}

fn long_ago(path: &Path) {
    let then = SystemTime::now() - Duration::from_secs(3700);
    File::open(path).and_then(|file| file.set_modified(then)).expect("it is ours");
}

/// A gate run whose output is a content, or none.
fn naming(number: u64, blob: Option<&str>) -> GateRun {
    let gate = GateSpec {
        name: "unit".to_owned(),
        kind: GateKind::Custom,
        run: Program::Shell("true".to_owned()),
        paths: Vec::new(),
        cwd: None,
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        timeout: limits::GATE_TIMEOUT_DEFAULT,
        needs: Vec::new(),
        requirement: Requirement::Required,
        retries: 0,
        flaky: OnFlaky::default(),
    };
    let output = blob.map(|blob| Output { blob: Some(blob.to_owned()), ..Output::default() });
    let at = Timestamp::from_micros(i64::try_from(number).expect("a small number") * 1000);
    GateRun {
        id: GateRunId::from_parts(at, u128::from(number)),
        run: None,
        patch: None,
        workstream: None,
        gate,
        tree: "tree".to_owned(),
        parent: "parent".to_owned(),
        number: 1,
        state: GateRunState::Passed,
        blocked_by: Vec::new(),
        end: Some(GateEnd { output, ..GateEnd::default() }),
        reason: None,
        created_at: at,
        started_at: None,
        finished_at: None,
    }
}

fn name(store: &MemoryStore, number: u64, blob: Option<&str>, version: u64) {
    make::put(store, format!("{number} {version}"), [naming(number, blob).to_record(version)]);
}

#[test]
fn content_of_any_bytes_comes_back_as_it_was_put() {
    let seed = std::env::var("TOLLHOUSE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let mut dice = fastrand::Rng::with_seed(seed);
    let bench = Bench::new();
    let mut names = BTreeMap::new();
    for _ in 0..64 {
        let length = [0, 1, 100, 64 * 1024, 300_000][dice.usize(..5)];
        let content: Vec<u8> = (0..dice.usize(..=length)).map(|_| dice.u8(..)).collect();
        let digest = bench.blobs.put(&content).expect("it can be kept");
        assert!(digest.len() == 64, "{digest}, TOLLHOUSE_TEST_SEED={seed}");
        names.insert(digest, content);
    }
    for (digest, content) in &names {
        assert!(bench.blobs.get(digest).expect("it is there") == *content, "{digest}, TOLLHOUSE_TEST_SEED={seed}");
        bench.blobs.check(digest).expect("it is whole");
    }
    assert_eq!(bench.files().len(), names.len(), "TOLLHOUSE_TEST_SEED={seed}");
}

#[test]
fn content_is_named_by_its_sha_256() {
    let digest = Bench::new().blobs.put(b"abc").expect("it can be kept");
    assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn content_that_many_put_at_once_is_there_once() {
    let bench = Bench::new();
    for round in 0..8_u8 {
        let content = vec![round; 100_000];
        let names: BTreeSet<String> = thread::scope(|scope| {
            let puts: Vec<_> = (0..8).map(|_| scope.spawn(|| bench.blobs.put(&content))).collect();
            puts.into_iter().map(|put| put.join().expect("no panic").expect("it can be kept")).collect()
        });
        let [digest] = names.iter().collect::<Vec<_>>()[..] else { panic!("{names:?}") };
        assert_eq!(bench.blobs.get(digest).expect("it is there"), content);
        assert_eq!(bench.files().len(), usize::from(round) + 1);
    }
}

#[test]
fn content_that_is_there_is_not_written_again_but_made_young() {
    use std::os::unix::fs::MetadataExt;
    let bench = Bench::new();
    let digest = bench.put_long_ago(b"known");
    let before = bench.file(&digest).metadata().expect("it is there");
    bench.blobs.put(b"known").expect("it can be kept");
    let after = bench.file(&digest).metadata().expect("it is there");
    assert_eq!(before.ino(), after.ino());
    assert!(after.modified().expect("a time") > before.modified().expect("a time"));
}

#[test]
fn contents_are_their_owners_only() {
    let bench = Bench::new();
    let digest = bench.blobs.put(b"private").expect("it can be kept");
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    let file = bench.file(&digest);
    let modes = [bench.blobs.dir(), file.parent().expect("a folder"), &file, &bench.blobs.dir().join("lock")].map(mode);
    assert_eq!(modes, [0o700, 0o700, 0o600, 0o600]);
}

#[test]
fn what_a_killed_program_half_wrote_is_no_content() {
    let bench = Bench::new();
    let digest = bench.blobs.put(b"whole").expect("it can be kept");
    fs::remove_file(bench.file(&digest)).expect("it was there");
    fs::write(bench.blobs.dir().join(".tmp-blob-x"), "who").expect("it can be written");
    let error = bench.blobs.get(&digest).expect_err("it is not there");
    assert_eq!((error.code(), error.trouble()), ("blob_missing", Trouble::Ledger));
    bench.blobs.put(b"whole").expect("it can be kept");
    assert_eq!(bench.blobs.get(&digest).expect("it is there"), b"whole");
}

#[test]
fn content_that_was_changed_is_told_from_one_that_is_not_there() {
    let bench = Bench::new();
    let digest = bench.blobs.put(b"as it was").expect("it can be kept");
    for damaged in [&b"as it is."[..], b"as it", b""] {
        fs::write(bench.file(&digest), damaged).expect("it can be written");
        let error = bench.blobs.get(&digest).expect_err("it is something else");
        assert_eq!((error.code(), error.trouble()), ("blob_differs", Trouble::Ledger));
    }
    fs::remove_file(bench.file(&digest)).expect("it was there");
    assert_eq!(bench.blobs.get(&digest).expect_err("it is not there").code(), "blob_missing");
}

#[test]
fn content_that_was_damaged_is_whole_again_once_it_is_put_again() {
    let bench = Bench::new();
    let digest = bench.blobs.put(b"as it was").expect("it can be kept");
    fs::write(bench.file(&digest), "as it").expect("it can be written");
    bench.blobs.put(b"as it was").expect("it can be kept");
    assert_eq!(bench.blobs.get(&digest).expect("it is there"), b"as it was");
}

#[test]
fn what_is_no_digest_leads_nowhere() {
    let bench = Bench::new();
    let digest = bench.blobs.put(b"x").expect("it can be kept");
    fs::write(bench.scratch.path().join("secret"), "x").expect("it can be written");
    let upper = digest.to_uppercase();
    for name in ["", "..", "../secret", "ab/../../secret", "/etc/passwd", "ä", &digest[..63], &upper] {
        assert_eq!(bench.blobs.get(name).expect_err("it is no name").code(), "blob_missing", "{name:?}");
    }
}

#[test]
fn where_nothing_can_be_written_nothing_is_kept() {
    let bench = Bench::new();
    fs::write(bench.blobs.dir(), "in the way").expect("it can be written");
    let error = bench.blobs.put(b"x").expect_err("there is no folder");
    assert_eq!((error.code(), error.trouble()), ("io", Trouble::Machine));
}

#[test]
fn only_what_is_old_and_unnamed_is_taken_away() {
    let (bench, store) = (Bench::new(), MemoryStore::new());
    let (named, unnamed) = (bench.put_long_ago(b"named"), bench.put_long_ago(b"unnamed"));
    let young = bench.blobs.put(b"young").expect("it can be kept");
    name(&store, 1, Some(&named), 1);
    let seen = sweep(&store, &bench.blobs, Sweep::Look).expect("all can be read");
    assert_eq!((seen.count, seen.bytes), (1, 7));
    assert_eq!(bench.files().len(), 3);
    assert_eq!(sweep(&store, &bench.blobs, Sweep::Take).expect("all can be read"), seen);
    assert_eq!(sweep(&store, &bench.blobs, Sweep::Take).expect("all can be read").count, 0);
    bench.blobs.check(&named).expect("it is named");
    bench.blobs.check(&young).expect("it is young");
    assert_eq!(bench.blobs.check(&unnamed).expect_err("it is gone").code(), "blob_missing");
}

#[test]
fn what_more_records_name_than_a_page_holds_stays() {
    let (bench, store) = (Bench::new(), MemoryStore::new());
    for number in 0..200_u64 {
        let digest = bench.put_long_ago(&number.to_be_bytes());
        name(&store, number, Some(&digest), 1);
    }
    assert_eq!(sweep(&store, &bench.blobs, Sweep::Take).expect("all can be read").count, 0);
    assert_eq!(bench.files().len(), 200);
}

#[test]
fn nothing_is_taken_away_while_a_record_cannot_be_read() {
    let (bench, store) = (Bench::new(), MemoryStore::new());
    bench.put_long_ago(b"unnamed");
    make::put(&store, "odd", [make::new(tollhouse_core::Kind::GateRun, 1)]);
    sweep(&store, &bench.blobs, Sweep::Take).expect_err("nobody knows what it names");
    assert_eq!(bench.files().len(), 1);
}

/// Contents that come to be named, are not named any more, grow old, and come to be named again, while others take away what
/// nothing names.
#[test]
fn what_is_about_to_be_named_is_never_taken_away() {
    let (bench, store, done) = (Bench::new(), MemoryStore::new(), AtomicBool::new(false));
    let taken = thread::scope(|scope| {
        let sweeps: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut taken = 0;
                    while !done.load(Ordering::Relaxed) {
                        taken += sweep(&store, &bench.blobs, Sweep::Take).expect("all can be read").count;
                    }
                    taken
                })
            })
            .collect();
        let puts: Vec<_> = (0..3_u64)
            .map(|number| {
                let (bench, store) = (&bench, &store);
                scope.spawn(move || {
                    for turn in 0..100 {
                        let digest = bench.blobs.put(&number.to_be_bytes()).expect("it can be kept");
                        name(store, number, Some(&digest), 2 * turn + 1);
                        bench.blobs.check(&digest).unwrap_or_else(|error| panic!("in turn {turn}: {error}"));
                        name(store, number, None, 2 * turn + 2);
                        // As if an hour had passed; it may be gone by then.
                        let then = SystemTime::now() - Duration::from_secs(3700);
                        let _ = File::open(bench.file(&digest)).and_then(|file| file.set_modified(then));
                    }
                })
            })
            .collect();
        let kept: Vec<_> = puts.into_iter().map(thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Relaxed);
        let taken: u64 = sweeps.into_iter().map(|sweep| sweep.join().expect("no panic")).sum();
        for kept in kept {
            kept.expect("what is named is there");
        }
        taken
    });
    assert!(taken > 0, "nothing was ever taken away, so nothing was tried");
}

#[test]
fn verification_finds_what_is_missing_and_what_differs() {
    let (bench, store) = (Bench::new(), MemoryStore::new());
    let digests: Vec<String> =
        (0..4_u8).map(|number| bench.blobs.put(&[number; 100]).expect("it can be kept")).collect();
    for (number, digest) in (0..).zip(&digests) {
        name(&store, number, Some(digest), 1);
    }
    name(&store, 4, Some("../../secret"), 1);
    // Passed over: it is found where records are verified.
    make::put(&store, "odd", [make::new(tollhouse_core::Kind::GateRun, 1)]);
    fs::remove_file(bench.file(&digests[1])).expect("it was there");
    fs::write(bench.file(&digests[2]), "other").expect("it can be written");
    let mut verified = Verified::default();
    let count = verify_blobs(&store, &bench.blobs, &mut verified).expect("all can be read");
    assert_eq!(count, 5);
    let found: Vec<_> = verified.findings.iter().map(|found| (found.code, found.place.as_str())).collect();
    let missing = FindingCode::BlobMissing;
    let expected =
        [(missing, digests[1].as_str()), (FindingCode::BlobDiffers, digests[2].as_str()), (missing, "../../secret")];
    assert_eq!(found, expected);
    assert!(verified.findings[0].what.starts_with("gate_"), "{:?}", verified.findings[0]);
}

#[test]
fn all_who_name_a_content_that_is_amiss_are_told_up_to_three() {
    let (bench, store) = (Bench::new(), MemoryStore::new());
    let digest = bench.blobs.put(b"named by many").expect("it can be kept");
    fs::remove_file(bench.file(&digest)).expect("it was there");
    let names: Vec<String> = (0..6).map(|number| naming(number, None).id.to_string()).collect();
    let [a, b, c, ..] = &names[..] else { panic!("there are six") };
    for (number, expected) in [
        (0, format!("{a} names it")),
        (1, format!("{a} and {b} name it")),
        (2, format!("{a}, {b} and {c} name it")),
        (3, format!("{a}, {b}, {c} and 1 more name it")),
        (4, format!("{a}, {b}, {c} and 2 more name it")),
    ] {
        name(&store, number, Some(&digest), 1);
        let (code, place, what) = found(&store, &bench.blobs).expect("it is gone");
        assert_eq!((code, place, what), (FindingCode::BlobMissing, digest.clone(), expected + ", and it is not there"));
    }
}

/// Of more than are told, each is counted once.
#[test]
fn many_contents_that_are_amiss_are_all_counted() {
    let (bench, store) = (Bench::new(), MemoryStore::new());
    let many = u64::try_from(FINDINGS_MAX).expect("a small number") + 20;
    for number in 0..many {
        let digest = format!("{number:064x}");
        name(&store, 2 * number, Some(&digest), 1);
        name(&store, 2 * number + 1, Some(&digest), 1);
    }
    let mut verified = Verified::default();
    let looked_at = verify_blobs(&store, &bench.blobs, &mut verified).expect("all can be read");
    assert_eq!((looked_at, verified.findings_count, verified.findings.len()), (many, many, FINDINGS_MAX));
    assert!(verified.findings.iter().all(|finding| finding.what.contains(" and gate_")), "{:?}", verified.findings[0]);
}

/// Whoever can write the folder can put anything there, larger than any memory.
#[test]
#[cfg(target_os = "linux")]
fn what_lies_in_the_place_of_a_content_is_not_taken_into_memory() {
    /// The most memory that this process ever had, in bytes.
    fn peak() -> u64 {
        let status = fs::read_to_string("/proc/self/status").expect("it can be read");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("there is one");
        line.trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024
    }
    const HUGE: u64 = 256 << 20;
    let bench = Bench::new();
    let digest = bench.blobs.put(b"small").expect("it can be kept");
    File::create(bench.file(&digest)).and_then(|file| file.set_len(HUGE)).expect("it can be written");
    let before = peak();
    assert_eq!(bench.blobs.get(&digest).expect_err("it is something else").code(), "blob_differs");
    let grown = peak() - before;
    assert!(grown < HUGE / 8, "{grown} bytes");
}

/// What `verify` finds of the one content that a ledger names.
fn found(store: &MemoryStore, blobs: &Blobs) -> Option<(FindingCode, String, String)> {
    let mut verified = Verified::default();
    verify_blobs(store, blobs, &mut verified).expect("all can be read");
    assert!(verified.findings.len() <= 1, "{verified:?}");
    verified.findings.pop().map(|finding| (finding.code, finding.place, finding.what))
}

#[test]
fn every_changed_byte_and_every_cut_of_a_content_is_found_with_the_record_that_names_it() {
    let (bench, store) = (Bench::new(), MemoryStore::new());
    let whole: Vec<u8> = (0..=255).collect();
    let digest = bench.blobs.put(&whole).expect("it can be kept");
    let (file, record) = (bench.file(&digest), naming(7, None).id.to_string());
    name(&store, 7, Some(&digest), 1);
    let is_found = |code: FindingCode| {
        let (found_code, place, what) = found(&store, &bench.blobs).expect("something was changed");
        assert_eq!((found_code, &place), (code, &digest), "{what}");
        assert!(what.starts_with(&record), "{what}");
    };
    for at in 0..whole.len() {
        for by in [1, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[at] ^= by;
            fs::write(&file, &changed).expect("it can be written");
            is_found(FindingCode::BlobDiffers);
        }
        fs::write(&file, &whole[..at]).expect("it can be written");
        is_found(FindingCode::BlobDiffers);
    }
    fs::write(&file, [&whole[..], b"x"].concat()).expect("it can be written");
    is_found(FindingCode::BlobDiffers);
    fs::remove_file(&file).expect("it was there");
    is_found(FindingCode::BlobMissing);
    // What is no file is not read: of a pipe, that would never end.
    let pipe = std::process::Command::new("mkfifo").arg(&file).status().expect("it runs");
    assert!(pipe.success());
    is_found(FindingCode::BlobDiffers);
    fs::remove_file(&file).expect("it was there");
    fs::write(&file, &whole).expect("it can be written");
    assert_eq!(found(&store, &bench.blobs), None);
}
