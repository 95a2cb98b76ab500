-- An event vouches for contents by their digests, so that content can be forgotten and history still be checked. An event
-- of schema 1 or 2 has none: its hash is over its body. The event, its position too, shows who made the same commit before.
DROP TRIGGER event_is_never_changed;
DROP TRIGGER event_is_never_removed;
DROP TRIGGER commit_is_never_changed;
DROP TRIGGER commit_is_never_removed;

-- A new table, because SQLite cannot take away a constraint. What was unique, valid and there is so because one writer sees
-- to it, and `toll verify` shows that it is.
CREATE TABLE event_3 (
  position      INTEGER PRIMARY KEY CHECK (position >= 1),
  stream        TEXT NOT NULL,
  seq           INTEGER NOT NULL CHECK (seq >= 1),
  record        TEXT NOT NULL,
  kind          TEXT NOT NULL,
  version       INTEGER NOT NULL CHECK (version >= 1),
  state         TEXT NOT NULL,
  name          TEXT NOT NULL,
  severity      TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
  reason        TEXT,
  actor         TEXT NOT NULL,
  at            INTEGER NOT NULL,
  trace         TEXT,
  commit_id     TEXT NOT NULL,
  body          TEXT NOT NULL,
  body_digest   TEXT CHECK (length(body_digest) = 64),
  record_digest TEXT CHECK (length(record_digest) = 64),
  previous_hash TEXT NOT NULL CHECK (length(previous_hash) = 64),
  hash          TEXT NOT NULL CHECK (length(hash) = 64),
  CHECK ((body_digest IS NULL) = (record_digest IS NULL))
) STRICT;
INSERT INTO event_3
SELECT position, stream, seq, record, kind, version, state, name, severity, reason, actor, at, trace, commit_id, body,
       NULL, NULL, previous_hash, hash
FROM event ORDER BY position;
DROP TABLE event;
ALTER TABLE event_3 RENAME TO event;
CREATE INDEX event_by_stream ON event (stream, position);
CREATE INDEX event_by_record ON event (record, position);
CREATE INDEX event_by_kind ON event (kind, position);

-- What a commit said is in its events.
ALTER TABLE commit_log DROP COLUMN digest;

CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT raise(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
BEGIN SELECT raise(ABORT, 'events are never removed'); END;
CREATE TRIGGER commit_is_never_changed BEFORE UPDATE ON commit_log
BEGIN SELECT raise(ABORT, 'commits are never changed'); END;
CREATE TRIGGER commit_is_never_removed BEFORE DELETE ON commit_log
BEGIN SELECT raise(ABORT, 'commits are never removed'); END;

-- A record's keys stand in it, as a JSON object; record_key is what it is found by.
ALTER TABLE record ADD COLUMN keys TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(keys));
UPDATE record
SET keys = (SELECT json_group_object(name, value) FROM
             (SELECT name, value FROM record_key WHERE record = record.id ORDER BY name))
WHERE id IN (SELECT record FROM record_key);
DROP INDEX record_key_by_record;
