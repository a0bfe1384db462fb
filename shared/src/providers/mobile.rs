//! Mobile numbers: one form inside, and the form that each platform wants.

use std::fmt;

/// The country's code of numbers that are written without one.
const HOME: &str = "86";
/// Most digits of a number with its country's code (E.164), and fewest that are taken for one.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;
/// Country codes of one and of two digits (ITU E.164); all others have three.
const ONE_DIGIT: &[u8] = b"17";
const TWO_DIGITS: &[&str] = &[
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51",
    "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90",
    "91", "92", "93", "94", "95", "98",
];

/// A mobile number with its region. Shown as E.164: `+8613800000001`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mobile {
    country: String,
    national: String,
}

impl Mobile {
    /// Reads a number as people write it: with `+` or `00` and a country's code, or as one of mainland China without. Spaces,
    /// hyphens, dots and brackets do not matter. `None` for what is no mobile number.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut digits = String::new();
        let mut international = false;
        for (index, c) in text.trim().chars().enumerate() {
            match c {
                '+' | '＋' if index == 0 => international = true,
                '0'..='9' => digits.push(c),
                ' ' | '\u{a0}' | '-' | '.' | '(' | ')' | '（' | '）' => {}
                _ => return None,
            }
        }
        if !international && let Some(rest) = digits.strip_prefix("00") {
            (digits, international) = (rest.to_owned(), true);
        }
        if !international {
            // Some write the country's code without a sign.
            let national = digits.strip_prefix(HOME).filter(|national| is_mainland(national)).unwrap_or(&digits);
            return Self::new(HOME, national);
        }
        let (country, national) = digits.split_at_checked(country_digits(&digits))?;
        Self::new(country, national)
    }

    /// A number of which the country's code stands apart, with or without `+`; none is the mainland's.
    #[must_use]
    pub fn with_country(country: Option<&str>, number: &str) -> Option<Self> {
        match country.map(|code| code.trim().trim_start_matches(['+', '0'])).filter(|code| !code.is_empty()) {
            Some(code) if !number.trim_start().starts_with('+') => Self::parse(&format!("+{code}{number}")),
            _ => Self::parse(number),
        }
    }

    fn new(country: &str, national: &str) -> Option<Self> {
        let fits = DIGITS.contains(&(country.len() + national.len())) && national.len() >= 4;
        let is_mobile = country != HOME || is_mainland(national);
        let is_code = !country.starts_with('0') && !country.is_empty();
        (fits && is_mobile && is_code).then(|| Self { country: country.to_owned(), national: national.to_owned() })
    }

    /// As Feishu, WeCom and people write it: one of the mainland bare, any other with `+` and its country's code.
    #[must_use]
    pub fn short(&self) -> String {
        if self.country == HOME { self.national.clone() } else { self.to_string() }
    }

    /// A text in the form of [`Mobile::short`] if it is a number; any other as it is.
    #[must_use]
    pub fn shorten(text: &str) -> String {
        Self::parse(text).map_or_else(|| text.to_owned(), |mobile| mobile.short())
    }

    /// As DingTalk wants it: one of the mainland bare, any other as `+<code>-<number>`.
    #[must_use]
    pub fn with_hyphen(&self) -> String {
        if self.country == HOME { self.national.clone() } else { format!("+{}-{}", self.country, self.national) }
    }
}

impl fmt::Display for Mobile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}{}", self.country, self.national)
    }
}

/// A mobile number of mainland China has eleven digits, the first a 1, the second not below 3.
fn is_mainland(national: &str) -> bool {
    let bytes = national.as_bytes();
    bytes.len() == 11 && bytes[0] == b'1' && bytes[1] >= b'3'
}

/// How many digits at the beginning are the country's code.
fn country_digits(digits: &str) -> usize {
    match digits.as_bytes().first() {
        Some(first) if ONE_DIGIT.contains(first) => 1,
        _ if digits.get(..2).is_some_and(|two| TWO_DIGITS.contains(&two)) => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Mobile;

    #[test]
    fn one_number_however_it_is_written() {
        for written in [
            "13800000001",
            "+86 138 0000 0001",
            "+86-13800000001",
            "0086138-0000-0001",
            "8613800000001",
            " +86 (138) 0000.0001 ",
        ] {
            let mobile = Mobile::parse(written).unwrap();
            assert_eq!(mobile.to_string(), "+8613800000001", "{written}");
            assert_eq!((mobile.short(), mobile.with_hyphen()), ("13800000001".into(), "13800000001".into()));
        }
    }

    #[test]
    fn a_number_keeps_its_region() {
        for (written, hyphen) in [
            ("+852-91234567", "+852-91234567"),
            ("00852 9123 4567", "+852-91234567"),
            ("+1 (415) 555-2671", "+1-4155552671"),
            ("+44 7700 900123", "+44-7700900123"),
            ("+79161234567", "+7-9161234567"),
            ("+886912345678", "+886-912345678"),
        ] {
            let mobile = Mobile::parse(written).unwrap();
            assert_eq!((mobile.with_hyphen().as_str(), mobile.short()), (hyphen, mobile.to_string()), "{written}");
            assert_eq!(Mobile::parse(&mobile.to_string()), Some(mobile.clone()));
            assert_eq!(Mobile::parse(hyphen), Some(mobile));
        }
        assert_ne!(Mobile::parse("+85213800000001"), Mobile::parse("13800000001"), "the same digits elsewhere");
        let apart = |code| Mobile::with_country(code, "91234567").map(|mobile| mobile.to_string());
        assert_eq!((apart(Some("852")), apart(Some("+852"))), (apart(Some("0852")), Some("+85291234567".into())));
        assert_eq!((apart(None), apart(Some("86"))), (None, None), "no number of the mainland");
    }

    #[test]
    fn what_is_no_mobile_number_is_refused() {
        for text in [
            "",
            "abc",
            "1",
            "10000000000",
            "12345678901",
            "0571-88888888",
            "+",
            "+86",
            "+8613",
            "+0013800000001",
            "138000000012",
            "+1234567890123456",
            "13800000001;",
            "１３８",
            "+86 057188888888",
            "+852",
        ] {
            assert_eq!(Mobile::parse(text), None, "{text}");
        }
    }
}
