//! Reading history from its beginning to its end, page after page, with the hashes that its events must have. What is longer than a
//! page is read ahead, by a thread of its own, while what was read is looked at.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use tollhouse_core::Event;
use tollhouse_state::{Cursor, Store, StoreError};

use super::digest::{self, Hasher};

/// How many events are read at a time: so many that asking costs little, and so few that a page stays in the cache.
const PAGE: u32 = 256;

/// How many pages are read ahead at most.
const AHEAD: usize = 4;

/// What is read next.
pub(super) enum Read {
    /// Events, one after the other.
    Page(Page),
    /// One that cannot be read. Where its position is not known, it is the last thing that is read.
    Unreadable { place: String, what: String, position: Option<u64> },
}

/// Some events. A page is used again and again for its room.
#[derive(Default)]
pub(super) struct Page {
    pub(super) events: Vec<Event>,
    /// Of each of them, or of none.
    pub(super) hashes: Vec<Hashes>,
}

/// What an event's hashes must be.
pub(super) struct Hashes {
    /// Of all of it.
    pub(super) event: [u8; 32],
    /// Of its body.
    pub(super) body: [u8; 32],
}

/// The events after a position.
pub(super) struct History<'a, S: ?Sized> {
    store: &'a S,
    after: u64,
    limit: u32,
    is_at_end: bool,
    /// Computes hashes, where they are wanted.
    hasher: Option<Hasher>,
}

impl<'a, S: Store + ?Sized> History<'a, S> {
    pub(super) fn new(store: &'a S, since: u64, is_hashed: bool) -> Self {
        Self { store, after: since, limit: PAGE, is_at_end: false, hasher: is_hashed.then(Hasher::default) }
    }

    /// Gives all of it to somebody, in order.
    pub(super) fn each(mut self, mut look: impl FnMut(&Read) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut room = Page::default();
        let mut is_alone = false;
        while let Some(read) = self.next(room)? {
            look(&read)?;
            room = read.into_room();
            // A whole page: what follows may be long.
            if room.events.len() == PAGE as usize && !is_alone {
                match self.each_ahead(&mut look) {
                    Some(done) => return done,
                    None => is_alone = true,
                }
            }
        }
        Ok(())
    }

    /// The rest, read by a thread of its own; `None` where the system gives none.
    fn each_ahead(&mut self, look: impl FnMut(&Read) -> Result<(), StoreError>) -> Option<Result<(), StoreError>> {
        let (reads, ahead) = sync_channel(AHEAD);
        let (give_back, rooms) = channel();
        thread::scope(|scope| {
            let reading = thread::Builder::new().name("history".to_owned());
            reading.spawn_scoped(scope, move || self.send(&reads, &rooms)).ok()?;
            Some(look_at(ahead, &give_back, look))
        })
    }

    /// Until all is read, or nobody wants it any more.
    fn send(&mut self, reads: &SyncSender<Result<Read, StoreError>>, rooms: &Receiver<Page>) {
        let mut room = Page::default();
        while let Some(read) = self.next(room).transpose() {
            if reads.send(read).is_err() {
                return;
            }
            room = rooms.try_recv().unwrap_or_default();
        }
    }

    fn next(&mut self, mut page: Page) -> Result<Option<Read>, StoreError> {
        while !self.is_at_end {
            let cursor = Cursor { after: self.after, limit: Some(self.limit), ..Cursor::default() };
            match self.store.events_into(&cursor, &mut page.events) {
                Ok(()) => {
                    let Some(last) = page.events.last() else { break };
                    (self.after, self.limit) = (last.position, PAGE);
                    self.hash(&mut page);
                    return Ok(Some(Read::Page(page)));
                }
                // Somewhere on the page: ever smaller ones lead to it.
                Err(StoreError::Damaged { .. }) if self.limit > 1 => self.limit /= 2,
                Err(StoreError::Damaged { place, what }) => {
                    let position = position_of(&place);
                    match position {
                        Some(position) => self.after = position.max(self.after + 1),
                        None => self.is_at_end = true,
                    }
                    return Ok(Some(Read::Unreadable { place, what, position }));
                }
                Err(error) => {
                    self.is_at_end = true;
                    return Err(error);
                }
            }
        }
        Ok(None)
    }

    fn hash(&mut self, page: &mut Page) {
        page.hashes.clear();
        if let Some(hasher) = &mut self.hasher {
            page.hashes.extend(page.events.iter().map(|event| Hashes {
                event: hasher.event(event),
                body: digest::content(event.event.body.as_bytes()),
            }));
        }
    }
}

fn look_at(
    reads: Receiver<Result<Read, StoreError>>,
    give_back: &Sender<Page>,
    mut look: impl FnMut(&Read) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for read in reads {
        let read = read?;
        look(&read)?;
        // At the end, nobody wants it any more.
        let _ = give_back.send(read.into_room());
    }
    Ok(())
}

impl Read {
    fn into_room(self) -> Page {
        match self {
            Self::Page(page) => page,
            Self::Unreadable { .. } => Page::default(),
        }
    }
}

/// The position of an event that cannot be read, as the store names it.
fn position_of(place: &str) -> Option<u64> {
    place.strip_prefix("event ")?.parse().ok()
}
