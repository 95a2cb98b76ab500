//! Days made up by seeds: whatever goes wrong on them, every promise is kept.

use proptest::prelude::*;
use tollhouse_engine::simulator::{Coverage, simulate};

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        let (first, second) = (simulate(seed).unwrap(), simulate(seed).unwrap());
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert_ne!(first.trace_hash, simulate(seed + 1).unwrap().trace_hash, "seed {seed}");
    }
}

#[test]
fn coverage_probe() {
    let mut coverage = Coverage::default();
    let mut bad = std::collections::BTreeMap::<String, Vec<u64>>::new();
    for seed in 0..400 {
        match simulate(seed) {
            Ok(report) => coverage.add(&report.coverage),
            Err(v) => bad.entry(v.broken.claim.to_owned()).or_default().push(seed),
        }
    }
    println!("{coverage}\n{} pairs", coverage.pairs());
    for (claim, seeds) in &bad {
        println!("{claim}: {} {:?}", seeds.len(), &seeds[..seeds.len().min(8)]);
    }
}

#[test]
fn probe_seed() {
    #[expect(clippy::disallowed_methods, reason = "probe")]
    let seed: u64 = std::env::var("PROBE").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    match simulate(seed) {
        Ok(report) => println!("{}", report.trace.join("\n")),
        Err(v) => println!("{v}"),
    }
}
