//! What waits for people, and what they have done: on every platform, whatever happens in whatever order.

use std::collections::BTreeSet;

use countersign::approval::Status;
use countersign::engine::dispatch::{Before, Change, dispatch};
use countersign::store::approvals::Record;
use countersign_tests::http::Answer;
use countersign_tests::local::{Local, SECOND, eventually, instance};
use serde_json::{Value, json};

use crate::builtin::Office;

async fn inbox(office: &Office, who: &str, more: &str) -> Answer {
    let path = format!("/v1/inbox?member={}{more}", office.id(who));
    let answer = office.desk.client.call("GET", &path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

/// The approvals that wait for somebody, with the node's index.
async fn waiting(office: &Office, who: &str) -> Vec<(String, u64)> {
    let found = inbox(office, who, "").await;
    let items = found.json["items"].as_array().unwrap().iter();
    items.map(|item| (item["approval"].as_str().unwrap().to_owned(), item["node"].as_u64().unwrap())).collect()
}

/// An approval whose changes a test hands to dispatch.
struct Watched {
    seen: Vec<Record>,
}

impl Watched {
    async fn new(office: &Office, approval: &Value) -> Self {
        let mut watched = Self { seen: Vec::new() };
        watched.tell(office, approval).await;
        watched
    }

    /// Hands the last change to dispatch, if there is one.
    async fn tell(&mut self, office: &Office, approval: &Value) {
        let id = approval["id"].as_str().unwrap().parse().unwrap();
        let new = office.desk.app.store.approval(&id).await.unwrap();
        if self.seen.last().is_none_or(|last| last.version < new.version) {
            self.seen.push(new);
            self.repeat(office, self.seen.len() - 1).await;
        }
    }

    /// Hands a change in once more.
    async fn repeat(&self, office: &Office, index: usize) {
        let old = index.checked_sub(1).and_then(|before| self.seen.get(before).cloned());
        let change = Change { old: Before::from(old), new: self.seen[index].clone() };
        dispatch(&office.desk.app, &change).await.unwrap();
    }

    fn last(&self) -> &Record {
        self.seen.last().unwrap()
    }
}

/// Small numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[tokio::test]
async fn an_inbox_shows_a_task_if_and_only_if_it_is_open_for_that_person() {
    const POSITIONS: [&str; 3] = ["before", "after", "parallel"];
    const PEOPLE: [&str; 5] = ["ann", "bob", "cai", "dan", "eve"];
    let office = Office::new(&[&PEOPLE[..], &["asker"]].concat()).await;
    for seed in 0..32 {
        let mut dice = Dice(seed);
        let modes = [json!("any"), json!("all"), json!("sequential"), json!({"at_least": 2})];
        let nodes = [0, 1].map(|n| office.node(&format!("N{n}"), &modes[dice.roll(4)], &["ann", "bob", "cai"]));
        let approval = office.submit(&office.flow(&nodes).await, "asker").await;
        let mut watched = Watched::new(&office, &approval).await;
        for _ in 0..14 {
            office.desk.clock.advance(i64::try_from(dice.roll(3)).unwrap());
            let (who, other) = (PEOPLE[dice.roll(5)], PEOPLE[dice.roll(5)]);
            let to = json!({"member": office.id(other)});
            let (path, body) = match dice.roll(8) {
                0 => ("transfer", json!({"to": to})),
                1 => ("approvers", json!({"to": to, "position": POSITIONS[dice.roll(3)]})),
                2 => ("return", json!({"to_node": 0})),
                3 if dice.roll(3) == 0 => ("decisions", json!({"decision": "reject"})),
                _ => ("decisions", json!({"decision": "approve"})),
            };
            office.act(&approval, who, path, body).await;
            watched.tell(&office, &approval).await;
            if dice.roll(3) == 0 {
                // The stream may hand in again what it has handed in before.
                watched.repeat(&office, dice.roll(watched.seen.len())).await;
            }
            let id = approval["id"].as_str().unwrap();
            let open: BTreeSet<(String, u64)> = watched
                .last()
                .state
                .open_tasks()
                .into_iter()
                .map(|task| (task.account, u64::try_from(task.place.node).unwrap()))
                .collect();
            for who in PEOPLE {
                let mut shown = waiting(&office, who).await;
                shown.retain(|(approval, _)| approval == id);
                let expected: Vec<_> = open.iter().filter(|(account, _)| account == office.id(who)).collect();
                let expected: Vec<_> = expected.into_iter().map(|(_, node)| (id.to_owned(), *node)).collect();
                assert_eq!(shown, expected, "seed {seed}, {who}");
            }
        }
        if watched.last().state.status() == Status::Pending {
            let path = format!("/v1/approvals/{}/withdraw", approval["id"].as_str().unwrap());
            assert_eq!(office.desk.client.call("POST", &path, &json!({})).await.status, 200);
            watched.tell(&office, &approval).await;
        }
        for who in PEOPLE {
            assert_eq!(waiting(&office, who).await, [], "seed {seed}: it has ended");
        }
    }
}

#[tokio::test]
async fn the_list_says_where_it_is_and_what_can_be_done_and_goes_on_page_by_page() {
    let office = Office::new(&["ann", "bob", "asker"]).await;
    let flow = office.flow(&[office.node("Owner", &json!("all"), &["ann", "bob"])]).await;
    let mut approvals = Vec::new();
    for _ in 0..5 {
        office.desk.clock.advance(1_000);
        let approval = office.submit(&flow, "asker").await;
        Watched::new(&office, &approval).await;
        approvals.push(approval["id"].as_str().unwrap().to_owned());
    }
    approvals.reverse();
    let first = inbox(&office, "ann", "&limit=2").await.json;
    let item = &first["items"][0];
    assert_eq!((&item["approval"], &item["title"]), (&json!(approvals[0]), &json!("Read access to orders")));
    assert_eq!((&item["kind"], &item["stage"], &item["node"]), (&json!("builtin"), &json!(0), &json!(0)));
    assert_eq!((&item["node_name"], &item["applicant"]["name"]), (&json!("Owner"), &json!("asker")));
    assert_eq!(item["can"], json!(["approve", "reject", "transfer", "add_approver", "comment"]));
    assert!(item["since"].is_string() && item["deadline"].is_string(), "{item}");
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..3 {
        let more = if cursor.is_empty() { String::new() } else { format!("&cursor={}", cursor.replace('#', "%23")) };
        let page = inbox(&office, "ann", &format!("&limit=2{more}")).await.json;
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["approval"].as_str().unwrap().to_owned()));
        cursor = page["next_cursor"].as_str().unwrap_or_default().to_owned();
    }
    assert_eq!((seen, cursor.as_str()), (approvals, ""));
    for (query, status) in [
        ("", 400),
        ("?member=mem_01m8hek812p77qa0peazdecjnx", 404),
        ("?member=me", 400),
        ("?status=late", 400),
        ("?cursor=x", 400),
        ("?who=ann", 400),
    ] {
        let answer = office.desk.client.call("GET", &format!("/v1/inbox{query}"), &Value::Null).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
    }
    let other = office.desk.another().await;
    let foreign = other.client.call("GET", &format!("/v1/inbox?member={}", office.id("ann")), &Value::Null).await;
    assert_eq!(foreign.status, 404);
}

#[tokio::test]
async fn what_somebody_has_done_is_listed_with_how() {
    let office = Office::new(&["ann", "bob", "asker"]).await;
    let flow = office.flow(&[office.node("Owner", &json!("any"), &["ann"])]).await;
    let approval = office.submit(&flow, "asker").await;
    let mut watched = Watched::new(&office, &approval).await;
    for (who, path, body) in [
        ("ann", "transfer", json!({"to": {"member": office.id("bob")}})),
        ("bob", "decisions", json!({"decision": "reject"})),
    ] {
        office.desk.clock.advance(1_000);
        assert_eq!(office.act(&approval, who, path, body).await.status, 200);
        watched.tell(&office, &approval).await;
    }
    for (who, decision) in [("ann", "transferred"), ("bob", "rejected")] {
        let done = inbox(&office, who, "&status=done").await.json;
        let items = done["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{done}");
        let item = &items[0];
        assert_eq!((&item["decision"], &item["status"]), (&json!(decision), &json!("rejected")), "{item}");
        assert_eq!((&item["can"], item["decided_at"].is_string()), (&json!([]), true));
    }
}

#[tokio::test]
async fn it_costs_what_is_on_it_however_much_is_stored() {
    let office = Office::new(&["ann", "bob", "asker"]).await;
    let flow = office.flow(&[office.node("Owner", &json!("any"), &["ann"])]).await;
    let store = office.desk.app.store.clone();
    let read = async || {
        let before = store.meter().spent();
        assert_eq!(inbox(&office, "ann", "").await.json["items"].as_array().unwrap().len(), 1);
        let after = store.meter().spent();
        (after.reads - before.reads, after.read_units - before.read_units)
    };
    let open = office.submit(&flow, "asker").await;
    Watched::new(&office, &open).await;
    let few = read().await;
    for _ in 0..60 {
        let approval = office.submit(&flow, "asker").await;
        let mut watched = Watched::new(&office, &approval).await;
        office.decide(&approval, "ann", "approve").await;
        watched.tell(&office, &approval).await;
    }
    let many = read().await;
    println!("an inbox of one: {} reads, {} units; with 60 more that are done: {} units", few.0, few.1, many.1);
    assert_eq!(few, many);
    let approval = office.submit(&flow, "asker").await;
    let rows = |from: u64| store.meter().spent().writes - from;
    let before = store.meter().spent().writes;
    let mut watched = Watched::new(&office, &approval).await;
    let opened = rows(before);
    office.decide(&approval, "ann", "approve").await;
    let before = store.meter().spent().writes;
    watched.tell(&office, &approval).await;
    println!("rows written when a task opens: {opened}, when it is decided: {}", rows(before));
    // Beside the rows of the deliveries: one for the task that opens, one each for its end and for what its person has done.
    assert!(opened <= 1 + 2 * 2 && rows(before) <= 2 + 2 * 2 + 1, "{opened} {}", rows(before));
}

#[tokio::test]
async fn tasks_of_all_platforms_are_in_one_list_and_leave_it_when_they_are_decided() {
    let local = Local::start().await;
    let members = local.get("/v1/members").await.json;
    let has =
        |member: &Value, account: &str| member["accounts"].as_object().unwrap().values().any(|own| own == account);
    let person = members["items"].as_array().unwrap().iter().find(|member| has(member, SECOND)).unwrap()["id"].clone();
    let nodes = json!([{"name": "N", "mode": "any", "approvers": [{"member": person}]}]);
    let mut approvals = Vec::new();
    for kind in ["dingtalk", "feishu", "wecom", "builtin"] {
        let stage = match kind {
            "builtin" => json!({"nodes": nodes}),
            _ => json!({"connection": local.on(kind).connection().await, "nodes": nodes}),
        };
        let flow = local.make("/v1/flows", &json!({"name": kind, "stages": [stage]})).await;
        let body = json!({"title": kind, "flow": flow["id"], "applicant": {"mobile": "13800000001"}});
        approvals.push((kind, local.pending(&body).await));
    }
    let kinds = async |status: &str| -> Vec<String> {
        let path = format!("/v1/inbox?status={status}&member={}", person.as_str().unwrap());
        let answer = local.get(&path).await;
        let items = answer.json["items"].as_array().cloned().unwrap_or_default();
        let mut kinds: Vec<_> = items.iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect();
        kinds.sort_unstable();
        kinds
    };
    let all = ["builtin", "dingtalk", "feishu", "wecom"];
    eventually("all four", async || match kinds("open").await {
        found if found == all => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
    for (kind, approval) in &approvals {
        if *kind == "builtin" {
            let path = format!("/v1/approvals/{}/decisions", approval["id"].as_str().unwrap());
            let body = json!({"decision": "approve", "member": person});
            assert_eq!(local.call("POST", &path, &body).await.status, 200);
        } else {
            local.on(kind).act(instance(approval), "13800000003", "approve", &Value::Null).await;
        }
        local.wait_for(approval, "approved").await;
    }
    eventually("none, and all done", async || match (kinds("open").await, kinds("done").await) {
        (open, done) if open.is_empty() && done == all => Ok(()),
        found => Err(format!("{found:?}")),
    })
    .await;
}
