//! What is told in which case, and a property over everything that may happen.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Map;

use super::*;
use crate::approval::{
    Approval, Closed, DecidedBy, Event, Mode, Node, Outcome, Person, Rollback, Stage, TaskEnd, TaskFact, TaskOutcome,
    Withdrawal,
};
use crate::delivery::told;
use crate::store::requests::Request;

const AT: i64 = 1_790_000_000_000;

fn person(account: &str, name: Option<&str>) -> Person {
    Person { member: None, account: Some(account.into()), name: name.map(str::to_owned) }
}

/// An approval whose stages have nodes with these approvers.
fn record(decided_by: DecidedBy, stages: &[&[&[Person]]]) -> Record {
    let node = |approvers: &&[Person]| Node::new("法务", Mode::Any, approvers.to_vec());
    let stage = |nodes: &&[&[Person]]| {
        Stage::new("con_1".into(), "dingtalk".into(), decided_by, nodes.iter().map(node).collect())
    };
    let state = Approval::new(AT, Person::default(), stages.iter().map(stage).collect(), 0);
    Record { state, ..crate::delivery::events::testing::record() }
}

fn request() -> Request {
    let origin =
        Origin { apply_id: "4711".into(), organization_id: "org 9".into(), workspace_id: "ws-9".into() }.into_map();
    Request { origin, ..Request::default() }
}

type Form = BTreeMap<String, String>;

/// The call backs of a change, in order.
fn call_backs(old: Option<&Record>, new: &Record) -> Vec<Form> {
    let request = request();
    let tell = |told: &crate::delivery::Told| {
        let news = News { told, record: new, request: Some(&request), settings: &Map::new() };
        tell(&news).map(|form| url::form_urlencoded::parse(form.as_bytes()).into_owned().collect())
    };
    told(old, new, None).iter().filter_map(tell).collect()
}

/// An approval under way, and what was called back so far.
struct Run {
    now: Record,
    forms: Vec<Form>,
}

impl Run {
    fn of(record: Record) -> Self {
        let forms = call_backs(None, &record);
        Self { now: record, forms }
    }

    fn change(&mut self, change: impl FnOnce(&mut Approval)) -> &mut Self {
        let old = self.now.clone();
        change(&mut self.now.state);
        if self.now != old {
            self.now.version += 1;
            self.forms.extend(call_backs(Some(&old), &self.now));
        }
        self
    }

    fn start(&mut self, stage: usize) -> &mut Self {
        self.change(|state| state.started(stage, format!("i{stage}"), None, AT))
    }

    fn task(&mut self, stage: usize, node: u8, who: &str, at: i64, end: Option<(TaskOutcome, &str)>) -> &mut Self {
        self.change(|state| {
            let end = end.map(|(outcome, remark)| TaskEnd {
                outcome,
                at: AT + at + 1,
                remark: Some(remark.into()),
                to: None,
            });
            let opened_at = Some(AT + at);
            let fact = TaskFact { assignee: who.into(), node: Some(node), opened_at, end, ..TaskFact::default() };
            state.apply(stage, Event::Task { task: format!("{node}:{who}:{at}"), fact });
        })
    }

    fn finish(&mut self, stage: usize, outcome: Outcome, at: i64) -> &mut Self {
        self.change(|state| _ = state.apply(stage, Event::Finished { outcome, at: AT + at }))
    }

    /// Level, approver's status, form's status, who, and who is next.
    fn told(&self) -> Vec<[&str; 5]> {
        let names = ["approvalNode", "approverStatus", "applyStatus", "approverName", "nextApproverName"];
        self.forms.iter().map(|form| names.map(|name| form.get(name).map_or("-", String::as_str))).collect()
    }
}

const YES: Option<(TaskOutcome, &str)> = Some((TaskOutcome::Approved, "可以"));
const NO: Option<(TaskOutcome, &str)> = Some((TaskOutcome::Rejected, "不行"));

fn two_levels() -> Run {
    let (one, two) = ([person("a", Some("张三"))], [person("b", Some("李四")), person("c", Some("王,五"))]);
    Run::of(record(DecidedBy::Platform, &[&[&one, &two]]))
}

#[test]
fn each_level_is_told_of_once_and_the_last_ends_the_form() {
    let mut run = two_levels();
    run.start(0).task(0, 0, "a", 1, YES).task(0, 1, "b", 3, None).task(0, 1, "c", 3, None).task(0, 1, "b", 3, YES);
    assert_eq!(run.told(), [["1", "1", "0", "张三", "李四,王 五"]]);
    run.finish(0, Outcome::Approved, 9);
    assert_eq!(run.told()[1..], [["2", "1", "1", "李四", ""]]);
    let wanted = [
        ("applyId", "4711"),
        ("approverStatus", "1"),
        ("approverReason", "可以"),
        ("approvalNode", "1"),
        ("approverName", "张三"),
        ("nextApproverName", "李四,王 五"),
        ("applyStatus", "0"),
        ("organizationId", "org 9"),
        ("workspaceId", "ws-9"),
    ];
    assert_eq!(run.forms[0], wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[test]
fn a_rejection_ends_the_form_at_its_level() {
    let mut run = two_levels();
    run.start(0).task(0, 0, "a", 1, NO);
    assert_eq!(run.told(), [["1", "2", "2", "张三", ""]]);
    assert_eq!(run.forms[0]["approverReason"], "不行");
    run.finish(0, Outcome::Rejected, 9);
    assert_eq!(run.forms.len(), 1);
    let mut run = two_levels();
    run.start(0).task(0, 0, "a", 1, YES).task(0, 1, "b", 3, None).task(0, 1, "c", 3, NO);
    assert_eq!(run.told(), [["1", "1", "0", "张三", "李四,王 五"], ["2", "2", "2", "王 五", ""]]);
}

#[test]
fn all_at_once_is_told_level_by_level() {
    let mut run = two_levels();
    run.start(0).finish(0, Outcome::Approved, 9);
    // Of a level with one approver it is known who it was, of the other not.
    assert_eq!(run.told(), [["1", "1", "0", "张三", "李四,王 五"], ["2", "1", "1", "system", ""]]);
}

#[test]
fn one_level_has_no_number() {
    let one = [person("a", None)];
    let mut run = Run::of(record(DecidedBy::Platform, &[&[&one]]));
    run.start(0).task(0, 0, "a", 1, YES).finish(0, Outcome::Approved, 9);
    assert_eq!(run.told(), [["-", "1", "1", "a", "-"]], "without a name the account");
}

#[test]
fn levels_are_counted_over_stages() {
    let (one, two) = ([person("a", Some("张三"))], [person("b", Some("李四"))]);
    let mut run = Run::of(record(DecidedBy::Platform, &[&[&one], &[&two]]));
    run.start(0).task(0, 0, "a", 1, YES);
    assert_eq!(run.told(), [[""; 5]; 0], "only the platform's word passes a node");
    run.finish(0, Outcome::Approved, 2).start(1).finish(1, Outcome::Rejected, 9);
    assert_eq!(run.told(), [["1", "1", "0", "张三", "李四"], ["2", "2", "2", "system", ""]]);
}

#[test]
fn an_external_oa_may_bring_levels_of_its_own() {
    let mut run = Run::of(record(DecidedBy::NodesAndPlatform, &[&[&[]]]));
    run.start(0).change(|state| {
        let fact =
            |who: &str, node, end| TaskFact { assignee: who.into(), node: Some(node), end, ..TaskFact::default() };
        let end = TaskEnd { outcome: TaskOutcome::Approved, at: AT, remark: None, to: None };
        state.apply(0, Event::Task { task: "1".into(), fact: fact("赵六", 0, Some(end)) });
        state.apply(0, Event::Task { task: "2".into(), fact: fact("孙七", 1, None) });
    });
    assert_eq!(run.told(), [["1", "1", "0", "赵六", "孙七"]]);
    run.task(0, 1, "孙七", 5, YES);
    assert_eq!(run.forms.len(), 1, "whether it is the last is not known yet");
    run.finish(0, Outcome::Approved, 6);
    assert_eq!(run.told()[1..], [["2", "1", "1", "孙七", ""]]);
}

#[test]
fn what_the_format_has_no_word_for_is_a_rejection_by_the_system() {
    let ended = |end: fn(&mut Approval)| {
        let mut run = two_levels();
        run.start(0).task(0, 0, "a", 1, YES).task(0, 1, "b", 3, None).change(end);
        assert_eq!(run.told()[1..], [["2", "2", "2", "system", ""]]);
        run.forms[1]["approverReason"].clone()
    };
    assert_eq!(ended(|state| _ = state.apply(0, Event::Finished { outcome: Outcome::Withdrawn, at: AT })), "Withdrawn");
    let withdrawn = ended(|state| {
        let by = person("x", Some("王芳"));
        state.ask_withdrawal(Withdrawal { at: AT, by, reason: Some("mistake".into()), force: false });
        state.end_withdrawn(AT, None);
    });
    assert_eq!(withdrawn, "Withdrawn by 王芳: mistake");
    let expired = ended(|state| {
        state.close(Closure { how: Closed::Expired, at: Some(AT), by: None, remark: None });
    });
    assert_eq!(expired, "The deadline has passed.");
    let by_deadline = ended(|state| {
        let remark = Some("The deadline has passed.".into());
        state.close(Closure { how: Closed::Rejected, at: Some(AT), by: None, remark });
    });
    assert_eq!(by_deadline, "The deadline has passed.");
    let failed = ended(|state| {
        state.close(Closure { how: Closed::Failed, at: Some(AT), by: None, remark: Some("no permission".into()) });
    });
    assert_eq!(failed, "Could not be started: no permission");
}

#[test]
fn what_a_rule_decides_has_no_levels() {
    for (how, status) in [(Closed::Approved, "1"), (Closed::Rejected, "2")] {
        let mut done = record(DecidedBy::Platform, &[]);
        done.state.closed = Some(Closure { how, at: Some(AT), by: None, remark: Some("small audience".into()) });
        let run = Run::of(done);
        assert_eq!(run.told(), [["-", status, status, "system", "-"]]);
        assert_eq!(run.forms[0]["approverReason"], "small audience");
    }
}

#[test]
fn after_a_return_a_level_is_not_told_again() {
    let mut run = two_levels();
    run.start(0).task(0, 0, "a", 1, YES).task(0, 1, "b", 3, None);
    run.change(|state| _ = state.apply(0, Event::RolledBack(Rollback::new(0, AT + 5))));
    run.task(0, 0, "a", 6, YES).task(0, 1, "b", 8, None);
    assert_eq!(run.forms.len(), 1);
    run.finish(0, Outcome::Approved, 9);
    assert_eq!(run.told()[1..], [["2", "1", "1", "system", ""]]);
    let mut run = two_levels();
    run.start(0).task(0, 0, "a", 1, YES).task(0, 1, "b", 3, None);
    run.change(|state| _ = state.apply(0, Event::RolledBack(Rollback::new(0, AT + 5))));
    run.task(0, 0, "a", 6, NO);
    assert_eq!(run.told()[1..], [["2", "2", "2", "张三", ""]], "at the level where they stand");
}

#[test]
fn what_did_not_come_from_there_is_not_told() {
    let old = two_levels().now;
    let mut new = old.clone();
    new.state.close(Closure { how: Closed::Failed, at: Some(AT), by: None, remark: None });
    let request = Request::default();
    for told in told(Some(&old), &new, None) {
        let news = News { told: &told, record: &new, request: Some(&request), settings: &Map::new() };
        assert_eq!(tell(&news), None);
    }
}

#[test]
fn several_deciders_are_all_named() {
    let both = [person("a", Some("张三")), person("b", None)];
    let mut all = record(DecidedBy::Platform, &[&[&both]]);
    all.state.stages[0].nodes[0].mode = Mode::All;
    let mut run = Run::of(all);
    run.start(0).task(0, 0, "a", 1, YES).task(0, 0, "b", 1, YES).finish(0, Outcome::Approved, 9);
    assert_eq!(run.told(), [["-", "1", "1", "张三,b", "-"]]);
    assert_eq!(run.forms[0]["approverReason"], "张三: 可以\nb: 可以");
}

/// Something that happens: kind, stage, node, person.
type Step = (u8, u8, u8, u8);

fn happen(run: &mut Run, (kind, stage, node, who): Step, at: i64) {
    let state = &run.now.state;
    let last = state.stages.len().saturating_sub(1);
    let stage = usize::from(stage).min(state.current_stage().unwrap_or(last));
    // What is told late of a stage that has passed brings no new node.
    let is_late = state.current_stage().is_some_and(|current| stage < current);
    let most = state.stages.get(stage).map_or(0, |stage| stage.nodes.len());
    // An instance has one outcome, but for a revocation.
    let has_ended = state.stages.get(stage).is_some_and(|stage| stage.facts.outcome.is_some());
    // Nor does an external OA return to earlier nodes.
    let returns = state.stages.get(stage).is_some_and(|stage| stage.decided_by == DecidedBy::Platform);
    if (is_late && usize::from(node) >= most) || (has_ended && (10..13).contains(&kind)) || (kind == 9 && !returns) {
        return;
    }
    let who = ["a", "b", "c"][usize::from(who)];
    match kind {
        0..=1 => run.start(stage),
        2..=3 => run.task(stage, node, who, at, None),
        4..=6 => run.task(stage, node, who, at, YES),
        7 => run.task(stage, node, who, at, NO),
        8 => run.task(stage, node, who, at, Some((TaskOutcome::Transferred, ""))),
        9 => run.change(|state| _ = state.apply(stage, Event::RolledBack(Rollback::new(node, AT + at)))),
        10 => run.finish(stage, Outcome::Approved, at),
        11 => run.finish(stage, Outcome::Rejected, at),
        12 => run.finish(stage, Outcome::Withdrawn, at),
        13 => run.finish(stage, Outcome::Revoked, at),
        14 => run.change(|state| {
            state.close(Closure { how: Closed::Expired, at: Some(AT + at), by: None, remark: None });
        }),
        _ => run.change(|state| {
            state.close(Closure { how: Closed::Failed, at: Some(AT + at), by: None, remark: None });
        }),
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(1_000)))]

    #[test]
    fn no_level_is_told_twice_and_the_end_once_and_last(
        by_platform in any::<bool>(), stages in prop::collection::vec(0_usize..4, 0..3),
        steps in prop::collection::vec((0_u8..16, 0_u8..3, 0_u8..4, 0_u8..3), 0..40),
    ) {
        let decided_by = if by_platform { DecidedBy::Platform } else { DecidedBy::NodesAndPlatform };
        let people = [person("a", Some("张三")), person("b", Some("李四"))];
        let nodes: Vec<Vec<&[Person]>> = stages.iter().map(|count| vec![&people[..]; *count]).collect();
        let stages: Vec<&[&[Person]]> = nodes.iter().map(Vec::as_slice).collect();
        let mut run = Run::of(record(decided_by, &stages));
        for (at, step) in (0_i64..).step_by(10).zip(steps) {
            happen(&mut run, step, at);
        }
        let told = run.told();
        let ends = told.iter().filter(|form| form[2] != "0").count();
        prop_assert_eq!(ends, usize::from(run.now.state.closed.is_some()), "one end: {:?}", told);
        prop_assert!(told.iter().rev().skip(1).all(|form| form[2] == "0"), "the end is the last: {:?}", told);
        let levels: Vec<u32> = told.iter().filter_map(|form| form[0].parse().ok()).collect();
        prop_assert!(levels.windows(2).all(|pair| pair[0] < pair[1]), "each once and in order: {:?}", told);
        for (form, fields) in told.iter().zip(&run.forms) {
            prop_assert!(["1 0", "1 1", "2 2"].contains(&format!("{} {}", form[1], form[2]).as_str()), "{:?}", told);
            for name in ["applyId", "approverName", "organizationId", "workspaceId"] {
                prop_assert!(fields.get(name).is_some_and(|value| !value.is_empty()), "{} in {:?}", name, fields);
            }
        }
    }
}
