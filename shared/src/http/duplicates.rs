//! Names that stand twice in one object of a JSON text. Readers differ in which of the two they take: what one person reads and
//! approves must be what everybody else reads.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::resources::fields::step;

/// A pointer to the first name that stands twice in an object of this text, however deep. `None` when there is none, and of what
/// is not JSON.
#[must_use]
pub fn duplicate(json: &[u8]) -> Option<String> {
    let mut found = None;
    // Why else it could not be walked is for those to say who read it.
    _ = Walk { found: &mut found }.deserialize(&mut serde_json::Deserializer::from_slice(json));
    found
}

/// Walks one value. The pointer is put together on the way back.
struct Walk<'f> {
    found: &'f mut Option<String>,
}

impl Walk<'_> {
    fn again(&mut self) -> Walk<'_> {
        Walk { found: self.found }
    }

    /// A value below this step could not be walked.
    fn below(&mut self, step: &str) {
        if let Some(pointer) = self.found {
            pointer.insert_str(0, &format!("/{step}"));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut index = 0_usize;
        loop {
            match list.next_element_seed(self.again()) {
                Ok(Some(())) => index += 1,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.below(&index.to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = object.next_key::<String>()? {
            if names.contains(&name) {
                *self.found = Some(format!("/{}", step(&name)));
                return Err(A::Error::custom("stands twice"));
            }
            if let Err(error) = object.next_value_seed(self.again()) {
                self.below(&step(&name));
                return Err(error);
            }
            names.insert(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_twice_in_one_object_is_found_wherever_it_is() {
        for (json, pointer) in [
            (r#"{"a": 1, "a": 1}"#, "/a"),
            (r#"{"a": 1, "\u0061": 1}"#, "/a"),
            (r#"{"x": [0, {"b/c": {"d": 1, "d": null}}]}"#, "/x/1/b~1c/d"),
            (r#"[[{"": 1, "": 2}]]"#, "/0/0/"),
            (r#"{"a": 1, "a": 1, not json"#, "/a"),
        ] {
            assert_eq!(duplicate(json.as_bytes()).as_deref(), Some(pointer), "{json}");
        }
        let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
        for json in
            [r#"{"a": {"a": [{"a": 1.5}, {"a": true}]}, "A": -1}"#, "null", "\"a\"", "{", "{\"a\": }", "", &deep]
        {
            assert_eq!(duplicate(json.as_bytes()), None, "{json}");
        }
    }
}
