//! What is looked for in a document.

use super::Entry;
use super::names::Name;

/// One element of a document.
#[derive(Debug, Clone, Copy)]
pub struct Element<'d> {
    pub(crate) entries: &'d [Entry<'d>],
    pub(crate) index: usize,
}

impl<'d> Element<'d> {
    /// Whether it begins before another of its document.
    pub fn is_before(self, other: Self) -> bool {
        self.index < other.index
    }

    /// The first element right inside it of any of these names.
    pub fn first_of(self, names: &[Name]) -> Option<Self> {
        self.inside().find(|element| element.name().is_some_and(|name| names.contains(&name)))
    }

    /// Its text without what surrounds it; empty where it holds none.
    pub fn text(self) -> &'d str {
        self.entries.get(self.index).map_or("", |entry| entry.text.trim())
    }

    /// The elements of this name right inside it: a list of WeCom's is a name that is repeated.
    pub fn children(self, name: Name) -> impl Iterator<Item = Self> + use<'d> {
        self.inside().filter(move |element| element.name() == Some(name))
    }

    /// The elements right inside it.
    fn inside(self) -> impl Iterator<Item = Self> + use<'d> {
        let end = self.entries.get(self.index).map_or(0, |entry| entry.end);
        let mut next = self.index + 1;
        std::iter::from_fn(move || {
            let index = next;
            next = self.entries.get(index).filter(|_| index < end)?.end;
            Some(Self { index, ..self })
        })
    }

    fn name(self) -> Option<Name> {
        self.entries.get(self.index)?.name
    }

    /// The first element of this name right inside it.
    pub fn child(self, name: Name) -> Option<Self> {
        self.children(name).next()
    }

    /// The text of the first element of this name; `None` when it is absent or empty.
    pub fn value(self, name: Name) -> Option<&'d str> {
        self.child(name).map(Self::text).filter(|text| !text.is_empty())
    }

    /// The whole number in the first element of this name.
    pub fn number(self, name: Name) -> Option<i64> {
        self.value(name)?.parse().ok()
    }
}
