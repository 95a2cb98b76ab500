//! Money: whole nano-dollars, checked arithmetic, no floating point anywhere.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::parsed::parsed;

const NANOS: i64 = 1_000_000_000;

/// A text that is not an amount of dollars.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not an amount in dollars with at most nine decimals, such as \"12.50\"")]
pub struct InvalidMoney {
    /// What was given.
    pub text: String,
}

/// An amount in nano-dollars (10⁻⁹ USD). Text is the shortest exact decimal.
///
/// ```
/// # use tollhouse_core::Money;
/// let price: Money = "0.012345".parse()?;
/// assert_eq!(price.as_nanos(), 12_345_000);
/// assert_eq!(price.checked_add(price).map(|sum| sum.to_string()), Some("0.02469".to_owned()));
/// # Ok::<(), tollhouse_core::InvalidMoney>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// From nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nano-dollars.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The sum; `None` where it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The sum, or the nearest amount that fits. For totals that are only ever compared with a limit.
    #[must_use]
    pub const fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference; `None` where it does not fit.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let whole = self.0.unsigned_abs() / NANOS.unsigned_abs();
        let decimals = format!("{:09}", self.0.unsigned_abs() % NANOS.unsigned_abs());
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            decimals => write!(f, "{sign}{whole}.{decimals}"),
        }
    }
}

impl FromStr for Money {
    type Err = InvalidMoney;

    fn from_str(text: &str) -> Result<Self, InvalidMoney> {
        let invalid = || InvalidMoney { text: text.to_owned() };
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(decimals) || decimals.len() > 9 {
            return Err(invalid());
        }
        let nanos: i128 = format!("{whole}{decimals:0<9}").parse().map_err(|_| invalid())?;
        i64::try_from(if negative { -nanos } else { nanos }).map(Self).map_err(|_| invalid())
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

impl JsonSchema for Money {
    fn schema_name() -> Cow<'static, str> {
        "Money".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]{1,9})?$", "description": "US dollars, exact"})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn money_comes_back_from_its_text(nanos: i64) {
            prop_assert_eq!(Money(nanos).to_string().parse(), Ok(Money(nanos)));
        }
    }

    #[test]
    fn what_is_not_an_exact_amount_is_refused() {
        for text in ["", ".", "1.", ".5", "1e3", "1,5", "0.0000000001", "9223372037", "--1", "$1"] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }
}
