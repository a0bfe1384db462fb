//! Forms in the character set that their sender states: OAs and products write GBK and GB18030 as well as UTF-8.

use axum::http::StatusCode;
pub use encoding_rs::UTF_8;
use encoding_rs::{Encoding, GB18030, GBK};

use super::problem::Problem;

/// Why a form cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// The stated character set is not one that is read.
    Charset,
    /// The bytes are not of the character set.
    Bytes,
    /// A value holds a control character other than tabs and line breaks.
    Control,
}

impl From<Unreadable> for Problem {
    fn from(unreadable: Unreadable) -> Self {
        let (status, code, detail) = match unreadable {
            Unreadable::Charset => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_charset",
                "the stated character set is not read: send UTF-8, GBK or GB18030",
            ),
            Unreadable::Bytes => (
                StatusCode::BAD_REQUEST,
                "invalid_characters",
                "the body is not of the stated character set, or of UTF-8 where none is stated",
            ),
            Unreadable::Control => {
                (StatusCode::BAD_REQUEST, "invalid_characters", "the body holds a control character")
            }
        };
        Self::new(status, code, detail)
    }
}

/// A text of this character set.
///
/// # Errors
/// [`Unreadable::Bytes`].
pub fn text(bytes: &[u8], charset: &'static Encoding) -> Result<String, Unreadable> {
    let text = charset.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(std::borrow::Cow::into_owned).ok_or(Unreadable::Bytes)
}

/// The character set that a content type states; UTF-8 where it states none.
///
/// # Errors
/// [`Unreadable::Charset`]: it is neither UTF-8 nor GBK (GB2312) nor GB18030.
pub fn charset(content_type: &str) -> Result<&'static Encoding, Unreadable> {
    let stated = content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then_some(value.trim().trim_matches('"'))
    });
    let Some(label) = stated.filter(|label| !label.is_empty()) else { return Ok(UTF_8) };
    let known = Encoding::for_label(label.as_bytes());
    known.filter(|known| [UTF_8, GBK, GB18030].contains(known)).ok_or(Unreadable::Charset)
}

/// Names and values of a form, in order.
///
/// # Errors
/// [`Unreadable::Bytes`] and [`Unreadable::Control`]: a name that nobody can read decides nothing.
pub fn pairs(form: &[u8], charset: &'static Encoding) -> Result<Vec<(String, String)>, Unreadable> {
    let pieces = form.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    let text = |piece: &[u8]| {
        let text = text(&unescaped(piece), charset)?;
        let is_odd = |one: char| one.is_control() && !matches!(one, '\t' | '\n' | '\r');
        if text.chars().any(is_odd) { Err(Unreadable::Control) } else { Ok(text) }
    };
    pieces
        .map(|piece| {
            let equals = piece.iter().position(|byte| *byte == b'=').unwrap_or(piece.len());
            let (name, value) = piece.split_at(equals);
            Ok((text(name)?, text(value.get(1..).unwrap_or_default())?))
        })
        .collect()
}

/// The bytes that a piece of a form stands for. A `%` without two digits stands for itself.
fn unescaped(piece: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(piece.len());
    let mut rest = piece;
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|digits| {
            let text =
                std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|one| one.is_ascii_hexdigit()))?;
            u8::from_str_radix(text, 16).ok()
        });
        bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn read(kind: &str, form: &[u8]) -> Result<Vec<(String, String)>, Unreadable> {
        pairs(form, charset(kind)?)
    }

    fn one(name: &str, value: &str) -> Vec<(String, String)> {
        vec![(name.to_owned(), value.to_owned())]
    }

    #[test]
    fn a_form_is_read_in_the_character_set_that_it_states() {
        for kind in ["x; charset=GBK", "x;charset=\"gbk\"", "x; Charset=gb2312", "x; a=b; charset=GB18030"] {
            assert_eq!(
                read(kind, b"approverName=%D5%C5%C8%FD").unwrap(),
                one("approverName", "\u{5f20}\u{4e09}"),
                "{kind}"
            );
            assert_eq!(read(kind, b"n=\xC0\xEE%CB%C4").unwrap(), one("n", "\u{674e}\u{56db}"), "{kind}");
        }
        for kind in ["x", "x; charset=UTF-8", "x; charset="] {
            assert_eq!(read(kind, b"n=%E5%BC%A0+a%2Bb").unwrap(), one("n", "\u{5f20} a+b"), "{kind}");
            for bad in [&b"n=%D5%C5"[..], b"n=%E5%BC", b"%FF=n", b"n=\xC0\xEE"] {
                assert_eq!(read(kind, bad), Err(Unreadable::Bytes), "{kind}");
            }
        }
        assert_eq!(read("x; charset=GBK", b"n=%FF%FF"), Err(Unreadable::Bytes));
        for kind in ["x; charset=utf-16", "x; charset=latin1", "x; charset=nonsense"] {
            assert_eq!(read(kind, b"n=a"), Err(Unreadable::Charset), "{kind}");
        }
    }

    #[test]
    fn control_characters_are_refused_and_line_breaks_are_not() {
        for bad in ["n=%00", "n=a%1Bb", "%07=a", "n=%C2%85"] {
            assert_eq!(read("x", bad.as_bytes()), Err(Unreadable::Control), "{bad}");
        }
        assert_eq!(read("x", b"n=a%0D%0Ab%09c").unwrap(), one("n", "a\r\nb\tc"));
    }

    #[test]
    fn odd_forms_are_read_as_browsers_do() {
        assert_eq!(read("x", b"").unwrap(), []);
        assert_eq!(read("x", b"&&a&=b&").unwrap(), [one("a", "").remove(0), one("", "b").remove(0)]);
        assert_eq!(read("x", b"a=%%4&b=%4").unwrap(), [one("a", "%%4").remove(0), one("b", "%4").remove(0)]);
        assert_eq!(read("x", b"a=b=c").unwrap(), one("a", "b=c"));
    }
}
