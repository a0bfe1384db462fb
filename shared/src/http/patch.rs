//! Fields of an update: what is not sent stays, `null` clears.

use serde::{Deserialize, Deserializer};

use crate::resources::FieldErrors;

/// One field of an update. Use with `#[serde(default)]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Not sent.
    #[default]
    Keep,
    /// Sent as `null`.
    Clear,
    /// Sent with a value.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T> Patch<T> {
    /// Changes a field that may be empty.
    pub fn change(self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value),
        }
    }

    /// Changes a field that must have a value; `null` is an error at `pointer`.
    pub fn replace(self, field: &mut T, pointer: &str, errors: &mut FieldErrors) {
        match self {
            Self::Keep => {}
            Self::Clear => errors.push(pointer, "must not be null"),
            Self::Set(value) => *field = value,
        }
    }

    /// Changes a field whose empty value stands for `null`.
    pub fn change_or_default(self, field: &mut T)
    where
        T: Default,
    {
        self.change_or(field, T::default());
    }

    /// Changes a field that has this value where `null` is sent.
    pub fn change_or(self, field: &mut T, usual: T) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = usual,
            Self::Set(value) => *field = value,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Update {
        #[serde(default)]
        name: Patch<String>,
    }

    #[test]
    fn absent_null_and_value_differ() {
        let read = |json: &str| serde_json::from_str::<Update>(json).unwrap().name;
        assert_eq!(read("{}"), Patch::Keep);
        assert_eq!(read(r#"{"name": null}"#), Patch::Clear);
        assert_eq!(read(r#"{"name": "a"}"#), Patch::Set("a".to_owned()));
    }
}
