//! The reader of WeCom's XML: what it reads is within its limits, and a document that is cut off tells no more than the whole.

#![no_main]

use countersign_xml::{Document, Element, Name, Names};
use libfuzzer_sys::fuzz_target;

const NAMES: Names = Names::new(&["xml", "a", "ApprovalInfo", "SpNo", "SpStatus", "UserId"], 6);
const ALL: [Name; 6] = [
    NAMES.name("xml"),
    NAMES.name("a"),
    NAMES.name("ApprovalInfo"),
    NAMES.name("SpNo"),
    NAMES.name("SpStatus"),
    NAMES.name("UserId"),
];

/// Whether an element below this one holds two of one name.
fn walk(element: Element<'_>, depth: usize, seen: &mut usize) -> bool {
    assert!(depth < 16, "too deep");
    *seen += 1;
    let _ = (element.text(), element.number(NAMES.name("SpNo")));
    let mut twice = false;
    for name in ALL {
        for (place, child) in element.children(name).enumerate() {
            assert!(element.is_before(child));
            twice |= place > 0;
            twice |= walk(child, depth + 1, seen);
        }
    }
    twice
}

fuzz_target!(|data: &[u8]| {
    let whole = Document::parse(data, &NAMES);
    let Some(told) = Document::before_break(data, &NAMES) else {
        assert!(whole.is_none());
        return;
    };
    assert_eq!(told.is_whole(), whole.is_some());
    let mut seen = 0;
    let twice = walk(told.root(), 0, &mut seen);
    assert!(seen <= 10_000);
    // Elements of other names are not walked through, and may hold two of one name too.
    assert!(!(twice && told.has_once()), "what stands twice was not found");
    if let Some(document) = whole {
        let value = document.root().value(ALL[1]).map(str::to_owned);
        assert_eq!(document.into_value(ALL[1]).as_deref(), value.as_deref());
    }
    // What stood before a break is what stood there.
    let cut = data.len() / 2;
    if let Some(half) = Document::before_break(&data[..cut], &NAMES) {
        for name in ALL {
            if let (Some(early), Some(late)) = (half.root().value(name), told.root().value(name)) {
                assert_eq!(early, late, "{name:?}");
            }
        }
    }
});
