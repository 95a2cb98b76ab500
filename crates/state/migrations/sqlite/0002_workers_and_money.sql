-- For people with SQL.
CREATE VIEW worker AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'worker';
CREATE VIEW workstream AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'workstream';
CREATE VIEW breaker AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'breaker';
CREATE VIEW cost_entry AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'cost_entry';
CREATE VIEW budget AS SELECT id, run, parent, state, version, body FROM record WHERE kind = 'budget';
