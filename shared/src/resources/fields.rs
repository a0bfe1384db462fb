//! Several bad fields, collected and reported at once.

use serde::Serialize;

use crate::providers::Mobile;

/// One bad field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer to it (RFC 6901); of a query parameter, its name after a slash.
    pub pointer: String,
    /// What is wrong, for people.
    pub detail: String,
}

/// Collects bad fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldErrors {
    found: Vec<FieldError>,
    unknown: bool,
}

impl FieldErrors {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.found.push(FieldError { pointer: pointer.into(), detail: detail.into() });
    }

    /// Adds one that is not among the fields that there are: whoever reports them says so ([`FieldErrors::has_unknown`]).
    pub fn push_unknown(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.unknown = true;
        self.push(pointer, detail);
    }

    /// Adds one unless the text has from `1` to `longest` characters and no control characters.
    pub fn text(&mut self, pointer: impl Into<String>, text: &str, longest: usize) {
        if let Some(why) = wrong_text(text, longest) {
            self.push(pointer, why);
        }
    }

    /// Adds one unless the text is a mobile number of at most so many characters.
    pub fn mobile(&mut self, pointer: impl Into<String>, text: &str, longest: usize) {
        if let Some(why) = wrong_mobile(text, longest) {
            self.push(pointer, why);
        }
    }

    /// Adds one unless the text looks like an e-mail address of at most so many characters.
    pub fn email(&mut self, pointer: impl Into<String>, text: &str, longest: usize) {
        if let Some(why) = wrong_email(text, longest) {
            self.push(pointer, why);
        }
    }

    /// Adds those of a part of the request, which stands at this pointer.
    pub fn push_all(&mut self, pointer: &str, part: Self) {
        self.push_moved(part, |inner| format!("{pointer}{inner}"));
    }

    /// Adds those of another collection, each at the pointer that `moved` makes of its own.
    pub fn push_moved(&mut self, part: Self, moved: impl Fn(&str) -> String) {
        self.unknown |= part.unknown;
        let found = part.found.into_iter();
        self.found.extend(found.map(|error| FieldError { pointer: moved(&error.pointer), ..error }));
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether one of them is not among the fields that there are.
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.unknown
    }

    /// All of them, in the order in which they were found.
    #[must_use]
    pub fn into_list(self) -> Vec<FieldError> {
        self.found
    }

    /// Themselves, if there are any.
    ///
    /// # Errors
    /// All of them.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

/// What is wrong with a text that is to have from `1` to `longest` characters and no control characters.
#[must_use]
pub fn wrong_text(text: &str, longest: usize) -> Option<String> {
    if text.trim().is_empty() {
        Some("must not be empty".to_owned())
    } else if text.chars().count() > longest {
        Some(format!("must have at most {longest} characters"))
    } else if text.chars().any(char::is_control) {
        Some("must not hold control characters".to_owned())
    } else {
        None
    }
}

/// What is wrong with a text that is to be a mobile number, as [`Mobile::parse`] reads it.
#[must_use]
pub fn wrong_mobile(text: &str, longest: usize) -> Option<String> {
    let why = "must be a mobile number, with `+` and the country's code where it is not one of mainland China";
    wrong_text(text, longest).or_else(|| Mobile::parse(text).is_none().then(|| why.to_owned()))
}

/// What is wrong with a text that is to be an e-mail address, as far as its looks tell.
#[must_use]
pub fn wrong_email(text: &str, longest: usize) -> Option<String> {
    wrong_text(text, longest).or_else(|| (!is_email(text)).then(|| "must be an e-mail address".to_owned()))
}

/// Whether a text looks like an e-mail address: something on both sides of an `@`, and no white space.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let text = text.trim();
    let sides = text.rsplit_once('@');
    sides.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) && !text.contains(char::is_whitespace)
}

/// One step of a JSON pointer, escaped.
#[must_use]
pub fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_checked_by_characters() {
        let mut errors = FieldErrors::new();
        errors.text("/a", &"ä".repeat(128), 128);
        assert!(errors.is_empty());
        errors.text("/a", "  ", 128);
        errors.text("/b", &"ä".repeat(129), 128);
        errors.text("/c", "a\nb", 128);
        assert_eq!(errors.found.len(), 3);
        assert_eq!(step("a/b~c"), "a~1b~0c");
    }

    #[test]
    fn numbers_and_addresses_are_told_from_other_texts() {
        let mobile = |text: &str| wrong_mobile(text, 20).is_some();
        let email = |text: &str| wrong_email(text, 20).is_some();
        for good in ["13800000001", "+852 9123 4567"] {
            assert!(!mobile(good), "{good}");
        }
        for bad in ["abc", "", "12", &"1".repeat(21), "1380000\n0001"] {
            assert!(mobile(bad), "{bad}");
        }
        for good in ["a@b.example", "李@公司", "\"a@b\"@c"] {
            assert!(!email(good), "{good}");
        }
        for bad in ["a@", "@b", "ab", "", "a b@c", "a@b\n", &"a@".repeat(12)] {
            assert!(email(bad), "{bad}");
        }
    }
}
