//! In which order things became known: the order of the history, which only grows.
//!
//! Facts have no order, since whatever order they come in gives the same facts. What people see of them must not change its
//! position, though: so each line of the history is numbered when it first shows. A line is known by a few bits of what makes
//! it that line; its time and its text may become more precise.

use serde::{Deserialize, Serialize};

/// The lines of the history, in the order in which they became known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// The keys of the lines. Should two lines ever share one, they share a position, and none is lost.
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    lines: Vec<u32>,
    /// How many lines were known when the approval had ended.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    at_the_end: Option<u32>,
}

impl Learned {
    /// Whether nothing was noted: an approval of which nothing has happened, or one that an earlier version stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the end was noted.
    pub(super) fn knows_the_end(&self) -> bool {
        self.at_the_end.is_some()
    }

    /// Notes what shows now, in this order; what was noted before keeps its position.
    pub(super) fn note(&mut self, keys: impl IntoIterator<Item = u32>, has_ended: bool) {
        for key in keys {
            if !self.lines.contains(&key) {
                self.lines.push(key);
            }
        }
        if has_ended && self.at_the_end.is_none() {
            self.at_the_end = u32::try_from(self.lines.len()).ok();
        }
    }

    /// The position of a line; `None` while it was not noted.
    pub(super) fn position(&self, key: u32) -> Option<usize> {
        self.lines.iter().position(|known| *known == key)
    }

    /// Whether a line became known after the end.
    pub(super) fn is_late(&self, key: u32) -> bool {
        let known = self.at_the_end.and_then(|count| usize::try_from(count).ok());
        known.is_some_and(|known| self.position(key).is_some_and(|position| position >= known))
    }
}

/// The key of a line, from what makes it that line: FNV-1a, 32 bits.
pub(super) fn key(parts: &[&str]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
