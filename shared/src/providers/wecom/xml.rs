//! XML as WeCom sends it: read within limits, without anything that could fetch or multiply.
//!
//! No document type, no processing instructions, no entities but the five of XML and numbers. A value may stand in CDATA
//! or be plain text, with indentation around it; names are compared without regard to case, since WeCom's own samples
//! differ from each other.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// Longest document, in bytes. An event of a form with a hundred approvers has 30 KB.
const MOST_BYTES: usize = 256 * 1024;
/// Deepest nesting. Events have seven levels.
const DEEPEST: usize = 16;
/// Most elements.
const MOST_ELEMENTS: usize = 10_000;

/// A document: its elements in the order in which they begin.
#[derive(Debug)]
pub(super) struct Document<'a> {
    entries: Vec<Entry<'a>>,
}

#[derive(Debug)]
struct Entry<'a> {
    name: &'a str,
    text: Cow<'a, str>,
    /// Index of the first element after this one and all that it holds.
    end: usize,
}

/// One element of a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'d> {
    entries: &'d [Entry<'d>],
    index: usize,
}

impl<'a> Document<'a> {
    /// Reads a document; `None` when it is not well formed, holds what is not allowed, or goes beyond the limits.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        if bytes.len() > MOST_BYTES {
            return None;
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = Reader::from_str(text);
        let mut document = Self { entries: Vec::with_capacity(64) };
        let mut open = Vec::with_capacity(DEEPEST);
        loop {
            let tag_at = usize::try_from(reader.buffer_position()).ok()?;
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    let name = text.get(tag_at + 1..)?.get(..tag.name().into_inner().len())?;
                    open.push(document.begin(name, open.len())?);
                }
                Event::Empty(tag) => {
                    let name = text.get(tag_at + 1..)?.get(..tag.name().into_inner().len())?;
                    document.begin(name, open.len())?;
                }
                Event::End(_) => {
                    let end = document.entries.len();
                    document.entries.get_mut(open.pop()?)?.end = end;
                }
                Event::Text(text) => document.add(open.last(), text.xml10_content())?,
                Event::CData(text) => document.add(open.last(), text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    document.add(open.last(), Cow::Owned(character(&reference)?.to_string()))?;
                }
                Event::Comment(_) => {}
                Event::Decl(_) if document.entries.is_empty() => {}
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) => return None,
                Event::Eof => break,
            }
        }
        (open.is_empty() && !document.entries.is_empty()).then_some(document)
    }

    /// The outermost element.
    pub(super) fn root(&self) -> Element<'_> {
        Element { entries: &self.entries, index: 0 }
    }

    fn begin(&mut self, name: &'a str, depth: usize) -> Option<usize> {
        let index = self.entries.len();
        let is_second_root = depth == 0 && index > 0;
        if is_second_root || depth >= DEEPEST || index >= MOST_ELEMENTS {
            return None;
        }
        self.entries.push(Entry { name, text: Cow::Borrowed(""), end: index + 1 });
        Some(index)
    }

    /// Adds to the text of the innermost element; indentation between elements is no text.
    fn add(&mut self, to: Option<&usize>, piece: Cow<'a, str>) -> Option<()> {
        let is_blank = || piece.bytes().all(|byte| byte.is_ascii_whitespace());
        let Some(entry) = to.and_then(|index| self.entries.get_mut(*index)) else { return is_blank().then_some(()) };
        if !entry.text.is_empty() {
            entry.text.to_mut().push_str(&piece);
        } else if !is_blank() {
            entry.text = piece;
        }
        Some(())
    }
}

impl<'d> Element<'d> {
    /// Its text without what surrounds it; empty where it holds none.
    pub(super) fn text(self) -> &'d str {
        self.entries.get(self.index).map_or("", |entry| entry.text.trim())
    }

    /// The elements of this name right inside it: a list of WeCom's is a name that is repeated.
    pub(super) fn children(self, name: &'static str) -> impl Iterator<Item = Self> + use<'d> {
        let end = self.entries.get(self.index).map_or(0, |entry| entry.end);
        let mut next = self.index + 1;
        std::iter::from_fn(move || {
            while next < end {
                let index = next;
                let entry = self.entries.get(index)?;
                next = entry.end;
                if entry.name.eq_ignore_ascii_case(name) {
                    return Some(Self { index, ..self });
                }
            }
            None
        })
    }

    /// The first element of this name right inside it.
    pub(super) fn child(self, name: &'static str) -> Option<Self> {
        self.children(name).next()
    }

    /// The text of the first element of this name; `None` when it is absent or empty.
    pub(super) fn value(self, name: &'static str) -> Option<&'d str> {
        self.child(name).map(Self::text).filter(|text| !text.is_empty())
    }

    /// The whole number in the first element of this name.
    pub(super) fn number(self, name: &'static str) -> Option<i64> {
        self.value(name)?.parse().ok()
    }
}

/// What a reference stands for: one of the five that XML knows, or a character by its number.
fn character(reference: &BytesRef<'_>) -> Option<char> {
    let name: &str = reference;
    let number = match name {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => name.strip_prefix('#')?,
    };
    let (digits, radix) = number.strip_prefix(['x', 'X']).map_or((number, 10), |digits| (digits, 16));
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let found = char::from_u32(u32::from_str_radix(digits, radix).ok()?)?;
    (!found.is_control() || matches!(found, '\t' | '\n' | '\r')).then_some(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parse(text: &str) -> Option<Document<'_>> {
        Document::parse(text.as_bytes())
    }

    #[test]
    fn values_stand_in_cdata_or_not_and_names_in_any_case() {
        let document = parse(
            "<?xml version=\"1.0\"?>\n<xml>\n  <ApproverStep >\n 3 </ApproverStep>\n  <SpTime/>\n  <Speech><![CDATA[<a> & ]]>]]&gt;<![CDATA[ b]]></Speech>\n\
             <Item><ItemUserid>u1</ItemUserid></Item><Item><ItemUserId><![CDATA[u2]]></ItemUserId></Item><!-- x --></xml>\n",
        )
        .unwrap();
        let root = document.root();
        assert_eq!(root.number("approverstep"), Some(3));
        assert_eq!((root.value("Sptime"), root.child("SPTIME").unwrap().text()), (None, ""));
        assert_eq!(root.value("speech"), Some("<a> & ]]> b"));
        let users: Vec<_> = root.children("item").filter_map(|item| item.value("ItemUserId")).collect();
        assert_eq!(users, ["u1", "u2"]);
        assert!(root.value("ItemUserId").is_none(), "only what is right inside");
    }

    #[test]
    fn the_five_entities_and_numbers_are_known() {
        let document = parse("<x>&lt;&gt;&amp;&quot;&apos;&#20013;&#x6587; &amp; &#x1F600;</x>").unwrap();
        assert_eq!(document.root().text(), "<>&\"'中文 & 😀");
        for bad in ["&nbsp;", "&#0;", "&#x1;", "&#xD800;", "&#+65;", "&#x;", "&#;", "&#99999999999;", "&;", "&", "a&b"]
        {
            assert!(parse(&format!("<x>{bad}</x>")).is_none(), "{bad}");
        }
    }

    #[test]
    fn nothing_that_fetches_or_multiplies_is_read() {
        let laughs = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><lolz>&lol2;</lolz>";
        let outside = "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>";
        for bad in [laughs, outside, "<!DOCTYPE x><x/>", "<x><?php 1?></x>", "<?xml-stylesheet href='a'?><x/>"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        let bad = [
            "",
            " ",
            "text",
            "{}",
            "<x>",
            "<x></y>",
            "</x>",
            "<x/><y/>",
            "<x/>text",
            "<x><![CDATA[a</x>",
            "<x",
            "<x a='",
        ];
        for bad in bad {
            assert!(parse(bad).is_none(), "{bad}");
        }
        assert!(Document::parse(b"<x>\xff</x>").is_none());
    }

    #[test]
    fn size_depth_and_number_are_limited() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(parse(&nested(DEEPEST)).is_some() && parse(&nested(DEEPEST + 1)).is_none());
        assert!(parse(&nested(20_000)).is_none());
        let many = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
        assert!(parse(&many(MOST_ELEMENTS - 1)).is_some() && parse(&many(MOST_ELEMENTS)).is_none());
        let long = |bytes: usize| format!("<a>{}</a>", "x".repeat(bytes - 7));
        assert!(parse(&long(MOST_BYTES)).is_some() && parse(&long(MOST_BYTES + 1)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[<>/&;!\\[\\]a-c#x \"'?-]{0,60}") {
            if let Some(document) = parse(&text) {
                let _ = document.root().value("a");
            }
        }
    }
}
