//! Objects as git keeps them in files of their own.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// Where an object stands in a repository's folder.
pub(crate) fn place_of(id: &str) -> String {
    let (folder, name) = id.split_at_checked(2).unwrap_or(("", id));
    format!("objects/{folder}/{name}")
}

/// A blob as it is in its file.
pub(crate) fn blob(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(format!("blob {}\0", content.len()).as_bytes())?;
    packed.write_all(content)?;
    packed.finish()
}
