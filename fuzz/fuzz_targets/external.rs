//! The call back of an external OA: first a byte that says the character set, then the form.

#![no_main]

use countersign::approval::{Approval, DecidedBy, Mode, Node, Person, Stage};
use countersign::http::form;
use countersign::providers::external::parse;
use libfuzzer_sys::fuzz_target;

const KINDS: [&str; 5] = ["", "; charset=UTF-8", "; charset=GBK", "; charset=\"gb18030\"", "; charset=latin1"];

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    let kind = format!("application/x-www-form-urlencoded{}", KINDS[usize::from(*kind) % KINDS.len()]);
    let Ok(charset) = form::charset(&kind) else { return };
    // A stated character set that is no text must not matter either.
    let _ = form::charset(&format!("a; charset={}", String::from_utf8_lossy(body)));
    let Ok(pairs) = form::pairs(body, charset) else { return };
    let is_odd = |one: char| one.is_control() && !matches!(one, '\t' | '\n' | '\r');
    for text in pairs.iter().flat_map(|(name, value)| [name, value]) {
        assert!(!text.chars().any(is_odd), "{text:?}");
    }
    let Ok(decision) = parse(&pairs) else { return };
    assert!(!decision.approver.is_empty() && !decision.apply_id.is_empty());
    let stage = Stage::new(
        "con_1".into(),
        "external".into(),
        DecidedBy::NodesAndPlatform,
        vec![Node::new("n", Mode::Any, vec![])],
    );
    let mut approval = Approval::new(1_790_000_000_000, Person::default(), vec![stage], 0);
    approval.started(0, "apr_1".into(), None, 1_790_000_000_000);
    for event in decision.events(&approval, 0, 1_790_000_001_000) {
        let before = approval.clone();
        approval.apply(0, event);
        assert!(approval.follows(&before));
    }
    for event in decision.events(&approval, 0, 1_790_000_999_000) {
        assert!(!approval.apply(0, event.clone()), "the same decision later is nothing new: {event:?}");
    }
    let _ = approval.view();
});
