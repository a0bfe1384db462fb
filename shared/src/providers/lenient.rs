//! Values as platforms write them: a number may come as text and the other way round, and anything may be absent.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// A single value of a callback, borrowed from it where it holds no escapes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Loose<'a> {
    /// Absent, null, or of a shape that we have no use for.
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Number(i64),
}

impl<'a> Loose<'a> {
    /// As text; `None` when it is empty.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(Cow::Borrowed(text)),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            _ => None,
        }
    }

    /// As text that outlives the callback; `None` when it is empty.
    pub(super) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) if !text.is_empty() => Some(text.into_owned()),
            Self::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// As the word of a code; empty when it is none.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// As a whole number.
    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            Self::Nothing => None,
        }
    }

    /// As a time in milliseconds.
    pub(super) fn time(&self) -> Option<i64> {
        self.number().and_then(plausible)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Loose<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose<'de>, E> {
        Ok(Loose::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Loose<'de>, E> {
        Ok(Loose::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Loose<'de>, E> {
        Ok(i64::try_from(number).map_or(Loose::Nothing, Loose::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose<'de>, E> {
        Ok(Loose::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose<'de>, E> {
        Ok(Loose::Nothing)
    }

    fn visit_unit<E>(self) -> Result<Loose<'de>, E> {
        Ok(Loose::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Loose<'de>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Loose::Nothing)
    }
}

/// The text at a path of names in a JSON object, of which the rest may be of any shape, or break off; `None` when it is not
/// there, or stands there twice with different values: then nothing says which one is meant.
pub(super) fn named(json: &[u8], path: &[&str]) -> Option<String> {
    let mut found = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(json);
    // What was found before a break counts.
    drop(Named { path, found: &mut found }.deserialize(&mut reader));
    let first = found.pop()?;
    found.iter().all(|other| *other == first).then_some(first)
}

struct Named<'p, 'f> {
    path: &'p [&'p str],
    found: &'f mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Named<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.path.is_empty() {
            self.found.extend(Loose::deserialize(deserializer)?.into_text());
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Named<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((name, rest)) = self.path.split_first() else { return Ok(()) };
        while let Some(key) = entries.next_key::<Cow<'de, str>>()? {
            if key == *name {
                entries.next_value_seed(Named { path: rest, found: &mut *self.found })?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A time in milliseconds, if it lies between 1970 and the year 9999: others cannot be shown, or counted with.
pub(crate) fn plausible(millis: i64) -> Option<i64> {
    (0..253_402_300_800_000).contains(&millis).then_some(millis)
}

/// A value of an answer as text; `None` when it is absent, empty or no single value.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A value of an answer as a whole number.
pub(super) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The items of a list; none when it is absent or no list.
pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// At most `limit` characters of a text; a cut is shown.
pub(crate) fn shorten(text: &str, limit: usize) -> String {
    if text.len() <= limit || text.chars().nth(limit).is_none() {
        return text.to_owned();
    }
    text.chars().take(limit.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn numbers_and_texts_stand_for_each_other() {
        let read: Vec<Loose<'_>> = serde_json::from_str(
            r#"[1, "1", "a\n", null, 1.5, true, [1, [2]], {"a": {"b": 1}}, 18446744073709551615]"#,
        )
        .unwrap();
        let texts: Vec<_> = read.iter().map(|value| value.text().map(Cow::into_owned)).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(texts, [some("1"), some("1"), some("a\n"), None, None, None, None, None, None]);
        let numbers: Vec<_> = read.iter().map(Loose::number).collect();
        assert_eq!(numbers[..3], [Some(1), Some(1), None]);
    }

    #[test]
    fn a_name_is_found_in_what_is_otherwise_unreadable() {
        let named = |json: &str, path: &[&str]| named(json.as_bytes(), path);
        let some = Some("i".to_owned());
        for json in [
            r#"{"a":"i"}"#,
            r#"{"b":[1],"a":"i","c":"#,
            r#"{"a":"i","b":}"#,
            r#"{"a":"i","a":"i"}"#,
            "{\"a\":\"i\"}\u{0}",
        ] {
            assert_eq!(named(json, &["a"]), some, "{json}");
        }
        for json in [
            "",
            "[]",
            "null",
            "1",
            r#"{"a":"i","a":"j"}"#,
            r#"{"a":{"a":"i"}}"#,
            r#"{"a":["i"]}"#,
            r#"{"a":""}"#,
            r#"{"b":{"a":"i"}}"#,
        ] {
            assert_eq!(named(json, &["a"]), None, "{json}");
        }
        assert_eq!(named(r#"{"e":{"x":1,"a":"i"}}"#, &["e", "a"]), some);
        assert_eq!(named(r#"{"e":"i"}"#, &["e", "a"]), None);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shorten("审批审批", 4), "审批审批");
        assert_eq!(shorten("审批审批", 3), "审批…");
    }
}
