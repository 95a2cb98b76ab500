//! Where declared scopes meet, and whether one lies within another: globs compared with globs, exactly.
//!
//! Two globs are compared as the sets of paths that they match, not as texts: both become automata over bytes, and a search
//! over pairs of their states finds the shortest path that both match, or that there is none. What a glob means is what
//! `globset` makes of it, for the automaton is read from the very expression that `globset` matches with; whatever of it is
//! not understood here counts as a glob that cannot be read.
//!
//! Only paths that git could hold count: relative, without empty parts, `.`, `..` and NUL. Globs that meet nowhere else do
//! not meet. What policy refuses besides (`.git`, names that some systems take for others) counts as possible.
//!
//! Nothing here recurses on what it is given, and every search is bounded. Whatever goes beyond its bound is answered as is
//! safe: such scopes may overlap, and nobody says that one lies within the other, or beyond it.

mod automaton;
mod bytes;
mod declared;
mod expression;
mod meet;
mod path;
#[cfg(test)]
mod props;
mod within;

pub use declared::{Inclusion, Meeting, Scope, overlap};
