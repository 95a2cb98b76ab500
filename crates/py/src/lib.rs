//! The native half of the Python package `tollhouse`: conversion only.
//!
//! Owns the shape in which Python sees the engine, the runner and the ledger. Must never hold a rule, SQL or git.

/// What `tollhouse` imports; the package in `python/tollhouse` is the public face.
#[pyo3::pymodule]
mod _native {
    /// The version of the package, as in its metadata.
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name is Python's")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
