//! Git's binary patches: base 85, deflate, and its delta encoding.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::hunk::parse_number;
use super::parse::{Lines, PatchProblem};

/// No binary content of a patch may be larger. What is compressed can claim anything.
const BYTES_MAX: usize = 256 << 20;

/// Git's alphabet for base 85.
const ALPHABET: &[u8; 85] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~";

/// The value of each letter of the alphabet; 85 for any other byte.
const VALUES: [u8; 256] = {
    let mut values = [85; 256];
    let mut value = 0;
    while value < 85 {
        values[ALPHABET[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// A binary change, forwards and, where the patch has it, backwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BinaryPatch {
    /// Makes the new content from the old.
    pub forward: BinaryData,
    /// Makes the old content from the new; what proves that the old content is the one that was meant.
    pub reverse: Option<BinaryData>,
}

/// One direction of a binary change, decoded and decompressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BinaryData {
    /// The content itself.
    Literal(Vec<u8>),
    /// Git's delta: copies from the other side, and new bytes.
    Delta(Vec<u8>),
}

impl BinaryData {
    /// The content that this makes of another; `None` where it does not fit it.
    ///
    /// ```
    /// # use tollhouse_engine::patch::BinaryData;
    /// let delta = BinaryData::Delta(vec![4, 6, 0x90, 4, 2, b'e', b'f']);
    /// assert_eq!(delta.apply(b"abcd").unwrap(), b"abcdef");
    /// ```
    pub fn apply(&self, other: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Literal(bytes) => Some(bytes.clone()),
            Self::Delta(delta) => apply_delta(delta, other),
        }
    }
}

fn apply_delta(delta: &[u8], source: &[u8]) -> Option<Vec<u8>> {
    let mut rest = delta;
    let source_size = read_size(&mut rest)?;
    let size = read_size(&mut rest)?;
    if source_size != source.len() || size > BYTES_MAX {
        return None;
    }
    let mut out = Vec::new();
    while let Some(op) = read_byte(&mut rest) {
        let piece = if op & 0x80 == 0 {
            let (new, after) = rest.split_at_checked(usize::from(op)).filter(|_| op != 0)?;
            rest = after;
            new
        } else {
            let offset = read_bits(&mut rest, op, 4)?;
            let length = read_bits(&mut rest, op >> 4, 3)?;
            let length = if length == 0 { 0x1_0000 } else { length };
            source.get(offset..offset.checked_add(length)?)?
        };
        if piece.len() > size - out.len() {
            return None;
        }
        out.extend_from_slice(piece);
    }
    (out.len() == size).then_some(out)
}

fn read_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    Some(*first)
}

fn read_size(rest: &mut &[u8]) -> Option<usize> {
    let mut size = 0usize;
    for shift in (0..35).step_by(7) {
        let byte = read_byte(rest)?;
        size |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(size);
        }
    }
    None
}

/// Bytes of a little-endian number, where the flags say which of them are there.
fn read_bits(rest: &mut &[u8], flags: u8, bytes: u8) -> Option<usize> {
    let mut number = 0usize;
    for at in (0..bytes).filter(|at| flags >> at & 1 == 1) {
        number |= usize::from(read_byte(rest)?) << (8 * at);
    }
    Some(number)
}

/// Reads what follows `GIT binary patch`, which is the next line.
pub(super) fn read_binary(lines: &mut Lines<'_>) -> Result<BinaryPatch, PatchProblem> {
    lines.next();
    let at = lines.number();
    let forward = read_data(lines)?.ok_or_else(|| PatchProblem::new(at, "no literal or delta follows"))?;
    Ok(BinaryPatch { forward, reverse: read_data(lines)? })
}

fn read_data(lines: &mut Lines<'_>) -> Result<Option<BinaryData>, PatchProblem> {
    let at = lines.number();
    let header = lines.peek_header();
    let (make, text): (fn(Vec<u8>) -> BinaryData, _) = if let Some(text) = header.strip_prefix(b"literal ") {
        (BinaryData::Literal, text)
    } else if let Some(text) = header.strip_prefix(b"delta ") {
        (BinaryData::Delta, text)
    } else {
        return Ok(None);
    };
    lines.next();
    let size = parse_number(text).filter(|(_, rest)| rest.is_empty()).map(|(size, _)| size);
    let size = size.ok_or_else(|| PatchProblem::new(at, "the size of the binary content is no number"))?;
    if size > BYTES_MAX {
        return Err(PatchProblem::new(at, format!("the binary content is larger than {BYTES_MAX} bytes")));
    }
    let mut packed = Vec::new();
    while !lines.peek_header().is_empty() {
        let number = lines.number();
        let line = lines.next_header();
        decode_line(line, &mut packed).ok_or_else(|| PatchProblem::new(number, "the line is not in git's base 85"))?;
    }
    lines.next();
    let data = inflate(&packed, size);
    let data = data.ok_or_else(|| PatchProblem::new(at, "the binary content is not what its header says"))?;
    Ok(Some(make(data)))
}

fn inflate(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    let mut decoder = ZlibDecoder::new(packed);
    // One byte more shows that there is too much; reading to the end checks the sum.
    decoder.by_ref().take(size as u64 + 1).read_to_end(&mut data).ok()?;
    (data.len() == size && decoder.total_in() == packed.len() as u64).then_some(data)
}

/// One line: a letter for its length in bytes, then five digits for each four bytes.
fn decode_line(line: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (length, digits) = line.split_first()?;
    let length = match length {
        b'A'..=b'Z' => usize::from(length - b'A') + 1,
        b'a'..=b'z' => usize::from(length - b'a') + 27,
        _ => return None,
    };
    if digits.len() != length.div_ceil(4) * 5 {
        return None;
    }
    let mut bytes = Vec::with_capacity(length + 3);
    for group in digits.chunks_exact(5) {
        let number = group.iter().try_fold(0u64, |number, digit| {
            let value = VALUES[usize::from(*digit)];
            (value < 85).then_some(number * 85 + u64::from(value))
        })?;
        bytes.extend_from_slice(&u32::try_from(number).ok()?.to_be_bytes());
    }
    out.extend_from_slice(&bytes[..length]);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delta_that_leaves_its_source_is_refused() {
        let long = BinaryData::Delta(vec![4, 8, 0x90, 8]);
        assert_eq!(long.apply(b"abcd"), None);
        let other = BinaryData::Delta(vec![5, 4, 0x90, 4]);
        assert_eq!(other.apply(b"abcd"), None);
        let endless = BinaryData::Delta(vec![0xff; 12]);
        assert_eq!(endless.apply(b"abcd"), None);
    }

    #[test]
    fn content_that_is_longer_than_it_says_is_refused() {
        // Four bytes, `hell`, deflated; the header of the second says three.
        let text = "GIT binary patch\nliteral SIZE\nLcmcC#UlX;#\n\n";
        for size in ["3", "5", "x", "99999999999999999999", "268435457"] {
            assert!(read_binary(&mut Lines::new(text.replace("SIZE", size).as_bytes())).is_err());
        }
    }
}
