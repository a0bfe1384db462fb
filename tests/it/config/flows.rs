//! Flows: what cannot run is refused when it is saved.

use serde_json::{Value, json};

use super::{dingtalk, external, make, setup};

fn flow(connection: &str, nodes: &Value) -> Value {
    json!({"name": "F", "stages": [{"connection": connection, "nodes": nodes}]})
}

fn node(mode: &Value, approvers: &Value) -> Value {
    json!({"name": "N", "mode": mode, "approvers": approvers})
}

#[tokio::test]
async fn a_flow_reads_back_as_it_was_written() {
    let (owner, _) = setup().await;
    let (ding, oa) = (
        make(&owner, "/v1/connections", &dingtalk()).await,
        make(&owner, "/v1/connections", &external("access-9")).await,
    );
    let member = make(&owner, "/v1/members", &json!({"name": "M"})).await;
    let written = json!({
        "name": "Access",
        "stages": [
            {"connection": ding, "template": "PROC-1", "nodes": [
                {"name": "Owner", "mode": "any", "approvers": [{"member": member}, {"account": "u2"}]},
                {"name": "Security", "mode": "all", "approvers": [{"mobile": "13800000000"}, {"email": "a@b.example"}]},
                {"name": "Workspace", "mode": "any", "approvers": [{"workspace_administrators": true}]},
            ]},
            {"connection": oa, "template": null, "nodes": []},
        ],
        "deadline_hours": 72, "on_deadline": "reject", "nodes_from_request": true,
        "most_nodes": 20, "most_approvers": 50, "fallback": "workspace_administrators", "own_approver": "skip",
    });
    let made = owner.call("POST", "/v1/flows", &written).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/v1/flows/{}", made.json["id"].as_str().unwrap());
    let read = owner.call("GET", &path, &Value::Null).await;
    let limits = ["most_nodes", "most_approvers", "fallback", "own_approver"];
    for name in ["name", "stages", "deadline_hours", "on_deadline", "nodes_from_request"].iter().chain(&limits) {
        assert_eq!(read.json[name], written[name], "{name}");
    }
    let cleared: serde_json::Map<_, _> = limits.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    let cleared = owner.call("PATCH", &path, &Value::Object(cleared)).await;
    assert_eq!(limits.map(|name| cleared.json[name].clone()), [json!(5), json!(5), Value::Null, Value::Null]);
    let changed = owner.call("PATCH", &path, &json!({"deadline_hours": null, "name": "B"})).await;
    assert_eq!((changed.status, &changed.json["deadline_hours"]), (200, &Value::Null));
    assert_eq!(changed.json["stages"], written["stages"]);
    let broken = owner.call("PATCH", &path, &json!({"stages": []})).await;
    assert_eq!((broken.status, broken.pointers()), (400, vec!["/stages"]));
    let minimal = flow(&ding, &json!([node(&json!("any"), &json!([{"account": "u"}]))]));
    let made = owner.call("POST", "/v1/flows", &minimal).await;
    assert_eq!((&made.json["on_deadline"], &made.json["deadline_hours"]), (&json!("expire"), &Value::Null));
}

#[tokio::test]
async fn what_is_wrong_is_pointed_at() {
    let (owner, _) = setup().await;
    let ding = make(&owner, "/v1/connections", &dingtalk()).await;
    let good = node(&json!("any"), &json!([{"account": "u"}]));
    let at = |end: &str| format!("/stages/0/nodes{end}");
    let name_twice = json!([{"account": "u"}, {"account": "u"}]);
    for (nodes, pointer) in [
        (json!([]), at("")),
        (json!(vec![&good; 21]), at("")),
        (json!([node(&json!("any"), &json!([{"role": " "}]))]), at("/0/approvers/0")),
        (json!([{"name": "", "mode": "any", "approvers": [{"account": "u"}]}]), at("/0/name")),
        (json!([{"name": "x".repeat(129), "mode": "any", "approvers": [{"account": "u"}]}]), at("/0/name")),
        (json!([node(&json!("any"), &json!([]))]), at("/0/approvers")),
        (json!([node(&json!("any"), &json!([{"account": ""}]))]), at("/0/approvers/0")),
        (json!([node(&json!("any"), &name_twice)]), at("/0/approvers/1")),
        (json!([&good, node(&json!("any"), &json!([{"member": "mem_none"}]))]), at("/1/approvers/0/member")),
        (json!([node(&json!("some"), &json!([{"account": "u"}]))]), at("/0/mode")),
        (json!([node(&json!("any"), &json!([{}]))]), at("/0/approvers/0")),
        (json!([node(&json!("any"), &json!([{"account": "u", "role": "x"}]))]), at("/0/approvers/0")),
        (json!([node(&json!({"at_least": 0}), &json!([{"account": "u"}]))]), at("/0/mode")),
        (json!([node(&json!({"at_least": 2}), &json!([{"account": "u"}]))]), at("/0/mode")),
    ] {
        let answer = owner.call("POST", "/v1/flows", &flow(&ding, &nodes)).await;
        assert_eq!(answer.status, 400, "{nodes}: {}", answer.text);
        assert_eq!(answer.pointers(), [pointer.as_str()], "{nodes}: {}", answer.text);
    }
    let answer = owner.call("POST", "/v1/flows", &flow("con_none", &json!([good]))).await;
    assert_eq!((answer.status, answer.pointers()), (400, vec!["/stages/0/connection"]));
    for (deadline, status) in [(0, 400), (1, 201), (8760, 201), (8761, 400), (70_000, 400)] {
        let mut body = flow(&ding, &json!([good]));
        body["deadline_hours"] = json!(deadline);
        let answer = owner.call("POST", "/v1/flows", &body).await;
        assert_eq!(answer.status, status, "{deadline}: {}", answer.text);
    }
    for (name, value) in [
        ("most_nodes", json!(0)),
        ("most_nodes", json!(21)),
        ("most_approvers", json!(0)),
        ("most_approvers", json!(51)),
        ("most_nodes", json!(-1)),
        ("fallback", json!("everybody")),
        ("own_approver", json!("maybe")),
    ] {
        let mut body = flow(&ding, &json!([good]));
        body[name] = value;
        let answer = owner.call("POST", "/v1/flows", &body).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec![format!("/{name}").as_str()]), "{}", answer.text);
    }
    let mut many = flow(&ding, &json!([good]));
    many["stages"] = json!(vec![many["stages"][0].clone(); 6]);
    assert_eq!(owner.call("POST", "/v1/flows", &many).await.pointers(), ["/stages"]);
    assert_eq!(owner.call("POST", "/v1/flows", &json!({"name": "F", "stages": []})).await.pointers(), ["/stages"]);
}

#[tokio::test]
async fn what_a_platform_lacks_is_refused_when_it_is_saved() {
    let (owner, _) = setup().await;
    let ding = make(&owner, "/v1/connections", &dingtalk()).await;
    let two = json!([{"account": "u1"}, {"account": "u2"}]);
    let nodes = json!([node(&json!("any"), &two), node(&json!({"at_least": 2}), &two)]);
    let answer = owner.call("POST", "/v1/flows", &flow(&ding, &nodes)).await;
    assert_eq!((answer.status, answer.code()), (422, "unsupported_mode"), "{}", answer.text);
    assert_eq!(answer.pointers(), ["/stages/0/nodes/1/mode"]);
    let nodes = json!([node(&json!("any"), &json!([{"role": "dba"}, {"supervisor": 21}]))]);
    let answer = owner.call("POST", "/v1/flows", &flow(&ding, &nodes)).await;
    assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{}", answer.text);
    assert_eq!(answer.pointers(), ["/stages/0/nodes/0/approvers/1"]);
    assert!(answer.text.contains("`supervisor`"), "{}", answer.text);
    let listed = owner.call("GET", "/v1/flows", &Value::Null).await;
    assert_eq!(listed.json["items"], json!([]));
}

#[tokio::test]
async fn an_external_oa_runs_one_stage_of_a_flow() {
    let (owner, _) = setup().await;
    let oa = make(&owner, "/v1/connections", &external("access-1")).await;
    let other = make(&owner, "/v1/connections", &external("access-2")).await;
    let stages = |ids: &[&String]| {
        let stages: Vec<Value> = ids.iter().map(|id| json!({"connection": id, "nodes": []})).collect();
        json!({"name": "F", "stages": stages})
    };
    let answer = owner.call("POST", "/v1/flows", &stages(&[&oa, &other, &oa])).await;
    assert_eq!((answer.status, answer.pointers()), (400, vec!["/stages/2/connection"]), "{}", answer.text);
    assert_eq!(owner.call("POST", "/v1/flows", &stages(&[&oa, &other])).await.status, 201);
}
