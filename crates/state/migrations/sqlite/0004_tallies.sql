-- A run's records of one kind in one state are read in order from the index.
DROP INDEX record_by_run;
CREATE INDEX record_by_run ON record (run, kind, state, ulid_order) WHERE run IS NOT NULL;

-- How many records of a run are of each kind in each state: reading that does not take the longer the more there are.
CREATE TABLE record_tally (
  run     TEXT NOT NULL,
  kind    TEXT NOT NULL,
  state   TEXT NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (run, kind, state)
) STRICT, WITHOUT ROWID;
INSERT INTO record_tally
SELECT run, kind, state, count(*) FROM record WHERE run IS NOT NULL GROUP BY run, kind, state;
CREATE TRIGGER record_is_counted AFTER INSERT ON record WHEN new.run IS NOT NULL
BEGIN
  INSERT INTO record_tally (run, kind, state, records) VALUES (new.run, new.kind, new.state, 1)
  ON CONFLICT DO UPDATE SET records = records + 1;
END;
CREATE TRIGGER record_is_counted_elsewhere AFTER UPDATE OF state ON record
WHEN new.run IS NOT NULL AND new.state <> old.state
BEGIN
  UPDATE record_tally SET records = records - 1 WHERE run = old.run AND kind = old.kind AND state = old.state;
  INSERT INTO record_tally (run, kind, state, records) VALUES (new.run, new.kind, new.state, 1)
  ON CONFLICT DO UPDATE SET records = records + 1;
END;
