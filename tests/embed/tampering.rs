//! Whatever is edited in a ledger's file, `verify` names it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use proptest::sample::Index;
use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;
use tollhouse::blobs::{Blobs, verify_blobs};
use tollhouse::conformance::rounds;
use tollhouse::plan::{Defaults, PromptTexts, Source, read_plan, read_project, resolve};
use tollhouse::verify::{Anchor, FindingCode, Verified, verify, verify_anchor};
use tollhouse::{Conductor, Cursor, Find, Kind, SqliteStore, Store, StoreError, Stream};

use crate::large_ledger::Tape;

/// What an older program wrote, brought up to date.
const SCHEMA_2: &str = include_str!("../ledgers/schema-2.sql");

/// What anyone who can write the file can do first.
const UNLOCK: &str = "DROP TRIGGER event_is_never_changed; DROP TRIGGER event_is_never_removed;
                      DROP TRIGGER commit_is_never_changed; DROP TRIGGER commit_is_never_removed;
                      PRAGMA ignore_check_constraints = 1; PRAGMA foreign_keys = 0;";

/// A ledger with history of two formats: runs of now in one of before.
fn original() -> &'static Path {
    static MADE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        Connection::open(&path).unwrap().execute_batch(SCHEMA_2).unwrap();
        let store = SqliteStore::open(&path).unwrap();
        Tape::of_a_run(3).put(&store, 0..2);
        assert_eq!(read(&store).findings, []);
        drop(store);
        (folder, path)
    });
    path
}

/// A copy of it, edited by SQL.
fn edited(edit: impl FnOnce(&Connection)) -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    fs::copy(original(), &path).unwrap();
    let connection = Connection::open(&path).unwrap();
    let guards: Vec<String> = connection
        .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '%never%'")
        .and_then(|mut guards| guards.query_map([], |row| row.get(0))?.collect())
        .unwrap();
    connection.execute_batch(UNLOCK).unwrap();
    edit(&connection);
    connection.execute_batch(&guards.join(";")).unwrap();
    drop(connection);
    let store = SqliteStore::open(&path).unwrap();
    (folder, store)
}

/// All that `toll verify` looks at in the file.
fn read(store: &SqliteStore) -> Verified {
    let mut verified = verify(&store.snapshot().unwrap(), 0).unwrap();
    if let Err(error) = store.check() {
        let StoreError::Damaged { place, what } = error else { panic!("{error}") };
        verified.find(FindingCode::Pages, place, what);
    }
    verified
}

fn columns(table: &str) -> Vec<String> {
    let connection = Connection::open(original()).unwrap();
    let mut statement = connection.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn rows(table: &str) -> usize {
    let sql = format!("SELECT count(*) FROM {table}");
    Connection::open(original()).unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
}

/// The bytes with one of them changed; something where nothing was.
fn flipped(mut bytes: Vec<u8>, at: Index, by: u8) -> Vec<u8> {
    if bytes.is_empty() {
        return vec![by];
    }
    let place = at.index(bytes.len());
    bytes[place] ^= by;
    bytes
}

/// The value with one byte of it changed; something where nothing was.
fn changed(value: Value, at: Index, by: u8) -> Value {
    let flip = |bytes| flipped(bytes, at, by);
    match value {
        Value::Null => Value::Text("x".to_owned()),
        Value::Integer(number) => Value::Integer(number ^ i64::from(by)),
        Value::Real(number) => Value::Real(number + f64::from(by)),
        Value::Text(text) => Value::Blob(flip(text.into_bytes())),
        Value::Blob(bytes) => Value::Blob(flip(bytes)),
    }
}

/// Changes one byte of one column of one row.
fn flip(connection: &Connection, table: &str, column: &str, row: usize, (at, by): (Index, u8)) {
    let key = match table {
        "commit_log" => "id",
        "record_key" => "record",
        "record_tally" => "run || kind || state",
        _ => "rowid",
    };
    let (id, before): (Value, Value) = connection
        .query_row(&format!("SELECT {key}, {column} FROM {table} ORDER BY 1 LIMIT 1 OFFSET {row}"), [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    let now = changed(before.clone(), at, by);
    // A text whose bytes are no UTF-8 is a text, too.
    let sql = match (&before, &now) {
        (Value::Text(_), _) => format!("UPDATE {table} SET {column} = CAST(?1 AS TEXT) WHERE {key} = ?2"),
        _ => format!("UPDATE {table} SET {column} = ?1 WHERE {key} = ?2"),
    };
    // Where SQLite itself refuses (another row has the key), nothing was edited.
    let _ = connection.execute(&sql, (now, id));
}

fn is_edited(connection: &Connection) -> bool {
    connection.execute("ATTACH ?1 AS before", [original().to_str().unwrap()]).unwrap();
    // Where nothing is counted any more, nothing is said.
    let tally = "record_tally WHERE records <> 0";
    ["event", "record", "record_key", tally, "commit_log"].iter().any(|table| {
        let differ = |left: &str, right: &str| {
            let sql = format!("SELECT EXISTS (SELECT * FROM {left}.{table} EXCEPT SELECT * FROM {right}.{table})");
            connection.query_row(&sql, [], |row| row.get::<_, bool>(0)).unwrap()
        };
        differ("main", "before") || differ("before", "main")
    })
}

/// Each case copies, reads and hashes a whole ledger.
fn cases() -> ProptestConfig {
    ProptestConfig::with_cases(u32::try_from(rounds().div_ceil(2)).expect("a small number"))
}

proptest! {
    #![proptest_config(cases())]

    /// Any byte of any column of any row.
    #[test]
    fn a_changed_byte_is_found(
        table in proptest::sample::select(vec!["event", "event", "record", "record", "record_key", "record_tally", "commit_log"]),
        (column, row, at) in (any::<Index>(), any::<Index>(), any::<Index>()),
        by in 1_u8..=255,
    ) {
        let columns = columns(table);
        let column = &columns[column.index(columns.len())];
        let row = row.index(rows(table));
        let mut edited_it = false;
        let (_folder, store) = edited(|connection| {
            flip(connection, table, column, row, (at, by));
            edited_it = is_edited(connection);
        });
        let verified = read(&store);
        prop_assert_eq!(verified.is_sound(), !edited_it, "{} of {} {}: {:?}", column, table, row, verified);
    }

    /// A record under the id of another time, before it or after it.
    #[test]
    fn a_record_under_another_id_is_found(row in any::<Index>(), is_earlier: bool) {
        let row = row.index(rows("record"));
        let (_folder, store) = edited(|connection| {
            let ulid = if is_earlier { "00000000000000000000000001" } else { "7ZZZZZZZZZZZZZZZZZZZZZZZZZ" };
            let sql = "UPDATE record SET id = substr(id, 1, instr(id, '_')) || ?1
                       WHERE id = (SELECT id FROM record ORDER BY id LIMIT 1 OFFSET ?2)";
            assert_eq!(connection.execute(sql, (ulid, row)).unwrap(), 1);
        });
        prop_assert!(!read(&store).is_sound());
    }

    /// Any events, next to each other or not, with what was kept of their commits left as it is.
    #[test]
    fn removed_events_are_found(from in any::<Index>(), count in 1_usize..5) {
        let first = from.index(rows("event")) + 1;
        let (_folder, store) = edited(|connection| {
            let sql = "DELETE FROM event WHERE position BETWEEN ?1 AND ?2";
            connection.execute(sql, (first, first + count - 1)).unwrap();
        });
        prop_assert!(!read(&store).is_sound());
    }

    /// Two events change places, also where they are of different streams.
    #[test]
    fn events_in_another_order_are_found(one in any::<Index>(), other in any::<Index>()) {
        let all = rows("event");
        let (one, other) = (one.index(all) + 1, other.index(all) + 1);
        prop_assume!(one != other);
        let (_folder, store) = edited(|connection| {
            let swap = "UPDATE event SET position = -1 WHERE position = ?1";
            connection.execute(swap, [one]).unwrap();
            connection.execute("UPDATE event SET position = ?1 WHERE position = ?2", [one, other]).unwrap();
            connection.execute("UPDATE event SET position = ?1 WHERE position = -1", [other]).unwrap();
        });
        prop_assert!(!read(&store).is_sound());
    }
}

#[test]
fn what_nobody_edited_is_sound() {
    let (_folder, store) = edited(|_| {});
    let verified = read(&store);
    assert_eq!(verified.findings, []);
    assert_eq!(verified.events, rows("event") as u64);
    assert_eq!(verified.records, rows("record") as u64);
}

#[test]
fn what_guards_history_or_finds_records_is_missed() {
    for gone in ["TRIGGER event_is_never_changed", "TRIGGER record_is_counted", "INDEX event_by_record", "VIEW task"] {
        let (_folder, store) = edited(|_| {});
        Connection::open(store.path()).unwrap().execute_batch(&format!("DROP {gone}")).unwrap();
        let findings = read(&store).findings;
        let gone = gone.split(' ').next_back().unwrap();
        assert!(findings.len() == 1 && findings[0].what.contains(gone), "{gone}: {findings:?}");
    }
}

#[test]
fn a_record_that_nobody_made_is_found() {
    let (_folder, store) = edited(|connection| {
        let sql =
            "INSERT INTO record SELECT 'task_0123456789ABCDEFGHJKMNPQRS', '0123456789ABCDEFGHJKMNPQRS.task', kind, run,
                   parent, state, version, 'ABCDEFGHJKMNPQRS', body, keys FROM record WHERE kind = 'task' LIMIT 1";
        connection.execute_batch(sql).unwrap();
    });
    let codes: Vec<FindingCode> = read(&store).findings.iter().map(|finding| finding.code).collect();
    assert!(codes.contains(&FindingCode::RecordUnexplained), "{codes:?}");
}

/// The end of a history is cut off, and the records are set back to what they were: by itself such a ledger is sound. What
/// landed notes a head that it does not have.
#[test]
fn a_history_that_was_cut_is_found_by_a_head_noted_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (path, early) = (folder.path().join("ledger.db"), folder.path().join("early.db"));
    let store = SqliteStore::open_or_create(&path).unwrap();
    let tape = Tape::of_a_run(2);
    tape.put(&store, 0..1);
    store.copy_to(&early).unwrap();
    tape.put(&store, 1..2);
    assert_eq!(read(&store).events, 2 * tape.events as u64);
    let last = store.events(&Cursor::default()).unwrap().pop().unwrap();
    let Stream::Run(run) = last.stream else { panic!("the last event is of a run") };
    let anchor = Anchor::of(&store, Stream::Run(run)).unwrap().unwrap();
    assert_eq!(Anchor::from_text(&anchor.to_string()), Some(anchor.clone()));
    assert_eq!(verify_anchor(&store, &anchor, "a commit").unwrap(), None);

    let early = SqliteStore::open(&early).unwrap();
    assert_eq!(read(&early).findings, []);
    let found = verify_anchor(&early, &anchor, "commit c0ffee").unwrap().unwrap();
    assert_eq!(found.code, FindingCode::AnchorMissing);
    assert_eq!(found.place, format!("event {}", anchor.position));
    // And one with another history in its place.
    tape.put(&early, 2..3);
    let found = verify_anchor(&early, &anchor, "commit c0ffee").unwrap().unwrap();
    assert!(found.what.contains(&anchor.hash), "{}", found.what);
}

/// Agents that print much, each something else, and a gate that prints the same each time.
const PRINTING: &str = r#"
[agents.script]
command = ["sh", "-c", "i=0; while [ $i -lt 500 ]; do echo \"line $i of what $TOLLHOUSE_TASK prints\"; i=$((i + 1)); done; echo x > $TOLLHOUSE_TASK.txt"]

[[gate]]
name = "loud"
run = "i=0; while [ $i -lt 500 ]; do echo \"line $i of what the gate prints\"; i=$((i + 1)); done"
"#;

/// What a run left that printed much: its ledger, the folder beside it, and which records name what.
struct Printed {
    _scratch: TempDir,
    store: SqliteStore,
    dir: PathBuf,
    named: BTreeMap<String, Vec<String>>,
}

fn printed() -> &'static Printed {
    static MADE: OnceLock<Printed> = OnceLock::new();
    MADE.get_or_init(|| {
        let scratch = tempfile::tempdir().unwrap();
        let site = crate::site_in(scratch.path());
        let project = read_project(&Source::new("tollhouse.toml", PRINTING)).unwrap();
        let task = |name: &str| format!("[[task]]\nid = \"{name}\"\nprompt = \"Print\"\n");
        let plan = format!("plan = \"p\"\n{}", ["a", "b", "c"].map(task).concat());
        let defaults = Defaults { project: "project".to_owned(), target: "main".to_owned(), ..Defaults::default() };
        let plan = read_plan(&Source::new("plan.toml", plan));
        let spec = resolve(&project, &plan, &PromptTexts::default(), &defaults).unwrap();
        let store = site.open_ledger().unwrap();
        let interrupted = AtomicBool::new(false);
        let status =
            Conductor::new(&site, &store, "ada".to_owned(), &interrupted).run(&spec, None, &mut |_| {}).unwrap();
        assert_eq!(status.counts.completed, 3, "{status:?}");
        let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for kind in [Kind::Attempt, Kind::GateRun] {
            for record in store.find(&Find { kind: Some(kind), ..Find::default() }).unwrap() {
                let body: serde_json::Value = serde_json::from_str(&record.body).unwrap();
                let digest = body["end"]["output"]["blob"].as_str().expect("all print much");
                named.entry(digest.to_owned()).or_default().push(record.id.to_string());
            }
        }
        assert_eq!(named.len(), 4, "{named:?}");
        let dir = site.blobs;
        Printed { _scratch: scratch, store, dir, named }
    })
}

/// What somebody does to the file of a content.
#[derive(Debug, Clone)]
enum Tampering {
    Flip(Index, u8),
    Cut(Index),
    Extend(Vec<u8>),
    Remove,
    Swap(Index),
    Folder,
    Link,
}

fn tampering() -> impl Strategy<Value = Tampering> {
    prop_oneof![
        (any::<Index>(), 1_u8..=255).prop_map(|(at, by)| Tampering::Flip(at, by)),
        any::<Index>().prop_map(Tampering::Cut),
        proptest::collection::vec(any::<u8>(), 1..100).prop_map(Tampering::Extend),
        Just(Tampering::Remove),
        any::<Index>().prop_map(Tampering::Swap),
        Just(Tampering::Folder),
        Just(Tampering::Link),
    ]
}

impl Tampering {
    /// Does it to one of some files; the answer is what must be found of which.
    fn tamper(&self, files: &[PathBuf], one: usize) -> Vec<(usize, FindingCode)> {
        let file = &files[one];
        let whole = fs::read(file).unwrap();
        let put = |content: &[u8]| fs::write(file, content).unwrap();
        match self {
            Self::Flip(at, by) => put(&flipped(whole, *at, *by)),
            Self::Cut(at) => put(&whole[..at.index(whole.len())]),
            Self::Extend(more) => put(&[whole, more.clone()].concat()),
            Self::Remove => {
                fs::remove_file(file).unwrap();
                return vec![(one, FindingCode::BlobMissing)];
            }
            Self::Swap(other) => {
                let other = (one + 1 + other.index(files.len() - 1)) % files.len();
                put(&fs::read(&files[other]).unwrap());
                fs::write(&files[other], whole).unwrap();
                return vec![(one, FindingCode::BlobDiffers), (other, FindingCode::BlobDiffers)];
            }
            Self::Folder => {
                fs::remove_file(file).unwrap();
                fs::create_dir(file).unwrap();
            }
            // Also to what it should be: who can change that changes what is here.
            Self::Link => {
                let beside = file.with_extension("moved");
                fs::rename(file, &beside).unwrap();
                std::os::unix::fs::symlink(&beside, file).unwrap();
            }
        }
        vec![(one, FindingCode::BlobDiffers)]
    }
}

/// Copies a folder of contents; the answer is their files, in the order of their names.
fn copied(from: &Path, to: &Path, names: impl Iterator<Item = String>) -> Vec<PathBuf> {
    let copy = |digest: String| {
        let place = Path::new(&digest[..2]).join(&digest[2..]);
        fs::create_dir_all(to.join(&digest[..2])).unwrap();
        fs::copy(from.join(&place), to.join(&place)).unwrap();
        to.join(place)
    };
    names.map(copy).collect()
}

proptest! {
    #![proptest_config(cases())]

    /// Any content, in any way; the others are still as they were.
    #[test]
    fn a_content_that_was_tampered_with_is_named_with_those_who_name_it(one in any::<Index>(), tampering in tampering()) {
        let printed = printed();
        let digests: Vec<&String> = printed.named.keys().collect();
        let folder = tempfile::tempdir().unwrap();
        let files = copied(&printed.dir, folder.path(), printed.named.keys().cloned());
        let blobs = Blobs::at(folder.path());
        let snapshot = printed.store.snapshot().unwrap();
        let mut verified = Verified::default();
        prop_assert_eq!(verify_blobs(&snapshot, &blobs, &mut verified).unwrap(), 4);
        prop_assert!(verified.is_sound(), "{:?}", verified);

        let expected = tampering.tamper(&files, one.index(files.len()));
        verify_blobs(&snapshot, &blobs, &mut verified).unwrap();
        let found: BTreeMap<&str, FindingCode> = verified.findings.iter().map(|one| (one.place.as_str(), one.code)).collect();
        let expected: BTreeMap<&str, FindingCode> =
            expected.into_iter().map(|(place, code)| (digests[place].as_str(), code)).collect();
        prop_assert_eq!(&found, &expected);
        prop_assert_eq!(verified.findings_count, expected.len() as u64);
        for finding in &verified.findings {
            let naming = &printed.named[&finding.place];
            let told = naming.iter().take(3).all(|id| finding.what.contains(id.as_str()));
            prop_assert!(told && finding.what.contains(" more ") == (naming.len() > 3), "{:?} {:?}", finding, naming);
        }
    }
}
