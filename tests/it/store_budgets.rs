//! What the steps of an approval cost, as DynamoDB itself counts it. The figures are printed: `--nocapture` shows them.
//!
//! On the embedded table the figures are its own; on DynamoDB Local (`TEST_DYNAMODB_ENDPOINT`) they are AWS's.

use countersign::approval::Mode;
use countersign::engine::App;
use countersign::store::{Spent, Store};
use countersign_tests::desk::{Desk, NOW, instance_event, make, task_event};
use countersign_tests::local::{Local, OWNER, SECOND, THIRD};
use serde_json::{Value, json};

/// A typical plan: two nodes, three people.
const TWO: &[(&str, Mode, &[&str])] = &[
    ("Owner of the data", Mode::Any, &["manager4220", "266752374326324"]),
    ("Security", Mode::Any, &["024219523526217765"]),
];

/// What was spent while something was done.
async fn cost<T>(what: &str, store: &Store, work: impl Future<Output = T>) -> (Spent, T) {
    let before = store.meter().spent();
    let done = work.await;
    let after = store.meter().spent();
    let spent = Spent {
        reads: after.reads - before.reads,
        writes: after.writes - before.writes,
        read_units: after.read_units - before.read_units,
        write_units: after.write_units - before.write_units,
    };
    let Spent { reads, writes, read_units, write_units } = spent;
    println!("{what}: {reads} reads ({read_units} units), {writes} writes ({write_units} units)");
    (spent, done)
}

/// The size of an item, roughly as DynamoDB counts it.
async fn size(app: &App, sk: &str, id: &str) -> usize {
    let key = countersign::store::Key { pk: format!("APR#{id}"), sk: sk.to_owned() };
    let item = app.store.get_item(&key, countersign::store::Consistency::Strong).await.unwrap().unwrap();
    item.iter().map(|(name, value)| name.len() + format!("{value:?}").len()).sum()
}

#[tokio::test]
async fn callbacks_cost_two_reads_and_one_write_at_most_and_one_read_once_the_instance_is_known() {
    let desk = Desk::new().await;
    let record = desk.running("Xy3_testInstance-0001-abcdefghijklmn", TWO).await;
    let instance = "Xy3_testInstance-0001-abcdefghijklmn";
    // The process knows the connection.
    desk.push(&json!({"EventType": "check_url"})).await;
    let store = desk.app.store.clone();
    let start = task_event(instance, 80_000_000_001, "manager4220", "start", None);
    let rest = [
        ("the start of a task", start.clone(), 1),
        ("a task's decision", task_event(instance, 80_000_000_001, "manager4220", "finish", Some("agree")), 1),
        ("the loser's event", task_event(instance, 80_000_000_002, "266752374326324", "cancel", None), 1),
        (
            "the next node's task, which passes the first",
            task_event(instance, 80_000_000_003, "024219523526217765", "start", None),
            1,
        ),
        ("the last decision", task_event(instance, 80_000_000_003, "024219523526217765", "finish", Some("agree")), 1),
        ("a repeat", start, 0),
        ("the end", instance_event(instance, "finish", Some("agree")), 1),
        ("a repeated end", instance_event(instance, "finish", Some("agree")), 0),
    ];
    for (index, (what, event, writes)) in rest.into_iter().enumerate() {
        desk.clock.advance(100);
        let (spent, answer) = cost(what, &store, desk.push(&event)).await;
        assert_eq!(answer.status, 200);
        // Where the instance belongs is read once.
        let reads = if index == 0 { 2 } else { 1 };
        assert!(spent.reads == reads && spent.writes == writes, "{what}: {spent:?}");
        assert!(spent.write_units <= 3.0, "{what}: {spent:?}");
    }
    println!("the state item now: about {} bytes in our text form", size(&desk.app, "STATE", record.id.as_str()).await);
    assert_eq!(desk.shown(&record.id).await["status"], "approved");
}

#[tokio::test]
async fn callbacks_that_change_nothing_write_nothing() {
    let desk = Desk::new().await;
    desk.push(&json!({"EventType": "check_url"})).await;
    let store = desk.app.store.clone();
    let mut foreign = instance_event("inst-9", "finish", Some("agree"));
    foreign["processCode"] = json!("PROC-OTHER");
    for (what, event) in
        [("a check of the URL", json!({"EventType": "check_url"})), ("an instance that is not ours", foreign)]
    {
        let (spent, answer) = cost(what, &store, desk.push(&event)).await;
        assert_eq!(answer.status, 200);
        assert!(spent.reads <= 2 && spent.writes == 0, "{what}: {spent:?}");
    }
    let (spent, answer) =
        cost("a wrong signature", &store, desk.post("0", "1", "n", r#"{"encrypt":"AAAA"}"#.to_owned())).await;
    assert_eq!(answer.status, 401);
    assert!(spent.reads <= 1 && spent.writes == 0, "{spent:?}");
}

/// A desk whose DingTalk is the sandbox of a local program. Its own table is counted alone.
async fn on_sandbox(local: &Local) -> (Desk, String) {
    let desk = Desk::new().await;
    let app = local.get("/sandbox/dingtalk/_/app").await.json;
    let connection =
        json!({"kind": "dingtalk", "name": "Sandbox", "settings": app["settings"], "secrets": app["secrets"]});
    let connection = make(&desk.client, "/v1/connections", &connection).await;
    let made = desk.client.call("POST", &format!("/v1/connections/{connection}/template"), &json!({})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let node = |name: &str, accounts: &[&str]| {
        let approvers: Vec<Value> = accounts.iter().map(|account| json!({"account": account})).collect();
        json!({"name": name, "mode": "any", "approvers": approvers})
    };
    let nodes = [node("Owner of the data", &[OWNER, SECOND]), node("Security", &[THIRD])];
    let flow = json!({"name": "Two nodes", "stages": [{"connection": connection, "nodes": nodes}],
        "deadline_hours": 72, "on_deadline": "escalate"});
    (desk.client.call("POST", "/v1/flows", &flow).await.json["id"].as_str().map(str::to_owned))
        .map(|flow| (desk, flow))
        .unwrap()
}

#[tokio::test]
async fn a_submit_costs_eight_write_units_at_most() {
    let local = Local::start().await;
    let (desk, flow) = on_sandbox(&local).await;
    // A request of about 1 KB.
    let fields = json!({"table": "orders", "columns": "id, customer, amount, created_at, updated_at, region, channel",
        "sensitivity": 3, "purpose": "x".repeat(560)});
    let body = json!({"title": "Read access to orders", "reason": "The monthly report of the finance team needs them.",
        "applicant": {"account": "0123456789", "name": "李娜", "mobile": "13800000002"}, "flow": flow, "fields": fields,
        "resource": {"name": "dwd_orders", "url": "https://dataphin.example/tables/dwd_orders"},
        "starts_at": "2026-09-22T00:00:00Z", "ends_at": "2026-10-22T00:00:00Z"});
    println!("the request: {} bytes", body.to_string().len());
    assert!((1_000..1_100).contains(&body.to_string().len()), "{}", body.to_string().len());
    let warm = desk.client.call("POST", "/v1/approvals", &body).await;
    assert_eq!(warm.status, 201, "{}", warm.text);
    let headers = [("content-type", "application/json"), ("idempotency-key", "a-key-of-usual-length-0123456789")];
    let submit = || desk.client.send("POST", "/v1/approvals", &headers, body.to_string());
    let (spent, answer) = cost("submit to pending", &desk.app.store, submit()).await;
    assert_eq!((answer.status, &answer.json["status"]), (201, &json!("pending")), "{}", answer.text);
    let id = answer.json["id"].as_str().unwrap();
    for sk in ["STATE", "REQUEST"] {
        println!("{sk}: about {} bytes in our text form", size(&desk.app, sk, id).await);
    }
    assert!(spent.write_units <= 8.0, "{spent:?}");
    let (spent, answer) = cost("a repeated submit", &desk.app.store, submit()).await;
    assert_eq!(answer.status, 200);
    assert!(spent.writes == 0, "{spent:?}");
}

#[tokio::test]
async fn lists_and_the_sweep_cost_the_same_however_much_is_stored() {
    let desk = Desk::new().await;
    let store = desk.app.store.clone();
    let mut costs = Vec::new();
    let mut stored = 0;
    for total in [10, 210] {
        while stored < total {
            desk.clock.advance(1);
            let mut record = desk.record(TWO);
            record.due_at = Some(NOW + 90_000_000);
            store.create_approval(&mut record).await.unwrap();
            stored += 1;
        }
        let page = || desk.client.call("GET", "/v1/approvals?limit=5", &Value::Null);
        let (list, answer) = cost(&format!("a page of 5 of {total}"), &store, page()).await;
        assert_eq!(answer.json["items"].as_array().unwrap().len(), 5);
        let own =
            || desk.client.call("GET", "/v1/approvals?limit=5&applicant=mem_01k5n1m6z1a2b3c4d5e6f7g8h9", &Value::Null);
        let (applicant, answer) = cost(&format!("a page of 5 of an applicant's {total}"), &store, own()).await;
        assert_eq!(answer.json["items"].as_array().unwrap().len(), 5);
        let sweep = countersign::engine::sweep::sweep(&desk.app);
        let (sweep, done) = cost(&format!("a sweep with nothing due of {total}"), &store, sweep).await;
        assert_eq!(done.unwrap(), 0);
        costs.push([list, applicant, sweep]);
    }
    assert_eq!(costs[0], costs[1]);
}
