//! Several bad fields, collected and reported at once.

use axum::http::StatusCode;
use serde::Serialize;

use super::problem::Problem;

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

    /// Adds one that is not among the fields that there are: the problem's code is then `unknown_field`.
    pub fn push_unknown(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.unknown = true;
        self.push(pointer, detail);
    }

    /// Adds one unless the text has from `1` to `longest` characters and no control characters.
    pub fn text(&mut self, pointer: impl Into<String>, text: &str, longest: usize) {
        if text.trim().is_empty() {
            self.push(pointer, "must not be empty");
        } else if text.chars().count() > longest {
            self.push(pointer, format!("must have at most {longest} characters"));
        } else if text.chars().any(char::is_control) {
            self.push(pointer, "must not hold control characters");
        }
    }

    /// Adds those of a part of the request, which stands at this pointer.
    pub fn push_all(&mut self, pointer: &str, part: Self) {
        self.unknown |= part.unknown;
        let found = part.found.into_iter();
        self.found.extend(found.map(|error| FieldError { pointer: format!("{pointer}{}", error.pointer), ..error }));
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The problem, if there are any: 400 `invalid_request`, or `unknown_field` if one is unknown.
    ///
    /// # Errors
    /// That problem.
    pub fn into_result(self) -> Result<(), Problem> {
        let code = if self.unknown { "unknown_field" } else { "invalid_request" };
        self.into_result_as(StatusCode::BAD_REQUEST, code)
    }

    /// The problem with this status and code, if there are any.
    ///
    /// # Errors
    /// That problem.
    pub fn into_result_as(self, status: StatusCode, code: &'static str) -> Result<(), Problem> {
        if self.found.is_empty() { Ok(()) } else { Err(self.into_problem(status, code)) }
    }

    /// A problem with this status and code that lists them.
    #[must_use]
    pub fn into_problem(self, status: StatusCode, code: &'static str) -> Problem {
        let detail = match self.found.as_slice() {
            // The body as a whole has an empty pointer.
            [only] if only.pointer.is_empty() => only.detail.clone(),
            [only] => format!("{}: {}", only.pointer, only.detail),
            several => format!("{} fields are wrong", several.len()),
        };
        Problem::new(status, code, detail).with_errors(self.found)
    }
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
}
