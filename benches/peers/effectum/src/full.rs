//! Keeps effectum from lowering `synchronous`, for which it has no option: SQLite is told to ignore whoever sets it.
//!
//! An authorizer that answers `SQLITE_IGNORE` makes a pragma do nothing, so the connection stays at SQLite's own default,
//! FULL: "Compile-Time Authorization Callbacks" and "PRAGMA synchronous" in SQLite's documentation.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use rusqlite::ffi;

/// From now on, every connection of this process stays at FULL.
pub(crate) fn stay_full() {
    // SAFETY: `watch` has the signature that SQLite calls, and lives as long as the process.
    let code = unsafe { ffi::sqlite3_auto_extension(Some(watch)) };
    assert_eq!(code, ffi::SQLITE_OK, "the extension is taken");
}

/// What SQLite calls with each new connection.
unsafe extern "C" fn watch(
    connection: *mut ffi::sqlite3,
    _message: *mut *const c_char,
    _routines: *const ffi::sqlite3_api_routines,
) -> c_int {
    // SAFETY: SQLite passes an open connection; `authorize` needs no data.
    unsafe { ffi::sqlite3_set_authorizer(connection, Some(authorize), ptr::null_mut()) }
}

/// What SQLite calls with each action of a statement, when it is prepared.
unsafe extern "C" fn authorize(
    _data: *mut c_void,
    action: c_int,
    name: *const c_char,
    value: *const c_char,
    _database: *const c_char,
    _cause: *const c_char,
) -> c_int {
    if action != ffi::SQLITE_PRAGMA || value.is_null() {
        return ffi::SQLITE_OK;
    }
    // SAFETY: with a pragma, the name is a text that ends in a zero.
    let name = unsafe { CStr::from_ptr(name) };
    if name == c"synchronous" { ffi::SQLITE_IGNORE } else { ffi::SQLITE_OK }
}
