//! The whole engine against a second model, of whole lives: two stages on two platforms, deadlines, withdrawals, and what is done to a
//! form after its end. What is certain in the model is what the approval comes to; where two things race it is one of them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::model::{Dice, SETTLE, fault, stop};
use super::run::{approval, arrived, instances};
use super::world::World;

const OWNER: &str = "13800000001";
const APPLICANT: &str = "13800000002";
/// Who may delete forms on WeCom, the one platform that has that.
const ADMINISTRATOR: &str = "ZhangWei";
/// Approvals of one schedule, and what happens in it.
const APPROVALS: usize = 3;
const EVENTS: usize = 36;

/// What is known of one approval without asking the program under test.
#[derive(Debug, Default)]
struct Life {
    name: String,
    id: Option<String>,
    /// The stage whose turn it is on the platforms.
    stage: usize,
    /// What people brought it to, but for a revocation.
    ended: Option<&'static str>,
    /// Whether an approved form was taken back.
    revoked: bool,
    withdrawal_asked: bool,
    /// The end that was seen last.
    seen: Option<String>,
}

impl Life {
    /// What follows from an act on a stage's form that the platform took.
    fn acted(&mut self, stage: usize, action: &str) {
        let is_open = self.stage == stage && self.ended.is_none();
        match action {
            "approve" if is_open => {
                self.stage += 1;
                self.ended = (self.stage == 2).then_some("approved");
            }
            "reject" if is_open => self.ended = Some("rejected"),
            "withdraw" | "delete" if is_open => self.ended = Some("withdrawn"),
            "withdraw" if stage < self.stage => self.revoked = true,
            // Deleting what has ended changes nothing.
            _ => {}
        }
    }

    /// What it may have come to when nothing goes on any more.
    fn may_be(&self, deadline: Option<&'static str>, lost: bool) -> BTreeSet<&'static str> {
        let open = deadline.unwrap_or("pending");
        let mut may = BTreeSet::new();
        if self.revoked {
            may.insert("revoked");
            may.extend(self.ended.filter(|ended| *ended != "approved"));
        }
        // Nobody looks for what was done to a form after its end, if the platform's word of it gets lost.
        if !self.revoked || lost {
            may.insert(self.ended.unwrap_or(open));
        }
        may.extend(self.withdrawal_asked.then_some("withdrawn"));
        // It may have passed before the platform's word came.
        may.extend(deadline);
        may
    }
}

/// A schedule's surroundings.
struct Schedule<'w> {
    world: &'w World,
    kinds: [&'static str; 2],
    flow: String,
    /// How the deadline of its flow ends an approval.
    deadline: Option<&'static str>,
    /// Whether a callback may have got lost for good.
    lost: bool,
}

/// Schedules of these seeds on two platforms.
pub(super) async fn schedules(kinds: [&'static str; 2], seeds: std::ops::Range<u64>) {
    let world = World::new().await;
    for seed in seeds {
        schedule(&world, kinds, seed).await;
    }
}

async fn schedule(world: &World, kinds: [&'static str; 2], seed: u64) {
    let mut dice = Dice(seed ^ 0x5EED_5EED);
    let deadline = [None, Some("expired"), Some("rejected")][dice.roll(3)];
    let flow = flow(world, kinds, deadline, seed).await;
    let mut before = Vec::new();
    for kind in kinds {
        before.push(instances(world, kind).await);
    }
    let mut at = Schedule { world, kinds, flow, deadline, lost: false };
    let mut lives: Vec<Life> =
        (0..APPROVALS).map(|n| Life { name: format!("life {seed} {n}"), ..Life::default() }).collect();
    let mut log = vec![format!("{kinds:?}, seed {seed}, deadline {deadline:?}")];
    for life in &mut lives {
        at.submit(life).await;
    }
    for _ in 0..EVENTS {
        let index = dice.roll(APPROVALS);
        log.push(format!("{index} {}", at.step(&mut dice, &mut lives[index]).await));
        for life in &mut lives {
            at.look(life, &log).await;
        }
    }
    at.settle(&mut lives).await;
    for life in &mut lives {
        at.look(life, &log).await;
        at.check(life, &log).await;
    }
    for (stage, kind) in kinds.into_iter().enumerate() {
        let made = instances(world, kind).await.difference(&before[stage]).count();
        assert!(made <= APPROVALS, "{made} instances for {APPROVALS} approvals on {kind}; {log:#?}");
    }
}

impl Schedule<'_> {
    async fn submit(&self, life: &mut Life) {
        let body = json!({"title": life.name, "applicant": {"mobile": APPLICANT}, "flow": self.flow});
        let Some(answer) = self.world.call("POST", "/v1/approvals", Some(&life.name), &body).await else { return };
        if matches!(answer.status, 200..=202) {
            life.id = Some(answer.json["id"].as_str().unwrap().to_owned());
        } else {
            assert!(answer.status == 429 || answer.status >= 500, "{} {}", answer.status, answer.text);
        }
    }

    /// One thing that happens.
    async fn step(&mut self, dice: &mut Dice, life: &mut Life) -> String {
        match dice.roll(20) {
            0 | 1 => {
                self.submit(life).await;
                "submit".to_owned()
            }
            2..=9 => self.act(dice, life).await,
            10 => self.withdraw(life).await,
            11 | 12 => {
                let (kind, fault) = (*dice.of(&self.kinds), fault(dice, 1));
                self.lost |= fault.get("drop_callbacks").is_some();
                self.world.sandbox("POST", &format!("/sandbox/{kind}/_/faults"), &fault).await;
                format!("{kind} {fault}")
            }
            13 => {
                self.lost = true;
                stop(self.world, dice)
            }
            14 | 15 => {
                let by = *dice.of(&[1_000, 61_000, 900_000, 1_800_000, 3_700_000]);
                self.world.clock.advance(by);
                format!("{by} ms pass")
            }
            _ => {
                self.world.turn().await;
                "turn".to_owned()
            }
        }
    }

    /// Somebody does something to one of the forms.
    async fn act(&self, dice: &mut Dice, life: &mut Life) -> String {
        let Some(id) = &life.id else { return "nothing is asked yet".to_owned() };
        let stage = if dice.roll(3) == 0 { dice.roll(2) } else { life.stage.min(1) };
        let now = approval(self.world, id).await;
        let Some(instance) = now["stages"][stage]["instance"].as_str() else { return "nobody is asked yet".to_owned() };
        let (user, action) = match dice.roll(10) {
            0..=5 => (OWNER, "approve"),
            6 => (OWNER, "reject"),
            7 | 8 => (APPLICANT, "withdraw"),
            _ => (ADMINISTRATOR, "delete"),
        };
        let path = format!("/sandbox/{}/_/instances/{instance}/act", self.kinds[stage]);
        let taken = self.world.try_sandbox(&path, &json!({"user": user, "action": action, "remark": "so"})).await;
        if taken {
            life.acted(stage, action);
        }
        format!("stage {stage} {action}: {taken}")
    }

    async fn withdraw(&self, life: &mut Life) -> String {
        let Some(id) = &life.id else { return "nothing to withdraw".to_owned() };
        life.withdrawal_asked = true;
        let path = format!("/v1/approvals/{id}/withdraw");
        let Some(answer) = self.world.call("POST", &path, None, &json!({"reason": "not needed"})).await else {
            return "withdraw: stopped".to_owned();
        };
        assert!(matches!(answer.status, 200 | 202 | 409), "{} {}", answer.status, answer.text);
        format!("withdraw: {}", answer.status)
    }

    /// Whatever was seen to have ended stays as it ended, but for a revocation after an approval.
    async fn look(&self, life: &mut Life, log: &[String]) {
        let Some(id) = &life.id else { return };
        let now = approval(self.world, id).await;
        let status = now["status"].as_str().unwrap();
        if let Some(seen) = &life.seen {
            let stays = seen == status || (seen == "approved" && status == "revoked");
            assert!(stays, "{seen} became {status}: {now} {log:#?}");
        }
        life.seen = Some(status.to_owned()).filter(|status| status != "pending" && status != "starting");
    }

    /// All is well again, everybody has got an answer, and time passes.
    async fn settle(&self, lives: &mut [Life]) {
        self.world.gate.arm(None);
        for kind in self.kinds {
            self.world.sandbox("DELETE", &format!("/sandbox/{kind}/_/faults"), &Value::Null).await;
        }
        for life in lives.iter_mut() {
            self.submit(life).await;
            assert!(life.id.is_some(), "{life:?}");
        }
        for wait in SETTLE {
            self.world.clock.advance(wait);
            self.world.turn().await;
        }
    }

    /// What must be so when nothing goes on any more.
    async fn check(&self, life: &Life, log: &[String]) {
        let id = life.id.as_ref().unwrap();
        let now = approval(self.world, id).await;
        let status = now["status"].as_str().unwrap();
        let may_be = life.may_be(self.deadline, self.lost);
        assert!(may_be.contains(status), "{status}, not {may_be:?}: {life:?} {now} {log:#?}");
        let types: Vec<String> = arrived(self.world, id).await.into_values().collect();
        let count = |name: &str| types.iter().filter(|found| *found == name).count();
        assert_eq!((types[0].as_str(), count("submitted")), ("submitted", 1), "{types:?} {log:#?}");
        assert!(count("started") <= 1 && count("node_decided") <= 2, "{types:?} {log:#?}");
        let ends: Vec<&str> = types.iter().map(String::as_str).filter(|name| is_end(name)).collect();
        match status {
            "pending" => assert!(ends.is_empty(), "{types:?} {log:#?}"),
            "revoked" => assert!(ends == ["revoked"] || ends == ["approved", "revoked"], "{types:?} {log:#?}"),
            _ => assert_eq!(ends, [status], "one end: {types:?} {log:#?}"),
        }
        assert!(status == "pending" || types.last().is_some_and(|last| is_end(last)), "{types:?} {log:#?}");
        if status == "approved" {
            assert_eq!(count("node_decided"), 2, "{types:?} {log:#?}");
        }
    }
}

fn is_end(name: &str) -> bool {
    ["approved", "rejected", "withdrawn", "expired", "failed", "revoked"].contains(&name)
}

/// A flow of one approver on each platform, with a deadline of one hour where one is asked for.
async fn flow(world: &World, kinds: [&str; 2], deadline: Option<&str>, seed: u64) -> String {
    let mut stages = Vec::new();
    for kind in kinds {
        let node = json!({"name": "Owner", "mode": "any", "approvers": [{"mobile": OWNER}]});
        stages.push(json!({"connection": world.connection(kind).await, "nodes": [node]}));
    }
    let mut body = json!({"name": format!("Lives {seed}"), "stages": stages});
    if let Some(deadline) = deadline {
        body["deadline_hours"] = json!(1);
        body["on_deadline"] = json!(if deadline == "expired" { "expire" } else { "reject" });
    }
    let made = world.call("POST", "/v1/flows", None, &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text);
    made.json["id"].as_str().unwrap().to_owned()
}
