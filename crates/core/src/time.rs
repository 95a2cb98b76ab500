//! Points in time and lengths of it. The time always comes in from outside; nothing in here reads a clock.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::parsed::parsed_by;

/// UTC microseconds since 1970. Text is RFC 3339 with `Z`.
///
/// ```
/// # use tollhouse_core::Timestamp;
/// assert_eq!(Timestamp::from_micros(1_500_000).to_string(), "1970-01-01T00:00:01.500000Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since 1970. What the calendar cannot show (beyond the year 262142) is brought to its end.
    pub fn from_micros(micros: i64) -> Self {
        let end = DateTime::<Utc>::MAX_UTC.timestamp_micros();
        let start = DateTime::<Utc>::MIN_UTC.timestamp_micros();
        Self(micros.clamp(start, end))
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since 1970; 0 before that.
    pub fn as_millis(self) -> u64 {
        u64::try_from(self.0 / 1000).unwrap_or(0)
    }

    /// Whole seconds since 1970.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This much later.
    #[must_use]
    pub fn after(self, span: Span) -> Self {
        Self::from_micros(self.0.saturating_add(i64::try_from(span.as_duration().as_micros()).unwrap_or(i64::MAX)))
    }

    fn text(self) -> String {
        let time = DateTime::<Utc>::from_timestamp_micros(self.0).expect("the constructor keeps it in range");
        time.to_rfc3339_opts(SecondsFormat::Micros, true)
    }

    /// How long since `earlier`; zero where the clock went backwards.
    pub fn since(self, earlier: Self) -> Span {
        Span::from_millis(u64::try_from(self.0.saturating_sub(earlier.0) / 1000).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let time = parsed_by(deserializer, DateTime::parse_from_rfc3339)?;
        Ok(Self::from_micros(time.timestamp_micros()))
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date-time"})
    }
}

/// A length of time in whole milliseconds. In JSON: seconds, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    ms: u64,
}

impl Span {
    /// From milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self { ms }
    }

    /// From seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self { ms: seconds.saturating_mul(1000) }
    }

    /// Milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.ms
    }

    /// As the standard library says it.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.ms)
    }

    /// Reads what people write: `90s`, `10m`, `1h30m`, `250ms`, `2d`. `None` for anything else, an empty text included.
    ///
    /// ```
    /// # use tollhouse_core::Span;
    /// assert_eq!(Span::parse("1h30m"), Some(Span::from_secs(5400)));
    /// assert_eq!(Span::parse("ten minutes"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        if rest.is_empty() {
            return None;
        }
        let mut total = 0_u64;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let amount: u64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = match &rest[..letters] {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return None,
            };
            total = total.checked_add(amount.checked_mul(unit)?)?;
            rest = &rest[letters..];
        }
        Some(Self { ms: total })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ms {
            0..10_000 => write!(f, "{}.{}s", self.ms / 1000, self.ms % 1000 / 100),
            10_000..60_000 => write!(f, "{}s", self.ms / 1000),
            60_000..3_600_000 => write!(f, "{}m{:02}s", self.ms / 60_000, self.ms / 1000 % 60),
            _ => write!(f, "{}h{:02}m", self.ms / 3_600_000, self.ms / 60_000 % 60),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.ms.is_multiple_of(1000) {
            serializer.serialize_u64(self.ms / 1000)
        } else {
            // Read from decimals, so that it is the nearest number and prints as what it is.
            let seconds =
                format!("{}.{:03}", self.ms / 1000, self.ms % 1000).parse().map_err(serde::ser::Error::custom)?;
            serializer.serialize_f64(seconds)
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        let duration = Duration::try_from_secs_f64(seconds).map_err(de::Error::custom)?;
        let rounded = duration.saturating_add(Duration::from_micros(500));
        Ok(Self { ms: u64::try_from(rounded.as_millis()).map_err(de::Error::custom)? })
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0, "description": "seconds"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_span_comes_back_from_its_json(ms in 0_u64..1 << 50) {
            let text = serde_json::to_string(&Span::from_millis(ms)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Span>(&text).unwrap(), Span::from_millis(ms));
        }

        #[test]
        fn a_timestamp_comes_back_from_its_json(micros: i64) {
            let time = Timestamp::from_micros(micros);
            let text = serde_json::to_string(&time).unwrap();
            // RFC 3339 has four digits for the year; what lies beyond is still read by the same parser.
            if (0..253_402_300_800_000_000).contains(&micros) {
                prop_assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), time);
            }
        }

        #[test]
        fn no_text_makes_the_span_parser_panic(text: String) {
            let _ = Span::parse(&text);
        }
    }

    #[test]
    fn a_clock_set_back_gives_no_negative_span() {
        assert_eq!(Timestamp::from_micros(5).since(Timestamp::from_micros(5_000_000)), Span::default());
    }
}
