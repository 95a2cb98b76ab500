-- In an archive, the name of the ledger that its runs are of. A ledger has none.
CREATE TABLE origin (
  ledger TEXT NOT NULL CHECK (length(ledger) = 16)
) STRICT;

-- Streams that are in an archive: they are being taken out, or are gone. Of these alone history may be removed, and nothing
-- happens in them any more.
CREATE TABLE archived (
  stream TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TRIGGER nothing_happens_in_an_archive BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM archived WHERE stream = new.stream)
BEGIN SELECT raise(ABORT, 'the run is in an archive'); END;

DROP TRIGGER event_is_never_removed;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
WHEN NOT EXISTS (SELECT 1 FROM archived WHERE stream = old.stream)
BEGIN SELECT raise(ABORT, 'events are never removed'); END;

DROP TRIGGER commit_is_never_removed;
CREATE TRIGGER commit_is_never_removed BEFORE DELETE ON commit_log
WHEN EXISTS (SELECT 1 FROM event WHERE position BETWEEN old.first AND old.last)
BEGIN SELECT raise(ABORT, 'commits are never removed'); END;

CREATE TRIGGER record_is_not_counted_any_more AFTER DELETE ON record WHEN old.run IS NOT NULL
BEGIN
  UPDATE record_tally SET records = records - 1 WHERE run = old.run AND kind = old.kind AND state = old.state;
END;
