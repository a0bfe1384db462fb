//! One way through an approval, whatever stops on the way.

use std::collections::{BTreeMap, BTreeSet};

use countersign_tests::http::Answer;
use serde_json::{Value, json};

use super::gate::Stop;
use super::world::{HERE, World};

/// Turns after which everything must have come to its end, and how far the clock moves before each (milliseconds): first what
/// is repeated soon, then leases, then readings.
const TURNS: [i64; 10] = [0, 0, 11_000, 11_000, 31_000, 61_000, 61_000, 700_000, 1_500_000, 3_000_000];
/// How often somebody who got no answer asks again.
const PATIENCE: usize = 4;

const OWNER: &str = "13800000001";
const APPLICANT: &str = "13800000002";

/// What is done with an approval once it is pending.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// The approver does this on the platform.
    Person(&'static str),
    /// Whoever asked takes it back through our API.
    Withdraw,
    /// The approver of the first stage approves, and when the second one runs, whoever asked undoes that.
    Undo,
}

/// A way through an approval: what people do and how it must end.
pub(super) struct Scenario {
    /// The platforms of its stages, in order.
    pub(super) kinds: &'static [&'static str],
    pub(super) act: Act,
    pub(super) status: &'static str,
    /// The events that the source must get.
    pub(super) types: &'static [&'static str],
}

/// Submits, lets people act, and goes on until nothing is open. Answers with every request that was made, and panics where a
/// promise is broken.
pub(super) async fn run(world: &World, scenario: &Scenario, name: &str, stop: Option<Stop>) -> Vec<String> {
    let flow = world.flow(scenario.kinds).await;
    let before = everywhere(world, scenario).await;
    // What other runs left in memory would hide requests.
    world.restart();
    world.forget_tokens().await;
    world.gate.arm(stop);
    let id = submit(world, name, &flow).await;
    let mut acted = 0;
    let mut last = Value::Null;
    for wait in TURNS {
        world.clock.advance(wait);
        world.turn().await;
        last = approval(world, &id).await;
        if last["status"] == "pending" && last["stages"][acted]["status"] == "pending" {
            act(world, scenario, &last, acted).await;
            acted += 1;
        }
        let is_told = arrived(world, &id).await.len() == scenario.types.len();
        if last["status"] == scenario.status && is_told && last["stages"].as_array().unwrap().iter().all(is_clean) {
            break;
        }
    }
    let steps = world.gate.steps();
    world.gate.arm(None);
    let context = format!("{name}: {last}");
    assert_eq!(last["status"], scenario.status, "{context}");
    let after = everywhere(world, scenario).await;
    let elsewhere = |stage: &usize| scenario.kinds[*stage] != HERE;
    let pairs = before.iter().zip(&after).enumerate();
    for (stage, (before, after)) in pairs.filter(|(stage, _)| elsewhere(stage)) {
        let made: Vec<&String> = after.difference(before).collect();
        assert_eq!(made.len(), 1, "{name}: one instance for stage {stage}, not {made:?}");
        assert_eq!(last["stages"][stage]["instance"], json!(made[0]), "{context}");
        let path = format!("/sandbox/{}/_/instances/{}", scenario.kinds[stage], made[0]);
        let now = world.sandbox("GET", &path, &Value::Null).await;
        assert!(!["RUNNING", "PENDING"].contains(&now["status"].as_str().unwrap_or_default()), "{now} {context}");
    }
    // The lists of people follow the last change, which may be one that only makes a time more precise.
    world.turn().await;
    let listed = |status: &str| format!("/v1/inbox?limit=200&status={status}&member=");
    let member = world.member(OWNER).await;
    let open = world.ours("GET", &format!("{}{member}", listed("open")), &Value::Null).await;
    assert!(!open.to_string().contains(&id), "{name}: it waits for nobody: {open}");
    let done = world.ours("GET", &format!("{}{member}", listed("done")), &Value::Null).await;
    let decided = !matches!(scenario.act, Act::Withdraw);
    assert_eq!(done.to_string().contains(&id), decided, "{name}: what they have done: {done}");
    let types: Vec<String> = arrived(world, &id).await.into_values().collect();
    assert_eq!(types, scenario.types, "{name}: each event once and in order, by its id");
    let same = world.ours("GET", "/v1/approvals", &Value::Null).await["items"].clone();
    let same = same.as_array().unwrap().iter().filter(|approval| approval["title"] == json!(name)).count();
    assert_eq!(same, 1, "{name}: one approval");
    steps
}

/// Whether nothing of a stage is left open on its platform.
fn is_clean(stage: &Value) -> bool {
    stage["left_open"].is_null()
}

/// Submits until there is an answer, always under the same key.
async fn submit(world: &World, name: &str, flow: &str) -> String {
    let body = json!({"title": name, "applicant": {"mobile": APPLICANT}, "flow": flow});
    for _ in 0..PATIENCE {
        let Some(answer) = world.call("POST", "/v1/approvals", Some(name), &body).await else { continue };
        if is_busy(&answer) {
            continue;
        }
        assert!([200, 201, 202].contains(&answer.status), "{name}: {} {}", answer.status, answer.text);
        return answer.json["id"].as_str().unwrap().to_owned();
    }
    panic!("{name}: no answer");
}

/// Whether the caller is told to come again.
fn is_busy(answer: &Answer) -> bool {
    // 502 says that the platform failed while people were looked up: nothing was promised.
    let busy = answer.status == 503;
    assert!(!busy || answer.header("retry-after").is_some(), "{}", answer.text);
    busy || answer.status == 502
}

async fn act(world: &World, scenario: &Scenario, approval: &Value, stage: usize) {
    match scenario.act {
        Act::Person(action) if scenario.kinds[stage] == HERE => {
            let path = format!("/v1/approvals/{}/decisions", approval["id"].as_str().unwrap());
            let body = json!({"decision": action, "member": world.member(OWNER).await, "stage": stage, "node": 0});
            for _ in 0..PATIENCE {
                let Some(answer) = world.call("POST", &path, None, &body).await else { continue };
                if is_busy(&answer) {
                    continue;
                }
                assert_eq!(answer.status, 200, "{}", answer.text);
                return;
            }
            panic!("no answer");
        }
        Act::Person(action) => {
            let instance = approval["stages"][stage]["instance"].as_str().unwrap();
            let path = format!("/sandbox/{}/_/instances/{instance}/act", scenario.kinds[stage]);
            world.sandbox("POST", &path, &json!({"user": OWNER, "action": action})).await;
        }
        Act::Undo => {
            let (user, action) = if stage == 0 { (OWNER, "approve") } else { (APPLICANT, "withdraw") };
            let instance = approval["stages"][0]["instance"].as_str().unwrap();
            let path = format!("/sandbox/{}/_/instances/{instance}/act", scenario.kinds[0]);
            world.sandbox("POST", &path, &json!({"user": user, "action": action})).await;
        }
        Act::Withdraw => {
            let path = format!("/v1/approvals/{}/withdraw", approval["id"].as_str().unwrap());
            for _ in 0..PATIENCE {
                let Some(answer) = world.call("POST", &path, None, &json!({"reason": "not needed"})).await else {
                    continue;
                };
                if is_busy(&answer) {
                    continue;
                }
                // Whoever asks again after a lost answer is told that it has ended so.
                let was_done = answer.status == 409 && answer.json["approval"]["status"] == "withdrawn";
                assert!([200, 202].contains(&answer.status) || was_done, "{} {}", answer.status, answer.text);
                return;
            }
            panic!("no answer");
        }
    }
}

pub(super) async fn approval(world: &World, id: &str) -> Value {
    world.ours("GET", &format!("/v1/approvals/{id}"), &Value::Null).await
}

/// The ids of all instances, platform by platform.
async fn everywhere(world: &World, scenario: &Scenario) -> Vec<BTreeSet<String>> {
    let mut found = Vec::new();
    for kind in scenario.kinds {
        found.push(if *kind == HERE { BTreeSet::new() } else { instances(world, kind).await });
    }
    found
}

/// The ids of all instances on a platform.
pub(super) async fn instances(world: &World, kind: &str) -> BTreeSet<String> {
    let listed = world.sandbox("GET", &format!("/sandbox/{kind}/_/instances"), &Value::Null).await;
    let items = listed["items"].as_array().unwrap();
    items.iter().map(|instance| instance["id"].as_str().unwrap().to_owned()).collect()
}

/// What the receiver got of an approval: event by place in the sequence, which the delivery id ends with. The same may come several
/// times, always the same; and none comes for the first time after one that follows it.
pub(super) async fn arrived(world: &World, id: &str) -> BTreeMap<u32, String> {
    let listed = world.sandbox("GET", "/sandbox/receiver/_/deliveries", &Value::Null).await;
    let mut arrived = BTreeMap::new();
    let mut oldest_first = listed["items"].as_array().unwrap().clone();
    oldest_first.reverse();
    for delivery in &oldest_first {
        if delivery["body"]["data"]["id"] != json!(id) {
            continue;
        }
        assert_eq!(delivery["signature_ok"], true, "{delivery}");
        let kind = delivery["type"].as_str().unwrap().trim_start_matches("approval.").to_owned();
        let (_, place) = delivery["webhook_id"].as_str().unwrap().rsplit_once('_').unwrap();
        let place: u32 = place.parse().unwrap();
        let is_new = !arrived.contains_key(&place);
        assert!(!is_new || arrived.last_key_value().is_none_or(|(last, _)| *last < place), "too late: {delivery}");
        let before = arrived.insert(place, kind.clone());
        assert!(before.is_none_or(|before| before == kind), "{delivery}: its id was another event's");
    }
    arrived
}
