//! XML as WeCom sends it: read within limits, without anything that could fetch, multiply or hide.
//!
//! No document type, no processing instructions, no comments, no attributes, no entities but the five of XML and numbers. A value
//! may stand in CDATA or be plain text, with indentation around it; names are compared without regard to case, since WeCom's own
//! samples differ from each other.
//!
//! What people write may leave its CDATA: Tencent's other products put it there as it is. So nothing is read that could hide
//! what the platform wrote, and a document that breaks still tells what stood before the break. `roxmltree` tells nothing of a
//! document that breaks, reads comments and attributes, has no limit of depth, and takes 4.2 µs for an event of 1 KB where the events of
//! `quick-xml` take 3.0: docs/adr/0026-wecoms-xml-is-read-by-our-own-tree.md.
//!
//! A crate of its own, so that it and what it takes from `quick-xml` are optimised for speed and the rest of ours for size:
//! docs/adr/0027-the-reader-of-xml-is-a-crate-of-its-own.md.

mod element;
mod names;

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

pub use self::element::Element;
pub use self::names::{Name, Names};

/// Longest document, in bytes: no request is longer, so that the size of an event keeps it from being proved by nothing. One of a
/// form with a hundred approvers has 30 KB.
const MAX_BYTES: usize = 1024 * 1024;
/// Deepest nesting. Events have seven levels.
const DEEPEST: usize = 16;
/// Most elements.
const MAX_ELEMENTS: usize = 10_000;

/// A document: its elements in the order in which they begin.
#[derive(Debug)]
pub struct Document<'a> {
    entries: Vec<Entry<'a>>,
    /// Whether it was read to its end; if not, it holds the elements before the break.
    whole: bool,
    /// Whether no element holds two of one name that stands once.
    once: bool,
}

#[derive(Debug)]
struct Entry<'a> {
    name: Option<Name>,
    text: Cow<'a, str>,
    /// Index of the first element after this one and all that it holds.
    end: usize,
}

/// An element that has begun and not ended.
struct Open {
    index: usize,
    /// The names that stand once and that it has held so far, as bits.
    held: u64,
}

impl<'a> Document<'a> {
    /// Reads a document in which these names are looked for; `None` when it is not well formed, holds what is not allowed, or goes
    /// beyond the limits.
    pub fn parse(bytes: &'a [u8], names: &Names) -> Option<Self> {
        Self::before_break(bytes, names).filter(Self::is_whole)
    }

    /// Reads a document as far as it is well formed, allowed and within the limits; `None` when not even an element begins. An
    /// element in which it breaks has no text. Bytes that are not UTF-8 are a break.
    pub fn before_break(bytes: &'a [u8], names: &Names) -> Option<Self> {
        let whole = bytes.len() <= MAX_BYTES;
        let bytes = bytes.get(..MAX_BYTES).unwrap_or(bytes);
        let mut document = Self { entries: Vec::with_capacity(64), whole: false, once: true };
        let mut open = Vec::with_capacity(DEEPEST);
        let ended = document.fill(bytes, names, &mut open);
        document.whole = whole && ended.is_some() && open.is_empty();
        let end = document.entries.len();
        for Open { index, .. } in open {
            let entry = document.entries.get_mut(index)?;
            (entry.text, entry.end) = (Cow::Borrowed(""), end);
        }
        (end > 0).then_some(document)
    }

    /// Whether it was read to its end.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// Whether no element holds two of one name that stands once.
    pub fn has_once(&self) -> bool {
        self.once
    }

    /// The outermost element.
    pub fn root(&self) -> Element<'_> {
        Element { entries: &self.entries, index: 0 }
    }

    /// The text of the first element of this name right inside the outermost one, borrowed from what was read where it stands
    /// there in one piece; `None` when it is absent or empty.
    pub fn into_value(mut self, name: Name) -> Option<Cow<'a, str>> {
        let index = self.root().child(name)?.index;
        let text = match std::mem::take(&mut self.entries.get_mut(index)?.text) {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
            Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
        };
        (!text.is_empty()).then_some(text)
    }

    /// Reads up to the end, or up to a break: then `None`, and `open` has the elements that did not end.
    fn fill(&mut self, bytes: &'a [u8], names: &Names, open: &mut Vec<Open>) -> Option<()> {
        let mut reader = Reader::from_reader(bytes);
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    let index = self.begin(&tag, names, open)?;
                    open.push(Open { index, held: 0 });
                }
                Event::Empty(tag) => {
                    self.begin(&tag, names, open)?;
                }
                Event::End(_) => {
                    let end = self.entries.len();
                    self.entries.get_mut(open.pop()?.index)?.end = end;
                }
                // Not allowed in XML, and what is left where somebody's text ended its CDATA.
                Event::Text(text) if text.contains('>') && text.contains("]]>") => return None,
                Event::Text(text) => self.add(open.last(), text.xml10_content())?,
                Event::CData(text) => self.add(open.last(), text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    self.add(open.last(), Cow::Owned(character(&reference)?.to_string()))?;
                }
                Event::Decl(_) if self.entries.is_empty() => {}
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => return None,
                Event::Eof => return Some(()),
            }
        }
    }

    /// Begins an element, which may not have attributes, in the last one of `open`; its index.
    fn begin(&mut self, tag: &BytesStart<'_>, names: &Names, open: &mut [Open]) -> Option<usize> {
        let index = self.entries.len();
        let has_attributes = !tag.attributes_raw().trim().is_empty();
        if has_attributes || open.len() >= DEEPEST || index >= MAX_ELEMENTS {
            return None;
        }
        let name = names.find(tag.name().into_inner());
        if let Some(around) = open.last_mut() {
            // In text.
            if self.entries.get(around.index).is_some_and(|it| !it.text.is_empty()) {
                return None;
            }
            let bit = name.map_or(0, |name| names.bit(name));
            self.once &= around.held & bit == 0;
            around.held |= bit;
        } else if index > 0 {
            // A second root.
            return None;
        }
        self.entries.push(Entry { name, text: Cow::Borrowed(""), end: index + 1 });
        Some(index)
    }

    /// Adds to the text of the innermost element, which holds either text or elements; indentation between elements is no text.
    fn add(&mut self, to: Option<&Open>, piece: Cow<'a, str>) -> Option<()> {
        let is_blank = || piece.bytes().all(|byte| byte.is_ascii_whitespace());
        let has_elements = to.is_some_and(|open| open.index + 1 < self.entries.len());
        let entry = to.and_then(|open| self.entries.get_mut(open.index)).filter(|_| !has_elements);
        let Some(entry) = entry else { return is_blank().then_some(()) };
        if !entry.text.is_empty() {
            entry.text.to_mut().push_str(&piece);
        } else if !is_blank() {
            entry.text = piece;
        }
        Some(())
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

    const NAMES: Names =
        Names::new(&["a", "long", "B", "ApproverStep", "SpTime", "Speech", "ItemUserId", "item", "d"], 7);

    fn parse(text: &str) -> Option<Document<'_>> {
        Document::parse(text.as_bytes(), &NAMES)
    }

    fn before_break(bytes: &[u8]) -> Option<Document<'_>> {
        Document::before_break(bytes, &NAMES)
    }

    fn name(text: &str) -> Name {
        NAMES.find(text).unwrap()
    }

    #[test]
    fn values_stand_in_cdata_or_not_and_names_in_any_case() {
        let document = parse(
            "<?xml version=\"1.0\"?>\n<xml>\n  <ApproverStep >\n 3 </ApproverStep>\n  <SpTime/>\n  <Speech><![CDATA[<a> & ]]>]]&gt;<![CDATA[ b]]></Speech>\n\
             <Item><ItemUserid>u1</ItemUserid></Item><Item><ItemUserId><![CDATA[u2]]></ItemUserId></Item></xml>\n",
        )
        .unwrap();
        let root = document.root();
        assert_eq!(root.number(name("approverstep")), Some(3));
        assert_eq!((root.value(name("Sptime")), root.child(name("SPTIME")).unwrap().text()), (None, ""));
        assert_eq!(root.value(name("speech")), Some("<a> & ]]> b"));
        let users: Vec<_> = root.children(name("item")).filter_map(|item| item.value(name("ItemUserId"))).collect();
        assert_eq!(users, ["u1", "u2"]);
        assert!(root.value(name("ItemUserId")).is_none(), "only what is right inside");
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
            "<x a='1'/>",
            "<x a='<y/>'></x>",
            "<x><!-- y --></x>",
            "<x>a<y/></x>",
            "<x><y/>a</x>",
            "<x><![CDATA[a]]>b]]></x>",
        ];
        for bad in bad {
            assert!(parse(bad).is_none(), "{bad}");
        }
        assert!(Document::parse(b"<x>\xff</x>", &NAMES).is_none());
    }

    #[test]
    fn what_stood_before_a_break_is_told() {
        let broken = |text: &str| before_break(text.as_bytes()).map(|it| (it.is_whole(), it.entries.len()));
        for rest in ["<c>", "<c></b>", "&& x<y", "<!-- ", "]]>", "<c d='", "<!DOCTYPE x>", "</a></x>"] {
            let text = format!("<x><a>1</a><b><![CDATA[2]]></b><d>{rest}");
            let document = before_break(text.as_bytes()).unwrap();
            assert!(!document.is_whole(), "{rest}");
            let told = ["a", "b", "d"].map(|text| document.root().value(name(text)));
            assert_eq!(told, [Some("1"), Some("2"), None], "{rest}");
        }
        assert_eq!(broken("<x><a>1"), Some((false, 2)));
        assert_eq!(broken("text"), None);
        assert_eq!(broken("<x/>"), Some((true, 1)));
        for bytes in [
            &b"<x><a>1</a><b>\xff</b></x>"[..],
            b"<x><a>1</a></x>\xff",
            b"<x><a>1</a><\xff/></x>",
            b"<x><a>1</a></x> \xe5\xad",
        ] {
            let document = before_break(bytes).unwrap();
            assert_eq!((document.is_whole(), document.root().value(name("a"))), (false, Some("1")), "{bytes:?}");
        }
        assert!(before_break(b"\xff<x/>").is_none() && parse("\u{feff}<x/>").is_some());
        let long = format!("<x><a>1</a><b>{}</b></x>", "\u{5b57}".repeat(MAX_BYTES));
        let document = before_break(long.as_bytes()).unwrap();
        assert_eq!(
            (document.is_whole(), document.root().value(name("a")), document.root().value(name("b"))),
            (false, Some("1"), None)
        );
    }

    #[test]
    fn two_of_one_name_are_found_in_one_element_only() {
        let once = |text: &str| parse(text).unwrap().has_once();
        for good in [
            "<x><a/><b/></x>",
            "<x><a><b/></a><b><a/></b></x>",
            "<x><y><a/></y><y><a/></y></x>",
            "<a><a/></a>",
            "<x><d/><d/><item/><item/><c/><c/></x>",
        ] {
            assert!(once(good), "{good}");
        }
        for bad in ["<x><a/><A/></x>", "<x><y><b/><c/><b/></y></x>", "<x><a><c/></a><a/></x>", "<x><Long/><lonG/></x>"]
        {
            assert!(!once(bad), "{bad}");
        }
    }

    #[test]
    fn a_value_is_borrowed_where_it_stands_in_one_piece() {
        let value = |text| parse(text).unwrap().into_value(name("a"));
        for text in ["<x><b/><a> 1 </a><a>2</a></x>", "<x><a>\n<![CDATA[ 1 ]]></a></x>"] {
            assert!(matches!(value(text), Some(Cow::Borrowed("1"))), "{text}");
        }
        assert_eq!(value("<x><a> &#49; <![CDATA[2]]></a></x>").as_deref(), Some("1 2"));
        for text in ["<a>1</a>", "<x><a/></x>", "<x><a> </a><a>1</a></x>", "<x><b><a>1</a></b></x>"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn size_depth_and_number_are_limited() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(parse(&nested(DEEPEST)).is_some() && parse(&nested(DEEPEST + 1)).is_none());
        assert!(parse(&nested(20_000)).is_none());
        let many = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
        assert!(parse(&many(MAX_ELEMENTS - 1)).is_some() && parse(&many(MAX_ELEMENTS)).is_none());
        let long = |bytes: usize| format!("<a>{}</a>", "x".repeat(bytes - 7));
        assert!(parse(&long(MAX_BYTES)).is_some() && parse(&long(MAX_BYTES + 1)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in "[<>/&;!\\[\\]a-c#x \"'?-]{0,60}") {
            if let Some(document) = parse(&text) {
                let _ = document.root().value(name("a"));
            }
        }
    }
}
