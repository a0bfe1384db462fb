//! The reader of WeCom's XML: what it reads is within its limits, and a document that is cut off tells no more than the whole.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, unreachable_pub)]
#[path = "../../shared/src/providers/wecom/xml.rs"]
mod xml;

use xml::{Document, Element, Names};

const NAMES: [&str; 6] = ["xml", "a", "ApprovalInfo", "SpNo", "SpStatus", "UserId"];
const ONCE: Names<6> = Names::new(NAMES);

fn walk(element: Element<'_>, depth: usize, seen: &mut usize) {
    assert!(depth < 16, "too deep");
    *seen += 1;
    let _ = (element.text(), element.number("SpNo"));
    for name in NAMES {
        for child in element.children(name) {
            assert!(element.is_before(child));
            walk(child, depth + 1, seen);
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let whole = Document::parse(data);
    let Some(told) = Document::before_break(data) else {
        assert!(whole.is_none());
        return;
    };
    assert_eq!(told.is_whole(), whole.is_some());
    let mut seen = 0;
    walk(told.root(), 0, &mut seen);
    assert!(seen <= 10_000);
    let _ = told.has_once(&ONCE);
    // What stood before a break is what stood there.
    let cut = data.len() / 2;
    if let Some(half) = Document::before_break(&data[..cut]) {
        for name in NAMES {
            if let (Some(early), Some(late)) = (half.root().value(name), told.root().value(name)) {
                assert_eq!(early, late, "{name}");
            }
        }
    }
});
