//! Whether a ledger is what it says: history was not edited, and the records are what history made of them.
//!
//! Reads every event once, in the order of the ledger, and every record once. Each event is hashed anew and compared with what
//! its stream has before it; each record is folded from its events and compared with what is stored. It shares `apply` with
//! the path of a commit and nothing else: the hashes are computed by code of its own, from their description.
//!
//! It needs memory for what it has begun to fold and not yet finished, up to a bound: beyond that, it puts a part of
//! the records off and reads the events again for them. So memory grows with the number of streams alone, whose heads it keeps.
//!
//! What is longer than a page is read ahead by a thread of its own, so a store that is written meanwhile may look as if it were
//! damaged: give it a snapshot.
//!
//! What was forgotten at a person's word ([`Purges`]) differs from what it was the digest of, and is no finding as long as nothing
//! but texts differs: where a record or an event is among it, and its digest is another, it must be as forgetting leaves it.
//!
//! What is in archives that are not at hand ([`Absent`]) is not looked at; how many events that are is compared with how many are
//! missing.
//!
//! It never stops at what it finds. Whoever has a head of history elsewhere ([`Anchor`]) also finds what was cut off its end.

mod chain;
mod digest;
mod fold;
mod folded;
mod history;
mod part;
mod records;

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::ArchivedRun;
use tollhouse_core::{Event, RecordId, Stream};
use tollhouse_state::{Cursor, Order, Store, StoreError};

use self::chain::Chains;
use self::fold::{Bounds, Folds};
use self::history::{History, Page, Read};
use self::part::Part;
use self::records::Told;
use crate::archives::{Absent, Archives};
use crate::forget::Purges;

/// How many digits a ledger's name has.
const NAME_DIGITS: usize = 16;

/// How many findings are kept; the others are only counted.
pub const FINDINGS_MAX: usize = 200;

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// What kind of finding it is.
    pub code: FindingCode,
    /// Where: an event by its position, a record or a patch by its id, a commit by its hash, a content by its digest.
    pub place: String,
    /// What was found, and what should be there.
    pub what: String,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingCode {
    /// A row cannot be read as what it should be, or a content beside the ledger not at all.
    Unreadable,
    /// An event is missing: a position, or a place in its stream, is not there.
    EventMissing,
    /// An event is not where it was written: the order was changed.
    EventMoved,
    /// An event is not as it was written: its hash says so.
    EventEdited,
    /// The content of an event is not as it was written: its digest says so.
    ContentEdited,
    /// An event does not name the hash of the one before it.
    ChainBroken,
    /// An event could not have happened to its record, or says other than what happened.
    Impossible,
    /// A record is not what its events made of it.
    RecordDiffers,
    /// Events tell of a record that is not there.
    RecordMissing,
    /// A record that no event made.
    RecordUnexplained,
    /// A head that was noted elsewhere is not in the ledger: its end was cut off, or history was replaced.
    AnchorMissing,
    /// What landed is not what the ledger says.
    LandedDiffers,
    /// An archive holds another history of a run than the ledger did when the run was taken out.
    ArchiveDiffers,
    /// A content beside the ledger, which a record names, is not there.
    BlobMissing,
    /// A content beside the ledger, which a record names, is not what its name, a digest, says.
    BlobDiffers,
    /// The file's pages do not hold together.
    Pages,
}

/// What a verification read and found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verified {
    /// How many events were read.
    pub events: u64,
    /// How many records were folded and compared.
    pub records: u64,
    /// How many streams they belong to.
    pub streams: u64,
    /// How many things were found.
    pub findings_count: u64,
    /// What was found, at most [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
}

impl Verified {
    /// Whether nothing was found.
    pub const fn is_sound(&self) -> bool {
        self.findings_count == 0
    }

    /// Adds a finding that was made elsewhere.
    pub fn add(&mut self, finding: Finding) {
        self.find(finding.code, finding.place, finding.what);
    }

    /// Adds a finding.
    pub fn find(&mut self, code: FindingCode, place: impl Into<String>, what: impl Into<String>) {
        self.findings_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { code, place: place.into(), what: what.into() });
        }
    }

    fn find_at(&mut self, code: FindingCode, event: &Event, what: impl Into<String>) {
        self.find(code, format!("event {}", event.position), what);
    }
}

/// The head of a stream as it was noted outside the ledger, where nobody who edits the ledger changes it: whoever cuts the
/// end off history, or writes all of it anew, is found by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Which ledger: [`ledger_name`].
    pub ledger: String,
    /// The position of the event that was the newest of its stream.
    pub position: u64,
    /// Its hash.
    pub hash: String,
}

/// What tells one ledger from another: the first 16 digits of the hash of its first event; `None` while it is empty.
///
/// # Errors
/// The store cannot be read.
pub fn ledger_name<S: Store + ?Sized>(store: &S) -> Result<Option<String>, StoreError> {
    let first = store.events(&Cursor { limit: Some(1), ..Cursor::default() })?.pop();
    match first {
        Some(event) if event.position == 1 => Ok(event.hash.get(..NAME_DIGITS).map(str::to_owned)),
        Some(_) => Ok(Archives::of(store)?.ledger().map(str::to_owned)),
        None => Ok(None),
    }
}

impl Anchor {
    /// The head of a stream as it is now; `None` where it has no event.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn of<S: Store + ?Sized>(store: &S, stream: Stream) -> Result<Option<Self>, StoreError> {
        let newest = Cursor { stream: Some(stream), limit: Some(1), order: Order::Newest, ..Cursor::default() };
        let Some(event) = store.events(&newest)?.pop() else { return Ok(None) };
        Ok(ledger_name(store)?.map(|ledger| Self { ledger, position: event.position, hash: event.hash }))
    }

    /// From how it is written.
    ///
    /// ```
    /// use tollhouse_engine::verify::Anchor;
    /// let text = format!("{}/7/{}", "a".repeat(16), "b".repeat(64));
    /// assert_eq!(Anchor::from_text(&text).unwrap().position, 7);
    /// assert_eq!(Anchor::from_text(&text).unwrap().to_string(), text);
    /// assert_eq!(Anchor::from_text("7"), None);
    /// ```
    pub fn from_text(text: &str) -> Option<Self> {
        let is_hash = |text: &str, digits| {
            text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let mut parts = text.split('/');
        let (ledger, position, hash) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let is_sound = is_hash(ledger, NAME_DIGITS) && is_hash(hash, 64) && parts.next().is_none();
        is_sound.then(|| Self { ledger: ledger.to_owned(), position, hash: hash.to_owned() })
    }
}

/// `LEDGER/POSITION/HASH`.
impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.ledger, self.position, self.hash)
    }
}

/// Verifies the events after a position, and the records that they made; 0: all.
///
/// A record that was made before the position cannot be folded; what is stored of it is compared with the digest in its
/// last event.
///
/// # Errors
/// The store cannot be read at all. What is damaged in it is a finding.
///
/// ```
/// use tollhouse_engine::verify::verify;
/// use tollhouse_state::MemoryStore;
/// assert!(verify(&MemoryStore::new(), 0)?.is_sound());
/// # Ok::<(), tollhouse_state::StoreError>(())
/// ```
pub fn verify<S: Store + ?Sized>(store: &S, since: u64) -> Result<Verified, StoreError> {
    let archives = Archives::of(store)?;
    let absent = archives.absent(store)?;
    let mut verified = verify_without(store, since, &absent)?;
    for archive in archives.iter() {
        for archived in archive.runs().filter(|archived| !absent.has(archived.run)) {
            let ArchivedRun { last, head, .. } = archived;
            let noted = Anchor { ledger: archive.ledger.clone(), position: *last, hash: head.clone() };
            let finding = verify_anchor(store, &noted, &format!("what took it out to {}", archive.file))?;
            if let Some(finding) = finding {
                verified.add(Finding { code: FindingCode::ArchiveDiffers, ..finding });
            }
        }
    }
    Ok(verified)
}

/// As [`verify`], of a store that holds a part of a ledger: [`Absent`] says what it does not hold. What was forgotten in an archive
/// is on its ledger, so by itself any text of it may have been; read with the ledger, it is as strict as that.
///
/// # Errors
/// As [`verify`].
pub fn verify_without<S: Store + ?Sized>(store: &S, since: u64, absent: &Absent) -> Result<Verified, StoreError> {
    verify_within(store, since, (absent, Bounds::default()))
}

/// As [`verify`], with so much in memory at most.
fn verify_within<S: Store + ?Sized>(
    store: &S,
    since: u64,
    (absent, bounds): (&Absent, Bounds),
) -> Result<Verified, StoreError> {
    let purges = if absent.is_all_else() { Purges::unknown() } else { Purges::of(store)? };
    let mut verified = Verified::default();
    let (mut parts, mut told) = (vec![Part::ALL], Told::new());
    let mut is_first = true;
    while let Some(part) = parts.pop() {
        let mut pass = Pass {
            chains: Chains::new(since, (&purges, absent)),
            folds: Folds::new((store, &purges), part, since, bounds, std::mem::take(&mut told)),
            absent,
            is_first,
        };
        History::new(store, since, is_first).each(|read| pass.look(read, &mut verified))?;
        let Pass { folds, chains, .. } = pass;
        let (put_off, told_now) = folds.finish(&mut verified)?;
        parts.extend(put_off);
        told = told_now;
        if is_first {
            verified.streams = chains.count();
            chains.finish(&mut verified);
        }
        is_first = false;
    }
    Ok(verified)
}

/// Says whether a head that was noted elsewhere, and is one of this ledger, is in it.
///
/// # Errors
/// The store cannot be read.
pub fn verify_anchor<S: Store + ?Sized>(
    store: &S,
    anchor: &Anchor,
    noted_in: &str,
) -> Result<Option<Finding>, StoreError> {
    let found =
        match store.events(&Cursor { after: anchor.position.saturating_sub(1), limit: Some(1), ..Cursor::default() }) {
            Ok(found) => found.into_iter().next().filter(|event| event.position == anchor.position),
            Err(StoreError::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
    let what = match found {
        Some(event) if event.hash == anchor.hash => return Ok(None),
        Some(event) => format!("its hash is {}, and {noted_in} notes {}", event.hash, anchor.hash),
        None => format!("it is not there, and {noted_in} notes its hash: {}", anchor.hash),
    };
    Ok(Some(Finding { code: FindingCode::AnchorMissing, place: format!("event {}", anchor.position), what }))
}

/// One reading of all events.
struct Pass<'a, S: ?Sized> {
    chains: Chains<'a>,
    folds: Folds<'a, S>,
    absent: &'a Absent,
    /// Whether the events themselves are looked at; in later ones, only what was put off is folded.
    is_first: bool,
}

impl<S: Store + ?Sized> Pass<'_, S> {
    fn look(&mut self, read: &Read, verified: &mut Verified) -> Result<(), StoreError> {
        match read {
            Read::Page(page) => self.look_at_page(page, verified)?,
            Read::Unreadable { place, what, position } if self.is_first => {
                verified.find(FindingCode::Unreadable, place, what);
                if let Some(position) = position {
                    self.chains.skip(*position);
                }
            }
            Read::Unreadable { .. } => {}
        }
        Ok(())
    }

    fn look_at_page(&mut self, page: &Page, verified: &mut Verified) -> Result<(), StoreError> {
        if self.is_first {
            verified.events += page.events.len() as u64;
        }
        let mut hashes = page.hashes.iter();
        for event in &page.events {
            if let Some(hashes) = hashes.next() {
                self.chains.take(event, hashes, verified);
            }
            // What is being taken out was taken into an archive before, with all that made it.
            if !self.absent.has_stream(event.stream) {
                self.folds.take(event, verified)?;
            }
        }
        Ok(())
    }
}

/// What records are told apart by when memory is short: any digits that are spread.
fn spread(id: &RecordId) -> u32 {
    let random = id.random_part();
    random.bytes().rev().take(4).fold(0, |number, byte| number * 32 + u32::from(byte) % 32)
}

/// In words.
fn stream_name(stream: Stream) -> String {
    match stream {
        Stream::Project => "the project's stream".to_owned(),
        Stream::Run(run) => format!("the stream of {run}"),
    }
}

#[cfg(test)]
mod tests {
    use tollhouse_core::{Actor, RunId, Timestamp};
    use tollhouse_state::MemoryStore;

    use super::*;
    use crate::command::{At, Command};
    use crate::engine::Engine;
    use crate::simulator::{spec, task};

    /// However little memory there is, the same is read, folded and found.
    #[test]
    fn what_is_put_off_is_folded_later() {
        let store = crate::simulator::smooth_run(12);
        let whole = verify(&store, 0).unwrap();
        assert!(whole.is_sound(), "{whole:?}");
        assert!(whole.events > 200 && whole.records > 60, "{whole:?}");
        for open in [0, 1, 2, 5, 20] {
            let bounds = Bounds { open, ..Bounds::default() };
            assert_eq!(verify_within(&store, 0, (&Absent::default(), bounds)).unwrap(), whole, "{open}");
        }
    }

    /// The ids of what one commit makes are in another order than its events. Here they fill several pages, and nothing was made after
    /// them.
    #[test]
    fn what_was_let_go_of_is_looked_up() {
        let store = MemoryStore::new();
        let run = RunId::from_parts(Timestamp::EPOCH, 1);
        let tasks = (0..700).map(|number| task(&format!("task-{number}"), &[])).collect();
        let create = Command::CreateRun { run, spec: Box::new(spec(tasks, 8)), started_by: "ada".into(), legacy: None };
        let mut engine = Engine::open(&store, run).unwrap();
        engine.execute(&create, &Actor::Engine, At { now: Timestamp::EPOCH, seed: 1 }).unwrap();
        let whole = verify(&store, 0).unwrap();
        assert!(whole.is_sound() && whole.records > 700, "{whole:?}");
        for held in [0, 1, 20, 300] {
            let bounds = Bounds { held, ..Bounds::default() };
            assert_eq!(verify_within(&store, 0, (&Absent::default(), bounds)).unwrap(), whole, "{held}");
        }
    }

    #[test]
    fn what_happened_since_is_verified_alone() {
        let store = crate::simulator::smooth_run(3);
        let whole = verify(&store, 0).unwrap();
        for since in [1, 7, whole.events / 2, whole.events - 1, whole.events, whole.events + 9] {
            let part = verify(&store, since).unwrap();
            assert!(part.is_sound(), "{since}: {part:?}");
            assert_eq!(part.events, whole.events.saturating_sub(since));
        }
    }
}
