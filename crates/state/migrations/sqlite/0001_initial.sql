-- The ledger, schema 1. A store sees ids, kinds, states, versions and declared keys; what a body means is not its affair.
-- Times are microseconds since 1970 (UTC). application_id and user_version are set by the program, in this transaction.

-- What is true now.
CREATE TABLE record (
  id         TEXT NOT NULL PRIMARY KEY,
  ulid_order TEXT NOT NULL UNIQUE,             -- ULID, then kind: the order of every listing
  kind       TEXT NOT NULL,
  run        TEXT,
  parent     TEXT,
  state      TEXT NOT NULL,
  version    INTEGER NOT NULL CHECK (version >= 1),
  random     TEXT NOT NULL CHECK (length(random) = 16),
  body       TEXT NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE INDEX record_by_state ON record (kind, state, ulid_order);
CREATE INDEX record_by_run ON record (run, kind, ulid_order) WHERE run IS NOT NULL;
CREATE INDEX record_by_parent ON record (parent, ulid_order) WHERE parent IS NOT NULL;
CREATE INDEX record_by_random ON record (random);

-- What else a record can be found by.
CREATE TABLE record_key (
  name   TEXT NOT NULL,
  value  TEXT NOT NULL,
  record TEXT NOT NULL REFERENCES record (id),
  PRIMARY KEY (name, value, record)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX record_key_by_record ON record_key (record, name, value);

-- Which commits were made: how one that comes again is recognised.
CREATE TABLE commit_log (
  id     TEXT NOT NULL PRIMARY KEY,
  digest TEXT NOT NULL CHECK (length(digest) = 64),
  first  INTEGER NOT NULL CHECK (first >= 1),
  last   INTEGER NOT NULL CHECK (last >= first)
) STRICT, WITHOUT ROWID;

-- What happened. Each stream (a run, or the project) is a hash chain.
CREATE TABLE event (
  position      INTEGER PRIMARY KEY CHECK (position >= 1),
  stream        TEXT NOT NULL,
  seq           INTEGER NOT NULL CHECK (seq >= 1),
  record        TEXT NOT NULL REFERENCES record (id),
  kind          TEXT NOT NULL,
  version       INTEGER NOT NULL CHECK (version >= 1),
  state         TEXT NOT NULL,
  name          TEXT NOT NULL,
  severity      TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'error')),
  reason        TEXT,
  actor         TEXT NOT NULL,
  at            INTEGER NOT NULL,
  trace         TEXT,
  commit_id     TEXT NOT NULL REFERENCES commit_log (id),
  body          TEXT NOT NULL CHECK (json_valid(body)),
  previous_hash TEXT NOT NULL CHECK (length(previous_hash) = 64),
  hash          TEXT NOT NULL CHECK (length(hash) = 64),
  UNIQUE (stream, seq),
  UNIQUE (record, version)
) STRICT;

CREATE INDEX event_by_stream ON event (stream, position);
CREATE INDEX event_by_kind ON event (kind, position);

-- When something was last noted alive. No history.
CREATE TABLE pulse (
  record TEXT NOT NULL PRIMARY KEY,
  at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- History is only ever added to.
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT raise(ABORT, 'events are never changed'); END;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
BEGIN SELECT raise(ABORT, 'events are never removed'); END;
CREATE TRIGGER commit_is_never_changed BEFORE UPDATE ON commit_log
BEGIN SELECT raise(ABORT, 'commits are never changed'); END;
CREATE TRIGGER commit_is_never_removed BEFORE DELETE ON commit_log
BEGIN SELECT raise(ABORT, 'commits are never removed'); END;

-- For people with SQL.
CREATE VIEW run AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'run';
CREATE VIEW task AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'task';
CREATE VIEW attempt AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'attempt';
CREATE VIEW patch AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'patch';
CREATE VIEW gate_run AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'gate_run';
CREATE VIEW effect AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'effect';
