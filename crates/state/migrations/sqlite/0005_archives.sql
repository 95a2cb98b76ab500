-- In an archive, the name of the ledger that its runs are of. A ledger has none.
CREATE TABLE origin (
  ledger TEXT NOT NULL CHECK (length(ledger) = 16)
) STRICT;

-- Streams that are being taken out, because all of each is in an archive: of these alone, history may be removed.
CREATE TABLE leaving (
  stream TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

DROP TRIGGER event_is_never_removed;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
WHEN NOT EXISTS (SELECT 1 FROM leaving WHERE stream = old.stream)
BEGIN SELECT raise(ABORT, 'events are never removed'); END;
CREATE TRIGGER nothing_happens_in_what_leaves BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM leaving WHERE stream = new.stream)
BEGIN SELECT raise(ABORT, 'the run is in an archive'); END;
DROP TRIGGER commit_is_never_removed;
CREATE TRIGGER commit_is_never_removed BEFORE DELETE ON commit_log
WHEN NOT EXISTS (SELECT 1 FROM leaving)
BEGIN SELECT raise(ABORT, 'commits are never removed'); END;

CREATE TRIGGER record_is_not_counted_any_more AFTER DELETE ON record WHEN old.run IS NOT NULL
BEGIN
  UPDATE record_tally SET records = records - 1 WHERE run = old.run AND kind = old.kind AND state = old.state;
END;
