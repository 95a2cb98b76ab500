//! A process that writes into a ledger until it is stopped, and says what it does; and what must be in the ledger then.
//!
//! What a commit holds follows from its id alone ([`draft`]), so whoever finds one, or half of one, knows what it should
//! be. The process ([`process`]) says each step on its standard output ([`word`]): that it is about to make a commit, and,
//! only once [`Store::commit`](tollhouse_state::Store::commit) has returned, that it was made. The words make the account
//! that [`whole`] compares a ledger with.

mod draft;
mod process;
mod whole;
mod word;

pub(crate) use process::{Job, writer};
pub(crate) use whole::differs;
pub(crate) use word::{Account, Word};
