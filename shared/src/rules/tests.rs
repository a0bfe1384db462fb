#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};

use cel::Context;
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::expression::environment;
use super::*;

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other}"),
    }
}

/// 2026-09-21T14:13:20Z, a Monday.
const NOW: i64 = 1_790_000_000_000;
const DAY: i64 = 86_400_000;

fn facts() -> Facts {
    let columns: Vec<Value> =
        (0..40).map(|n| json!({"name": format!("c{n}"), "level": n % 4, "tags": ["a", "b"]})).collect();
    Facts {
        request: object(json!({
            "title": "Read access to orders", "reason": "monthly report",
            "fields": {"sensitivity": 2, "score": 2.0, "huge": u64::MAX, "table": "orders", "none": null, "columns": columns},
            "resource": {"name": "orders", "url": "https://example.com/orders"}
        })),
        starts_at: Some(NOW),
        ends_at: Some(NOW + 30 * DAY),
        applicant: object(json!({"member": "mem_1", "name": "Zhang", "email": "zhang@corp.example", "roles": ["dba"]})),
        source: object(json!({"id": "src_1", "name": "Dataphin", "format": "native"})),
        workspace: Some(object(json!({"id": "ws_1", "name": "Sales"}))),
        now: NOW,
    }
}

fn holds_over(text: &str, facts: &Facts) -> Result<bool, String> {
    Expression::read(text).unwrap_or_else(|error| panic!("{text}: {error}")).holds(facts, &mut MAX_STEPS.clone())
}

fn holds(text: &str) -> Result<bool, String> {
    holds_over(text, &facts())
}

fn refused(text: &str) -> String {
    Expression::read(text).expect_err(text).to_string()
}

#[test]
fn what_the_documentation_shows_holds() {
    for text in [
        "request.fields.sensitivity <= 2",
        "request.fields.sensitivity == 2.0 && request.fields.score == 2 && request.fields.score <= 2",
        "request.fields.sensitivity in [1, 2.0] && request.fields.huge > 5",
        "has(request.fields.table) && request.fields.table.startsWith('ord') && !has(request.fields.owner)",
        "request.fields['table'] == \"orders\" && size(request.fields.columns) == 40",
        "request.fields.none == null && request.reason.contains('report')",
        "applicant.email.endsWith('@corp.example') && 'dba' in applicant.roles",
        "source.name == 'Dataphin' && workspace != null && workspace.name == 'Sales'",
        "request.ends_at - request.starts_at <= duration('720h')",
        "request.ends_at > now + duration('24h') && request.starts_at <= now",
        "now >= timestamp('2026-09-21T00:00:00Z') && int(now) == 1790000000",
        "now.getDayOfWeek('+08:00') == 1 && now.getHours() == 14 && now.getHours('+08:00') == 22",
        "now.getFullYear() == 2026 && now.getMonth() == 8 && now.getDate() == 21 && now.getDayOfMonth() == 20",
        "(request.ends_at - request.starts_at).getHours() == 720 && duration('1h30m') == duration('90m')",
        "-duration('1.5s') < duration('100ms') && duration('0s') - duration('1s') == -duration('1s')",
        "request.fields.columns.all(c, c.level <= 3) && request.fields.columns.exists(c, c.name == 'c7')",
        "request.fields.columns.exists_one(c, c.name == 'c7')",
        "request.fields.columns.filter(c, c.level == 3).size() == 10",
        "request.fields.columns.filter(c, c.level > 1).map(c, c.name).exists(n, n == 'c2')",
        "request.fields.columns.exists(c, c.tags.exists(t, t == 'b'))",
        "'c9' in request.fields.columns.map(c, c.name)",
        "['orders', 'users'].exists(t, t == request.fields.table)",
        "(has(request.fields.rows) ? request.fields.rows : []).all(r, r > 0)",
        "request.fields.exists(name, name == 'table')",
        "string(request.fields.sensitivity) + '!' == '2!' ? true : false",
    ] {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
    assert_eq!(holds_over("workspace == null", &Facts { workspace: None, ..facts() }), Ok(true));
    assert_eq!(holds_over("has(request.starts_at)", &Facts::default()), Ok(false));
}

#[test]
fn what_cannot_be_told_is_an_error_that_says_why() {
    for (text, why) in [
        ("request.fields.owner == 'x'", "no such key: `owner`"),
        ("request.fields.sensitivity", "gives int, and not true or false"),
        ("request.fields.table <= 2", "no matching overload"),
        ("request.fields.sensitivity + 'x' == ''", "`add` does not go with Int and String"),
        ("request.fields.sensitivity / 0 == 1", "division by zero"),
        ("9223372036854775807 + request.fields.sensitivity > 0", "a number is too large"),
        ("request.fields.columns[40].level == 1", "an index is beyond the list"),
        ("workspace.name == 'x' || request.fields.none.x", "no matching overload"),
        ("timestamp('yesterday') < now", "timestamp: not a time as in"),
        ("now + duration('9999999h') + duration('87000000h') > now", "timestamp: out of range"),
        ("duration('ten days') > duration('1h')", "duration: not a duration"),
        ("now.getHours('Asia/Shanghai') == 1", "a time zone must be an offset"),
        ("request.fields.columns.all(c, c.owner == 'x')", "no such key: `owner`"),
        ("{request.title: 1, 'Read access to orders': 2}.size() == 1", "a map has a key twice"),
    ] {
        let told = holds(text).expect_err(text);
        assert!(told.contains(why), "{text}: {told}");
        assert!(!told.contains("Zhang") && !told.contains("c39"), "{text}: {told}");
    }
}

#[test]
fn what_is_wrong_with_a_condition_is_said_when_it_is_saved() {
    for (text, why) in [
        ("", "must not be empty"),
        ("request.fields.a ==", "line 1"),
        ("reqest.title == 'x'", "there is no `reqest`; there are `request`"),
        ("request.titel == 'x'", "`request` has no `titel`; it has title"),
        ("matches(request.title, '(a+)+')", "there is no function `matches`"),
        ("request.title.matches('(a+)+')", "there is no function `matches`"),
        ("request.fields.a.?b == 1", "unsupported syntax"),
        ("optional.of(1).hasValue()", "no function"),
        ("Foo{a: 1} == 1", "must not make messages"),
        ("1 + 1", "must give true or false"),
        ("request.fields.map(x, x)", "must give true or false"),
        ("'yes'", "must give true or false"),
        ("@result", "line 1"),
        ("request.fields.exists(request, true)", "a loop's variable cannot be called `request`"),
        ("request.fields.a.exists(x, x.b.exists(x, true))", "a loop's variable cannot be called `x`"),
        ("request.fields.a.exists(x, x.exists(y, y.exists(z, true)))", "more than 2 deep"),
        ("(request.fields.a + request.fields.a).all(x, true)", "a loop must go over"),
        ("[[request.fields]].all(x, true)", "a loop must go over"),
        ("request.fields.a.map(x, [x, x]).all(y, true)", "may only pick"),
        ("request.fields.a.map(x, x + x).all(y, true)", "may only pick"),
        ("request.fields.a.map(x, request).all(y, true)", "may only pick"),
        ("request.fields.a.map(x, true ? request : x).all(y, true)", "may only pick"),
    ] {
        let told = refused(text);
        assert!(told.contains(why), "{text}: {told}");
    }
    assert!(refused(&format!("'{}' == ''", "x".repeat(2_000))).contains("at most 2000 characters"));
    assert!(Expression::read(&format!("'{}' == ''", "汉".repeat(1_900))).is_ok(), "characters, not bytes");
}

/// Texts that want much of the stack.
fn deep() -> Vec<String> {
    let chain = |part: &str, times: usize| part.repeat(times);
    vec![
        chain("(", 1_000) + "true" + &chain(")", 1_000 - 6),
        chain("(", 990) + "true" + &chain(")", 990),
        chain("((true) && ", 180) + "true" + &chain(")", 180),
        chain("[", 990) + &chain("]", 990) + " == []",
        chain("{1:", 490) + "1" + &chain("}", 490) + " == {}",
        chain("!", 1_990) + "true",
        chain("!-", 990) + "true",
        chain("true ? true : ", 140) + "true",
        chain("true ? ", 11) + "true" + &chain(" : true", 11),
        chain("1 + ", 490) + "1 == 2",
        chain("true && ", 240) + "true",
        chain("true == ", 240) + "true",
        "request".to_owned() + &chain(".fields", 280) + " == 1",
        "request.fields".to_owned() + &chain("[0]", 600) + " == 1",
        "request.fields".to_owned() + &chain(".a()", 490),
        "request.fields".to_owned() + &chain(".filter(x, true)", 120),
        chain("request.fields.all(x, ", 80) + "true" + &chain(")", 80),
        chain("size(", 380) + "[]" + &chain(")", 380) + " == 1",
        chain("a.b(", 490) + &chain(")", 490),
        chain("\"", 1_999),
        chain("\\", 1_999),
        chain("0x", 999),
        "1e999999999 == 1".to_owned(),
        "99999999999999999999999 == 1".to_owned(),
        "-9223372036854775808 == -(-9223372036854775808)".to_owned(),
        "'\\u{110000}' == '\\ud800'".to_owned(),
        "b'\\377' == b'\\xff' && r'\\' == \"\"\"a\"\"\"".to_owned(),
        "`request`.title == 'a' // comment".to_owned(),
        "\u{0}\u{feff}true".to_owned(),
    ]
}

#[test]
fn deep_and_broken_texts_neither_panic_nor_fill_the_stack() {
    let thread = std::thread::Builder::new().stack_size(1024 * 1024);
    let tried = thread.spawn(|| {
        for text in deep() {
            if let Ok(expression) = Expression::read(&text) {
                _ = expression.holds(&facts(), &mut MAX_STEPS.clone());
            }
        }
        // The deepest that is let through, evaluated.
        let deepest = "1 + ".repeat(22) + "1 == 23";
        assert_eq!(holds(&deepest), Ok(true));
        let nested =
            "request.fields.columns.all(a, a.tags.all(b, ".to_owned() + &"(".repeat(15) + "b != ''" + &")".repeat(17);
        assert_eq!(holds(&nested), Ok(true));
    });
    tried.unwrap().join().unwrap();
}

#[test]
fn numbers_at_the_edge_are_errors_and_not_panics() {
    let facts = Facts {
        request: object(
            json!({"fields": {"min": i64::MIN, "max": i64::MAX, "umax": u64::MAX, "m1": -1, "big": 1e308, "z": 0, "f": 1.5}}),
        ),
        ..Facts::default()
    };
    let names = ["min", "max", "umax", "m1", "big", "z", "f"];
    for a in names {
        for b in names {
            let (a, b) = (format!("request.fields.{a}"), format!("request.fields.{b}"));
            for operator in ["+", "-", "*", "/", "%"] {
                _ = holds_over(&format!("{a} {operator} {b} == 0"), &facts);
            }
            for operator in ["<", "<=", "==", "in"] {
                _ = holds_over(&format!("{a} {operator} {b}"), &facts);
            }
            _ = holds_over(&format!("[1, 2][{a}] == {b}"), &facts);
            _ = holds_over(&format!("-{a} == int(double({b}))"), &facts);
            _ = holds_over(&format!("uint({a}) == uint(double({b})) || int(uint({b})) == 1"), &facts);
        }
    }
    for text in [
        "duration('1e5h') > duration('1h')",
        "duration('99999999999999999999h') > duration('1h')",
        "duration('.') == duration('-')",
    ] {
        assert!(holds(text).is_err(), "{text}");
    }
}

/// Counts how often a variable is asked for: nothing else in a condition costs anything.
#[derive(Default)]
struct Counting(AtomicU64);

impl VariableResolver for Counting {
    fn resolve<'b>(&'b self, _name: &str) -> Option<CowVal<'b, 'b>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// Steps that a condition really takes, and its bound.
fn steps(text: &str, facts: &Facts) -> (u64, Option<u64>) {
    let expression = Expression::read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let counting = Counting::default();
    let mut context = Context::with_env(environment().unwrap());
    facts.bind(&mut context);
    context.set_variable_resolver(&counting);
    _ = expression.evaluate(&context);
    (counting.0.load(Ordering::Relaxed), expression.bound(facts))
}

#[test]
fn the_bound_is_never_less_than_the_steps_that_are_taken() {
    let facts = facts();
    let columns = "request.fields.columns";
    for text in [
        format!("{columns}.all(c, now == now && now == now)"),
        format!("{columns}.all(c, c.tags.all(t, now == now))"),
        format!("{columns}.all(c, {columns}.all(d, now == now))"),
        format!("{columns}.filter(c, now == now).filter(c, now == now).all(c, c.tags.all(t, now == now))"),
        format!("{columns}.map(c, c.tags).all(t, t.all(u, now == now))"),
        format!("[{columns}, {columns}, {columns}].all(c, c.all(d, now == now && now == now))"),
        format!("(true ? {columns} : []).all(c, c.tags.all(t, now == now))"),
        format!("{columns}.exists_one(c, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].all(n, now == now))"),
        "[1, 2, 3, 4, 5, 6, 7, 8, 9].all(a, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].all(b, now == now && now == now))"
            .to_owned(),
        "request.all(a, request.fields.all(b, now == now && now == now))".to_owned(),
        "now == now && now == now || now == now".to_owned(),
    ] {
        let (taken, bound) = steps(&text, &facts);
        assert!(taken > 0 && bound.unwrap() >= taken, "{text}: {taken} of {bound:?}");
    }
}

#[test]
fn what_would_take_long_is_not_tried() {
    let mut large = facts();
    let columns: Vec<Value> = (0..2_000).map(|n| json!({"name": format!("column_{n}"), "level": n % 4})).collect();
    large.request["fields"]["columns"] = json!(columns);
    let columns = "request.fields.columns";
    let too_much = "it would cost too much";
    for text in [
        format!("{columns}.all(c, {columns}.all(d, c != d))"),
        format!("{columns}.all(c, {columns}.exists(d, d.name == c.name))"),
        format!(
            "{columns}.all(c, request == request && request == request && request == request && request == request)"
        ),
        format!("[{}].size() > 1", vec!["request"; 150].join(", ")),
        format!("{} != ''", vec!["string(request.title)"; 20].join(" + ")),
    ] {
        let told = holds_over(&text, &large).expect_err(&text);
        assert!(told.contains(too_much), "{text}: {told}");
    }
    // What is ordinary is, over the same.
    for text in [
        format!("{columns}.all(c, c.level <= 3 && has(c.name) && c.name.startsWith('column'))"),
        format!("{columns}.filter(c, c.level == 3).size() == 500"),
        format!("{columns}.exists(c, c.name in ['a', 'b', 'column_1999'])"),
    ] {
        assert_eq!(holds_over(&text, &large), Ok(true), "{text}");
    }
}

#[test]
fn all_rules_together_take_no_more_than_one_may() {
    let mut facts = facts();
    facts.request["fields"]["columns"] = json!((0..100).collect::<Vec<_>>());
    let columns = "request.fields.columns";
    let never = Expression::read(&format!("{columns}.exists(c, {columns}.exists(d, c == 'x'))"));
    let bound = never.as_ref().unwrap().bound(&facts).unwrap();
    let findings = evaluate(vec![Some(&never); 50], &facts);
    let looked_at = findings.iter().filter(|finding| **finding == Finding::NotMatched).count();
    assert_eq!(u64::try_from(looked_at).unwrap(), MAX_STEPS / bound, "{bound}");
    assert!((2..50).contains(&looked_at), "{looked_at}");
    assert!(matches!(&findings[looked_at], Finding::Failed(why) if why.contains("too much")));
    assert!(findings[looked_at + 1..].iter().all(|finding| *finding == Finding::NotReached));
}

#[test]
fn the_first_that_holds_decides_and_one_that_fails_ends_the_search() {
    let [yes, no, fails] = ["true", "false", "request.fields.missing == 1"].map(Expression::read);
    let broken = Err(Invalid("is from another version".into()));
    let evaluate = |rules: &[Option<&Result<Expression, Invalid>>]| evaluate(rules.iter().copied(), &facts());
    use Finding::{Matched, NotMatched, NotReached};
    assert_eq!(evaluate(&[Some(&no), None, Some(&yes), Some(&yes)]), [NotMatched, NotReached, Matched, NotReached]);
    let findings = evaluate(&[Some(&no), Some(&fails), Some(&yes)]);
    assert_eq!(findings[1], Finding::Failed("no such key: `missing`".into()));
    assert_eq!(findings[2], NotReached, "a failed rule lets none behind it approve");
    assert_eq!(evaluate(&[Some(&broken), Some(&yes)])[0], Finding::Failed("is from another version".into()));
    assert_eq!(evaluate(&[]), []);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[ab]", inner), 0..4)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("request.fields.a".to_owned()),
        Just("request.fields".to_owned()),
        Just("applicant.roles".to_owned()),
        Just("now".to_owned()),
        Just("x".to_owned()),
        Just("workspace".to_owned()),
        Just("duration('1h')".to_owned()),
        Just("'+08:00'".to_owned()),
        Just("-9223372036854775808".to_owned()),
        any::<u64>().prop_map(|number| format!("{number}u")),
        any::<i32>().prop_map(|number| number.to_string()),
        any::<f32>().prop_map(|number| format!("{number:?}")),
        Just("true".to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 3, |inner| {
        let operators = prop::sample::select(vec!["+", "-", "*", "/", "%", "==", "!=", "<", ">=", "in", "&&", "||"]);
        let functions =
            prop::sample::select(vec!["size", "string", "int", "uint", "double", "bool", "timestamp", "duration"]);
        let methods = prop::sample::select(vec!["contains", "startsWith", "getHours", "getMonth", "getDayOfYear"]);
        let loops = prop::sample::select(vec!["all", "exists", "exists_one", "filter", "map"]);
        prop_oneof![
            (inner.clone(), operators, inner.clone()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
            (functions, inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (inner.clone(), methods, inner.clone()).prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
            (inner.clone(), loops, inner.clone()).prop_map(|(a, f, b)| format!("{a}.{f}(x, {b})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{{a}: {b}}}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}[{b}]")),
            inner.clone().prop_map(|a| format!("{a}.a")),
            inner.clone().prop_map(|a| format!("has({a}.b)")),
            inner.prop_map(|a| format!("!{a}")),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}") {
        _ = Expression::read(&text);
    }

    #[test]
    fn no_condition_over_no_request_breaks_off(text in any_expression(), a in any_json(), roles in any_json()) {
        let facts = Facts {
            request: object(json!({"title": "t", "fields": {"a": a, "b": 1}})),
            applicant: object(json!({"roles": roles})),
            now: NOW,
            ..Facts::default()
        };
        if let Ok(expression) = Expression::read(&text) {
            let held = expression.holds(&facts, &mut MAX_STEPS.clone());
            prop_assert_ne!(held, Err("the evaluation broke off".to_owned()), "{}", text);
        }
    }

    #[test]
    fn the_bound_holds_for_all(text in any_expression(), a in any_json()) {
        let facts = Facts { request: object(json!({"fields": {"a": a}})), now: NOW, ..Facts::default() };
        if Expression::read(&text).is_ok() {
            let (taken, bound) = steps(&text, &facts);
            prop_assert!(bound.is_none_or(|bound| taken <= bound), "{}: {} of {:?}", text, taken, bound);
        }
    }
}
