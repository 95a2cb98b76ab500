//! Which contents beside the ledger a record names.

use tollhouse_core::entity::{Attempt, Entity, GateRun, Output, UnreadableRecord};
use tollhouse_core::{Kind, Record};

use crate::forget::PURGED;

/// Whether records of a kind may name contents beside the ledger: the others need not be read to find out.
pub const fn names_blobs(kind: Kind) -> bool {
    match kind {
        Kind::Attempt | Kind::GateRun => true,
        // What a patch calls its blob lies in the ledger's own repository.
        Kind::Run
        | Kind::Task
        | Kind::Patch
        | Kind::Effect
        | Kind::Worker
        | Kind::Workstream
        | Kind::Breaker
        | Kind::CostEntry
        | Kind::Budget => false,
    }
}

/// The contents beside the ledger that a record names, by their digests.
///
/// # Errors
/// The record is not what this version of the program writes, so nobody can say what it names.
pub fn blobs_of(record: &Record) -> Result<Vec<String>, UnreadableRecord> {
    let printed: Option<Output> = match record.kind() {
        Kind::Attempt => Attempt::from_record(record)?.end.and_then(|end| end.output),
        Kind::GateRun => GateRun::from_record(record)?.end.and_then(|end| end.output),
        _ => None,
    };
    // What was purged is gone; the digest only says what it was.
    let kept = printed.filter(|printed| printed.text != PURGED);
    Ok(kept.and_then(|printed| printed.blob).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tollhouse_core::entity::UnreadableRecord;

    use super::*;

    const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    /// As it stands in a ledger.
    fn gate_run(output: &serde_json::Value) -> Record {
        let body = json!({
            "id": "gate_00000000000000000000000001", "run": null, "patch": null, "tree": "t", "parent": "p", "number": 1,
            "gate": {"name": "unit", "kind": "unit", "run": {"shell": "true"}, "paths": [], "cwd": null, "env": {},
                "env_pass": [], "timeout": 1, "needs": [], "requirement": "required"},
            "state": "passed", "blocked_by": [], "reason": null, "end": {"exit": {"code": 0}, "output": output, "reason": null},
            "created_at": "1970-01-01T00:00:00.000000Z", "started_at": null, "finished_at": null,
        });
        serde_json::from_value::<GateRun>(body).expect("it is a gate run").to_record(1)
    }

    #[test]
    fn a_gate_run_names_what_its_program_printed() {
        let output = json!({"text": "ok", "bytes": 9000, "omitted_bytes": 0, "blob": DIGEST});
        assert_eq!(blobs_of(&gate_run(&output)), Ok(vec![DIGEST.to_owned()]));
    }

    #[test]
    fn a_record_of_an_earlier_program_names_nothing() {
        assert_eq!(blobs_of(&gate_run(&json!({"text": "ok", "bytes": 2, "omitted_bytes": 0}))), Ok(Vec::new()));
        assert_eq!(blobs_of(&gate_run(&json!(null))), Ok(Vec::new()));
    }

    #[test]
    fn nobody_says_what_a_record_names_that_cannot_be_read() {
        let mut record = gate_run(&json!(null));
        record.body = record.body.replace("\"tree\"", "\"wood\"");
        assert!(matches!(blobs_of(&record), Err(UnreadableRecord { .. })));
    }
}
