//! The names of elements that are looked for.

/// Longest name that is looked for, in bytes.
const MAX_NAME: usize = 16;
/// The bit that tells the two cases of an ASCII letter apart, in each byte of a name.
const CASE: u128 = u128::from_ne_bytes([0x20; MAX_NAME]);

/// A name of elements: its number among the [`Names`] that a document is read with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name(u8);

/// The names of elements that are looked for, up to 64. Each element is given the number of its name while it is read, so that
/// no text is compared when it is looked for.
pub struct Names {
    names: &'static [&'static str],
    /// How many of the first ones stand once at the most in another element; the others are lists.
    once: usize,
    /// Of each length, which of the names have it.
    of_length: [u64; MAX_NAME + 1],
    /// The bytes of each name, with [`CASE`].
    folded: [u128; 64],
}

impl Names {
    /// Names of at most 16 ASCII letters each, of which the first `once` stand once at the most in another element.
    ///
    /// # Panics
    /// For more than 64 names, or one that is longer or has anything but letters: for constants.
    #[must_use]
    pub const fn new(names: &'static [&'static str], once: usize) -> Self {
        assert!(names.len() <= 64 && once <= names.len(), "each name has a bit");
        let (mut of_length, mut folded, mut index) = ([0; MAX_NAME + 1], [0; 64], 0);
        while index < names.len() {
            let name = names[index].as_bytes();
            let (mut bytes, mut at) = ([0; MAX_NAME], 0);
            while at < name.len() {
                assert!(name[at].is_ascii_alphabetic(), "only letters have two cases");
                bytes[at] = name[at];
                at += 1;
            }
            of_length[name.len()] |= 1 << index;
            folded[index] = u128::from_ne_bytes(bytes) | CASE;
            index += 1;
        }
        Self { names, once, of_length, folded }
    }

    /// One of these names, written as there.
    ///
    /// # Panics
    /// If it is none of them: for constants.
    #[must_use]
    pub const fn name(&self, name: &str) -> Name {
        let mut number = 0;
        while !is_same(self.names[number as usize].as_bytes(), name.as_bytes()) {
            number += 1;
        }
        Name(number)
    }

    /// The name that is written so, in whatever case; `None` where it is not looked for.
    pub(crate) fn find(&self, name: &str) -> Option<Name> {
        let mut left = *self.of_length.get(name.len())?;
        let mut bytes = [0; MAX_NAME];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        // Names are letters, so that nothing but the other case of a letter becomes the same by this bit.
        let folded = u128::from_ne_bytes(bytes) | CASE;
        while left != 0 {
            let number = left.trailing_zeros();
            if self.folded.get(number as usize) == Some(&folded) {
                return u8::try_from(number).ok().map(Name);
            }
            left &= left - 1;
        }
        None
    }

    /// The bit of a name that stands once; 0 for lists.
    pub(crate) fn bit(&self, name: Name) -> u64 {
        if usize::from(name.0) < self.once { 1 << name.0 } else { 0 }
    }
}

/// Whether two texts are the same: `==` in constants.
const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names = Names::new(&["a", "SpTime", "Speech", "StatuChangeEvent", "b"], 2);

    #[test]
    fn they_are_found_in_any_case_and_no_others_are() {
        for (number, text) in (0..).zip(NAMES.names) {
            assert_eq!(NAMES.name(text), Name(number));
            for text in [text.to_uppercase(), text.to_lowercase(), (*text).to_owned()] {
                assert_eq!(NAMES.find(&text), Some(Name(number)), "{text}");
            }
        }
        let long = "a".repeat(MAX_NAME + 1);
        for other in
            ["", "c", "ap", "!", "\u{1}", "A ", "sptimes", "sp\u{54}im\u{5}", &long[1..], &long, "\u{17f}ptime"]
        {
            assert_eq!(NAMES.find(other), None, "{other}");
        }
    }

    #[test]
    fn the_first_ones_have_a_bit_each() {
        assert_eq!([0, 1, 2, 4].map(|number| NAMES.bit(Name(number))), [1, 2, 0, 0]);
    }
}
