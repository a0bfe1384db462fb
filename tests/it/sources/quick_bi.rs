//! Quick BI: its custom channel pushes, its forms are asked for, and the decision is called back.

mod decisions;
mod played;
mod push;
mod settings;
mod turns;

use std::sync::atomic::{AtomicU32, Ordering};

use countersign::store::polls::Poll;
use countersign_tests::http::Answer;
use countersign_tests::local::{Local, OWNER, eventually, id};
use played::{KEY_ID, QuickBi, SECRET, sign};
use serde_json::{Value, json};

const TOKEN: &str = "push-token-of-quick-bi";
const HOUR: i64 = 60 * 60 * 1000;

/// A Quick BI and a source of it.
struct Scene {
    local: Local,
    bi: QuickBi,
    source: String,
}

/// A source that asks only when it is pushed, but for what the settings say; people are accounts.
async fn scene(more: Value) -> Scene {
    let (local, bi) = (Local::start().await, QuickBi::start().await);
    let mut settings = json!({"access_key_id": KEY_ID, "endpoint": bi.url, "approver_user_ids": OWNER,
        "people_by": "account", "poll_minutes": "0"});
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let flow = local.flow().await;
    let source = json!({"name": "Quick BI", "format": "quick_bi", "settings": settings, "default_flow": flow,
        "secrets": {"access_key_secret": SECRET, "push_token": TOKEN}});
    let source = local.make("/v1/sources", &source).await;
    assert!(!source.to_string().contains(SECRET) && !source.to_string().contains(TOKEN));
    let scene = Scene { source: id(&source).to_owned(), local, bi };
    // A new source is asked once, so that what waits already is found.
    scene.until("the first turn", |poll| poll.asked_at.is_some() && !is_leased(poll)).await;
    scene
}

/// Whether a turn is under way.
fn is_leased(poll: &Poll) -> bool {
    poll.due_at.is_some_and(|due| poll.asked_at == Some(due - 60_000))
}

static NONCE: AtomicU32 = AtomicU32::new(0);

impl Scene {
    async fn poll(&self) -> Poll {
        self.local.app.store.poll(&self.source.parse().unwrap()).await.unwrap().unwrap()
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Poll) -> bool) -> Poll {
        eventually(what, async || {
            let poll = self.poll().await;
            if is_so(&poll) { Ok(poll) } else { Err(format!("{poll:?}")) }
        })
        .await
    }

    /// Pushes as Quick BI does.
    async fn push(&self, task: &str, body: &Value) -> Answer {
        let nonce = format!("n{}", NONCE.fetch_add(1, Ordering::Relaxed));
        let at = self.local.app.world.now().to_string();
        self.push_as(&self.source, &at, &nonce, &sign(&at, &nonce, TOKEN), task, &body.to_string()).await
    }

    async fn push_as(&self, source: &str, at: &str, nonce: &str, sign: &str, task: &str, body: &str) -> Answer {
        let path = format!("/inbound/{source}/quick-bi/push?timestamp={at}&nonce={nonce}&sign={sign}");
        let headers = [("content-type", "application/json"), ("x-taskid", task)];
        self.local.with_key("").send("POST", &path, &headers, body).await
    }

    /// The approvals of the source, the newest first.
    async fn approvals(&self) -> Vec<Value> {
        let listed = self.local.get("/v1/approvals?limit=200").await.json;
        let mut items = listed["items"].as_array().unwrap().clone();
        items.retain(|item| item["source"] == self.source.as_str());
        items
    }

    /// Waits for an approval that runs.
    async fn pending(&self) -> Value {
        let found = eventually("an approval", async || {
            let all = self.approvals().await;
            all.iter().find(|one| one["status"] == "pending").cloned().ok_or_else(|| format!("{all:?}"))
        })
        .await;
        self.local.approval(&found).await
    }

    /// Waits until this was called back, and nothing else.
    async fn told(&self, expected: &[(&str, &str, &str)]) {
        let expected = expected
            .iter()
            .map(|(form, status, reason)| ((*form).to_owned(), (*status).to_owned(), (*reason).to_owned()));
        let expected: Vec<_> = expected.collect();
        eventually("the call back", async || {
            let told = self.bi.told();
            if told == expected { Ok(()) } else { Err(format!("{told:?}, wrong: {:?}", self.bi.wrong())) }
        })
        .await;
    }

    async fn deliveries(&self, approval: &Value) -> Vec<Value> {
        let answer = self.local.get(&format!("/v1/approvals/{}/deliveries", id(approval))).await;
        answer.json["items"].as_array().unwrap().clone()
    }

    /// Waits until the only delivery of an approval has this status.
    async fn delivery(&self, approval: &Value, status: &str) -> Value {
        eventually("the delivery", async || match self.deliveries(approval).await.as_slice() {
            [one] if one["status"] == status => Ok(one.clone()),
            others => Err(format!("{others:?}")),
        })
        .await
    }
}

/// What a push of an approval may look like: its fields are not documented.
fn pushed(approver: &str) -> Value {
    json!({"schema": "1.0", "header": {"organizationId": "org-1", "eventId": "e-1", "createTime": "1790000000000",
        "eventType": "APPROVAL"}, "event": {"approverId": approver}})
}
