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

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// Longest document, in bytes: no request is longer, so that the size of an event keeps it from being proved by nothing. One of a
/// form with a hundred approvers has 30 KB.
const MAX_BYTES: usize = 1024 * 1024;
/// Deepest nesting. Events have seven levels.
const DEEPEST: usize = 16;
/// Most elements.
const MAX_ELEMENTS: usize = 10_000;

/// Longest name that is looked for, in bytes.
const MAX_NAME: usize = 31;

/// A document: its elements in the order in which they begin.
#[derive(Debug)]
pub(super) struct Document<'a> {
    entries: Vec<Entry<'a>>,
    /// Whether it was read to its end; if not, it holds the elements before the break.
    whole: bool,
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

/// Up to 64 names of elements, found by their length first.
pub(super) struct Names<const N: usize> {
    names: [&'static str; N],
    /// Of each length, which of the names have it.
    of_length: [u64; MAX_NAME + 1],
}

impl<const N: usize> Names<N> {
    /// Names of at most [`MAX_NAME`] bytes each.
    pub(super) const fn new(names: [&'static str; N]) -> Self {
        assert!(N <= 64, "each name has a bit");
        let (mut of_length, mut index) = ([0; MAX_NAME + 1], 0);
        while index < N {
            of_length[names[index].len()] |= 1 << index;
            index += 1;
        }
        Self { names, of_length }
    }

    /// The bit of this name, in whatever case it is written; 0 where it is none of them.
    fn bit(&self, name: &str) -> u64 {
        let mut left = self.of_length.get(name.len()).copied().unwrap_or_default();
        while left != 0 {
            let bit = left & left.wrapping_neg();
            let is_it = |known: &&str| name.eq_ignore_ascii_case(known);
            if self.names.get(left.trailing_zeros() as usize).is_some_and(is_it) {
                return bit;
            }
            left ^= bit;
        }
        0
    }
}

impl<'a> Document<'a> {
    /// Reads a document; `None` when it is not well formed, holds what is not allowed, or goes beyond the limits.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        Self::before_break(bytes).filter(Self::is_whole)
    }

    /// Reads a document as far as it is well formed, allowed and within the limits; `None` when not even an element begins. An
    /// element in which it breaks has no text.
    pub(super) fn before_break(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes);
        let whole = bytes.len() <= MAX_BYTES && text.is_ok();
        let valid = text.unwrap_or_else(|error| {
            std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        });
        let text = valid.get(..valid.floor_char_boundary(MAX_BYTES)).unwrap_or_default();
        let mut document = Self { entries: Vec::with_capacity(64), whole: false };
        let mut open = Vec::with_capacity(DEEPEST);
        let ended = document.fill(text.strip_prefix('\u{feff}').unwrap_or(text), &mut open);
        document.whole = whole && ended.is_some() && open.is_empty();
        let end = document.entries.len();
        for index in open {
            let entry = document.entries.get_mut(index)?;
            (entry.text, entry.end) = (Cow::Borrowed(""), end);
        }
        (end > 0).then_some(document)
    }

    /// Whether it was read to its end.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The outermost element.
    pub(super) fn root(&self) -> Element<'_> {
        Element { entries: &self.entries, index: 0 }
    }

    /// Whether no element holds two of one of these names.
    pub(super) fn has_once<const N: usize>(&self, names: &Names<N>) -> bool {
        // Of each element around the next one: where it ends, and which names it has held.
        let mut around: Vec<(usize, u64)> = Vec::with_capacity(DEEPEST);
        for (index, entry) in self.entries.iter().enumerate() {
            while around.pop_if(|(end, _)| *end <= index).is_some() {}
            if let (bit @ 1.., Some((_, held))) = (names.bit(entry.name), around.last_mut()) {
                if *held & bit != 0 {
                    return false;
                }
                *held |= bit;
            }
            around.push((entry.end, 0));
        }
        true
    }

    /// Reads up to the end, or up to a break: then `None`, and `open` has the elements that did not end.
    fn fill(&mut self, text: &'a str, open: &mut Vec<usize>) -> Option<()> {
        let mut reader = Reader::from_str(text);
        loop {
            let tag_at = usize::try_from(reader.buffer_position()).ok()?;
            match reader.read_event().ok()? {
                Event::Start(tag) => open.push(self.begin(name(text, tag_at, &tag)?, open)?),
                Event::Empty(tag) => {
                    self.begin(name(text, tag_at, &tag)?, open)?;
                }
                Event::End(_) => {
                    let end = self.entries.len();
                    self.entries.get_mut(open.pop()?)?.end = end;
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

    fn begin(&mut self, name: &'a str, open: &[usize]) -> Option<usize> {
        let index = self.entries.len();
        let is_second_root = open.is_empty() && index > 0;
        let in_text = open.last().and_then(|around| self.entries.get(*around)).is_some_and(|it| !it.text.is_empty());
        if is_second_root || in_text || open.len() >= DEEPEST || index >= MAX_ELEMENTS {
            return None;
        }
        self.entries.push(Entry { name, text: Cow::Borrowed(""), end: index + 1 });
        Some(index)
    }

    /// Adds to the text of the innermost element, which holds either text or elements; indentation between elements is no text.
    fn add(&mut self, to: Option<&usize>, piece: Cow<'a, str>) -> Option<()> {
        let is_blank = || piece.bytes().all(|byte| byte.is_ascii_whitespace());
        let has_elements = to.is_some_and(|index| index + 1 < self.entries.len());
        let entry = to.and_then(|index| self.entries.get_mut(*index)).filter(|_| !has_elements);
        let Some(entry) = entry else { return is_blank().then_some(()) };
        if !entry.text.is_empty() {
            entry.text.to_mut().push_str(&piece);
        } else if !is_blank() {
            entry.text = piece;
        }
        Some(())
    }
}

/// The name of the tag that begins here; `None` where it has attributes.
fn name<'a>(text: &'a str, tag_at: usize, tag: &BytesStart<'_>) -> Option<&'a str> {
    let alone = tag.attributes_raw().trim().is_empty();
    text.get(tag_at + 1..)?.get(..tag.name().into_inner().len()).filter(|_| alone)
}

impl<'d> Element<'d> {
    /// Whether it begins before another of its document.
    pub(super) fn is_before(self, other: Self) -> bool {
        self.index < other.index
    }

    /// The first element right inside it of any of these names.
    pub(super) fn first_of<const N: usize>(self, names: &Names<N>) -> Option<Self> {
        self.inside().find(|element| names.bit(element.name()) != 0)
    }

    /// Its text without what surrounds it; empty where it holds none.
    pub(super) fn text(self) -> &'d str {
        self.entries.get(self.index).map_or("", |entry| entry.text.trim())
    }

    /// The elements of this name right inside it: a list of WeCom's is a name that is repeated.
    pub(super) fn children(self, name: &'static str) -> impl Iterator<Item = Self> + use<'d> {
        self.inside().filter(move |element| element.name().eq_ignore_ascii_case(name))
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

    fn name(self) -> &'d str {
        self.entries.get(self.index).map_or("", |entry| entry.name)
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
             <Item><ItemUserid>u1</ItemUserid></Item><Item><ItemUserId><![CDATA[u2]]></ItemUserId></Item></xml>\n",
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
        assert!(Document::parse(b"<x>\xff</x>").is_none());
    }

    #[test]
    fn what_stood_before_a_break_is_told() {
        let broken = |text: &str| Document::before_break(text.as_bytes()).map(|it| (it.is_whole(), it.entries.len()));
        for rest in ["<c>", "<c></b>", "&& x<y", "<!-- ", "]]>", "<c d='", "<!DOCTYPE x>", "</a></x>"] {
            let text = format!("<x><a>1</a><b><![CDATA[2]]></b><d>{rest}");
            let document = Document::before_break(text.as_bytes()).unwrap();
            assert!(!document.is_whole(), "{rest}");
            let told = ["a", "b", "d"].map(|name| document.root().value(name));
            assert_eq!(told, [Some("1"), Some("2"), None], "{rest}");
        }
        assert_eq!(broken("<x><a>1"), Some((false, 2)));
        assert_eq!(broken("text"), None);
        assert_eq!(broken("<x/>"), Some((true, 1)));
        let bytes = Document::before_break(b"<x><a>1</a><b>\xff</b></x>").map(|it| it.root().value("a").is_some());
        assert_eq!(bytes, Some(true));
        let long = format!("<x><a>1</a><b>{}</b></x>", "\u{5b57}".repeat(MAX_BYTES));
        let document = Document::before_break(long.as_bytes()).unwrap();
        assert_eq!(
            (document.is_whole(), document.root().value("a"), document.root().value("b")),
            (false, Some("1"), None)
        );
    }

    #[test]
    fn two_of_one_name_are_found_in_one_element_only() {
        const NAMES: Names<3> = Names::new(["a", "long", "B"]);
        let once = |text: &str| parse(text).unwrap().has_once(&NAMES);
        for good in ["<x><a/><b/></x>", "<x><a><b/></a><b><a/></b></x>", "<x><y><a/></y><y><a/></y></x>", "<a><a/></a>"]
        {
            assert!(once(good), "{good}");
        }
        for bad in ["<x><a/><A/></x>", "<x><y><b/><c/><b/></y></x>", "<x><a><c/></a><a/></x>", "<x><Long/><lonG/></x>"]
        {
            assert!(!once(bad), "{bad}");
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
                let _ = document.root().value("a");
            }
        }
    }
}
