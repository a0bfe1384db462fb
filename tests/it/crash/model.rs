//! The whole engine against a simple model, under random schedules: what people did on the platform, and were told that it was
//! done, is what the approval comes to, whatever is lost, late, repeated, out of order or stopped meanwhile.

use serde_json::{Value, json};

use super::gate::{Moment, Stop};
use super::run::{approval, arrived, instances};
use super::world::World;

/// Two nodes: either of the first two, then both of the others.
const EITHER: [&str; 2] = ["13800000001", "13800000003"];
const BOTH: [&str; 2] = ["13800000004", "13800000005"];
const APPLICANT: &str = "13800000002";
/// Approvals of one schedule, and what happens in it.
const APPROVALS: usize = 3;
const EVENTS: usize = 30;
/// When all is well again, everything has come to its end after this (milliseconds, turn by turn).
pub(super) const SETTLE: [i64; 14] = [
    0, 11_000, 31_000, 61_000, 61_000, 700_000, 700_000, 1_500_000, 3_000_000, 7_200_000, 14_400_000, 28_800_000,
    43_200_000, 43_200_000,
];

/// Random numbers that a seed repeats.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    pub(super) fn of<'a, T>(&mut self, these: &'a [T]) -> &'a T {
        &these[self.roll(these.len())]
    }
}

/// A fault of the played platform; `lost` callbacks are lost, if it is that.
pub(super) fn fault(dice: &mut Dice, lost: u32) -> Value {
    let faults = [
        json!({"throttle": 2}),
        json!({"fail": 2}),
        json!({"fail": "after_effect"}),
        json!({"drop_callbacks": lost}),
        json!({"repeat_callbacks": 2}),
        json!({"reorder_callbacks": true}),
    ];
    dice.of(&faults).clone()
}

/// Stops the program at some request to come, and says at which.
pub(super) fn stop(world: &World, dice: &mut Dice) -> String {
    let moment = *dice.of(&[Moment::Before, Moment::After]);
    let step = 1 + dice.roll(25);
    world.gate.arm(Some(Stop { step, moment }));
    format!("stop {moment:?} {step}")
}

/// What is known of one approval without asking the program under test.
#[derive(Debug, Default)]
struct Modelled {
    name: String,
    id: Option<String>,
    /// Who has still to decide at the current node; any of them at the first.
    node: usize,
    open: Vec<&'static str>,
    ended: Option<&'static str>,
    withdrawal_asked: bool,
}

impl Modelled {
    /// What follows from an act that the platform took.
    fn acted(&mut self, who: &'static str, action: &str, to: &'static str) {
        match action {
            "reject" => self.ended = Some("rejected"),
            "withdraw" => self.ended = Some("withdrawn"),
            "transfer" => self.open.iter_mut().filter(|open| **open == who).for_each(|open| *open = to),
            "approve" if self.node == 0 => (self.node, self.open) = (1, BOTH.to_vec()),
            "approve" => {
                self.open.retain(|open| *open != who);
                if self.open.is_empty() {
                    self.ended = Some("approved");
                }
            }
            _ => {}
        }
    }

    fn may(&self, who: &str, action: &str) -> bool {
        self.ended.is_none() && (action == "withdraw" || self.open.contains(&who))
    }
}

/// Schedules of these seeds on one platform.
pub(super) async fn schedules(kind: &'static str, seeds: std::ops::Range<u64>) {
    let world = World::new().await;
    for seed in seeds {
        schedule(&world, kind, seed).await;
    }
}

/// One schedule on one platform; panics with the seed where the program and the model disagree.
async fn schedule(world: &World, kind: &'static str, seed: u64) {
    let mut dice = Dice(seed);
    let flow = two_nodes(world, kind, seed).await;
    let before = instances(world, kind).await;
    let mut approvals: Vec<Modelled> =
        (0..APPROVALS).map(|n| Modelled { name: format!("model {seed} {n}"), ..Modelled::default() }).collect();
    let mut log = Vec::new();
    for modelled in &mut approvals {
        submit(world, &flow, modelled).await;
    }
    for _ in 0..EVENTS {
        let index = dice.roll(APPROVALS);
        let event = step(world, kind, &flow, &mut dice, &mut approvals[index]).await;
        log.push(format!("{index} {event}"));
    }
    settle(world, kind, &flow, &mut approvals).await;
    let context = format!("{kind}, seed {seed}: {log:#?}");
    let made = instances(world, kind).await.difference(&before).count();
    assert_eq!(made, APPROVALS, "one instance each; {context}");
    for modelled in &approvals {
        check(world, modelled, &context).await;
    }
}

/// One thing that happens.
async fn step(world: &World, kind: &str, flow: &str, dice: &mut Dice, modelled: &mut Modelled) -> String {
    match dice.roll(20) {
        0..=2 => {
            submit(world, flow, modelled).await;
            "submit".to_owned()
        }
        3..=9 => act(world, kind, dice, modelled).await,
        10 => withdraw(world, modelled).await,
        11 | 12 => {
            let fault = fault(dice, 2);
            world.sandbox("POST", &format!("/sandbox/{kind}/_/faults"), &fault).await;
            fault.to_string()
        }
        13 => {
            let status = dice.of(&[500, 429, 200]);
            world.sandbox("POST", "/sandbox/receiver/_/faults", &json!({"status": status})).await;
            format!("the receiver answers {status}")
        }
        14 | 15 => stop(world, dice),
        16 => {
            let by = *dice.of(&[1_000, 16_000, 61_000, 900_000, 7_200_000]);
            world.clock.advance(by);
            format!("{by} ms pass")
        }
        _ => {
            world.turn().await;
            "turn".to_owned()
        }
    }
}

async fn submit(world: &World, flow: &str, modelled: &mut Modelled) {
    let body = json!({"title": modelled.name, "applicant": {"mobile": APPLICANT}, "flow": flow});
    let Some(answer) = world.call("POST", "/v1/approvals", Some(&modelled.name), &body).await else { return };
    // People are looked up on the platform, which may be ill: then nothing was promised.
    if matches!(answer.status, 200..=202) {
        modelled.id = Some(answer.json["id"].as_str().unwrap().to_owned());
    } else {
        assert!(answer.status == 429 || answer.status >= 500, "{} {}", answer.status, answer.text);
    }
}

async fn act(world: &World, kind: &str, dice: &mut Dice, modelled: &mut Modelled) -> String {
    let Some(instance) = instance(world, modelled).await else { return "nobody is asked yet".to_owned() };
    if modelled.open.is_empty() && modelled.ended.is_none() {
        modelled.open = EITHER.to_vec();
    }
    let everybody = [EITHER[0], EITHER[1], BOTH[0], BOTH[1]];
    let asked = if modelled.open.is_empty() || dice.roll(4) == 0 { &everybody[..] } else { &modelled.open };
    let (who, to) = (*dice.of(asked), *dice.of(&everybody));
    let action = match dice.roll(14) {
        0..=8 => "approve",
        9 => "reject",
        10 | 11 => "transfer",
        12 => "comment",
        _ => "withdraw",
    };
    // Handing a task to somebody who is asked anyway means something else on every platform.
    if action == "transfer" && (who == to || modelled.open.contains(&to) || modelled.node == 0) {
        return "no transfer".to_owned();
    }
    let user = if action == "withdraw" { APPLICANT } else { who };
    let mut deed = json!({"user": user, "action": action, "remark": "as I see it"});
    if action == "transfer" {
        deed["to"] = json!(to);
    }
    let taken = world.try_sandbox(&format!("/sandbox/{kind}/_/instances/{instance}/act"), &deed).await;
    if !modelled.withdrawal_asked && action != "comment" {
        assert!(!taken || modelled.may(who, action), "the model would not let {who} {action}: {modelled:?}");
    }
    if taken {
        modelled.acted(who, action, to);
    }
    format!("{user} {action} {to}: {taken}")
}

async fn withdraw(world: &World, modelled: &mut Modelled) -> String {
    let Some(id) = &modelled.id else { return "nothing to withdraw".to_owned() };
    modelled.withdrawal_asked = true;
    let path = format!("/v1/approvals/{id}/withdraw");
    let Some(answer) = world.call("POST", &path, None, &json!({"reason": "not needed"})).await else {
        return "withdraw: stopped".to_owned();
    };
    assert!(matches!(answer.status, 200 | 202 | 409), "{} {}", answer.status, answer.text);
    format!("withdraw: {}", answer.status)
}

/// The platform's instance, however it can be learned: people see it before the program that asked for it may.
async fn instance(world: &World, modelled: &Modelled) -> Option<String> {
    let id = modelled.id.as_ref()?;
    let now = approval(world, id).await;
    now["stages"][0]["instance"].as_str().map(str::to_owned)
}

/// All is well again, everybody has got an answer, and time passes.
async fn settle(world: &World, kind: &str, flow: &str, approvals: &mut [Modelled]) {
    world.gate.arm(None);
    for path in [format!("/sandbox/{kind}/_/faults"), "/sandbox/receiver/_/faults".to_owned()] {
        world.sandbox("DELETE", &path, &Value::Null).await;
    }
    for modelled in approvals.iter_mut() {
        submit(world, flow, modelled).await;
        assert!(modelled.id.is_some(), "{modelled:?}");
    }
    for wait in SETTLE {
        world.clock.advance(wait);
        world.turn().await;
    }
}

/// What must be so when nothing goes on any more.
async fn check(world: &World, modelled: &Modelled, context: &str) {
    let id = modelled.id.as_ref().unwrap();
    let now = approval(world, id).await;
    let status = now["status"].as_str().unwrap();
    match modelled.ended {
        Some(ended) => assert_eq!(status, ended, "{modelled:?} {now} {context}"),
        None if modelled.withdrawal_asked => assert!(["pending", "withdrawn"].contains(&status), "{now} {context}"),
        None => assert_eq!(status, "pending", "{modelled:?} {now} {context}"),
    }
    let types: Vec<String> = arrived(world, id).await.into_values().collect();
    let mut middle = types.as_slice();
    let is = |place: Option<&String>, name: &str| place.is_some_and(|found| found == name);
    assert!(is(middle.first(), "submitted"), "{types:?} {context}");
    middle = &middle[1..];
    if status != "pending" {
        assert!(is(middle.last(), status), "{status}: {types:?} {context}");
        middle = &middle[..middle.len() - 1];
    }
    if is(middle.first(), "started") {
        middle = &middle[1..];
    } else {
        assert_eq!(status, "withdrawn", "{types:?} {context}");
    }
    assert!(middle.iter().all(|found| found == "node_decided"), "{types:?} {context}");
    let decided = if status == "approved" { 2 } else { modelled.node + usize::from(status == "rejected") };
    // An end that is told while nobody can say who decided goes out without that.
    let untold = usize::from(status == "rejected" && middle.len() < decided);
    assert_eq!(middle.len() + untold, decided, "each decided node once: {types:?} {now} {context}");
    let known = |task: &Value| task["status"] == "rejected" && task["remark"] == "as I see it";
    let nodes = now["stages"][0]["nodes"].as_array().unwrap();
    let mut tasks = nodes.iter().flat_map(|node| node["tasks"].as_array().unwrap());
    assert!(status != "rejected" || tasks.any(known), "who rejected, and why, is found in the end: {now} {context}");
}

/// A flow of the two nodes.
async fn two_nodes(world: &World, kind: &str, seed: u64) -> String {
    let connection = world.connection(kind).await;
    let node = |name: &str, mode: &str, people: &[&str]| {
        let people: Vec<Value> = people.iter().map(|mobile| json!({"mobile": mobile})).collect();
        json!({"name": name, "mode": mode, "approvers": people})
    };
    let nodes = [node("Either", "any", &EITHER), node("Both", "all", &BOTH)];
    let body = json!({"name": format!("Two nodes {seed}"), "stages": [{"connection": connection, "nodes": nodes}]});
    let made = world.call("POST", "/v1/flows", None, &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    made.json["id"].as_str().unwrap().to_owned()
}
