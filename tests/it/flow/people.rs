//! Whom a node leads to: roles, administrators in the place of those who are gone, and applicants who are approvers.

use countersign_tests::http::Answer;
use countersign_tests::local::{APPLICANT, Local, OWNER, SECOND, THIRD, id, instance, request, request_with};
use serde_json::{Value, json};

/// The sandbox's people as members, their ids by account; and the seeded flow.
struct Scene {
    local: Local,
    flow: String,
}

impl Scene {
    async fn new() -> Self {
        let local = Local::start().await;
        let flow = format!("/v1/flows/{}", local.flow().await);
        Self { local, flow }
    }

    async fn set(&self, settings: &Value) {
        let answer = self.local.call("PATCH", &self.flow, settings).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    async fn member(&self, account: &str) -> String {
        let (connection, listed) = (self.local.connection().await, self.local.get("/v1/members").await.json);
        let found = listed["items"].as_array().unwrap().iter().find(|item| item["accounts"][&connection] == account);
        id(found.unwrap()).to_owned()
    }

    async fn give(&self, account: &str, what: &Value) -> String {
        let member = self.member(account).await;
        let answer = self.local.call("PATCH", &format!("/v1/members/{member}"), what).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        member
    }

    /// A workspace with these administrators.
    async fn workspace(&self, accounts: &[&str]) -> String {
        let mut administrators = Vec::new();
        for account in accounts {
            administrators.push(self.member(account).await);
        }
        let made = self.local.make("/v1/workspaces", &json!({"name": "W", "administrators": administrators})).await;
        id(&made).to_owned()
    }

    /// A member who is gone.
    async fn gone(&self) -> String {
        let made = self.local.make("/v1/members", &json!({"name": "Gone"})).await;
        let path = format!("/v1/members/{}", id(&made));
        assert_eq!(self.local.call("DELETE", &path, &Value::Null).await.status, 204);
        id(&made).to_owned()
    }
}

/// The request with nodes of its own, and a workspace.
fn with(nodes: &[(&str, Value, Value)], workspace: Option<&str>) -> Value {
    let node =
        |(name, mode, approvers): &(&str, Value, Value)| json!({"name": name, "mode": mode, "approvers": approvers});
    let mut body = request();
    body["nodes"] = nodes.iter().map(node).collect();
    body["workspace"] = json!(workspace);
    body
}

fn one(approvers: &Value) -> [(&'static str, Value, Value); 1] {
    [("Team", json!("any"), approvers.clone())]
}

fn node(approval: &Value, index: usize) -> &Value {
    &approval["stages"][0]["nodes"][index]
}

/// Accounts of those who are asked at a node, sorted.
fn asked(node: &Value) -> Vec<&str> {
    let tasks = node["tasks"].as_array().unwrap();
    let mut accounts: Vec<&str> = tasks.iter().map(|task| task["assignee"]["account"].as_str().unwrap()).collect();
    accounts.sort_unstable();
    accounts
}

fn sorted(accounts: &[&'static str]) -> Vec<&'static str> {
    let mut accounts = accounts.to_vec();
    accounts.sort_unstable();
    accounts
}

#[track_caller]
fn refused(answer: &Answer, code: &str, pointers: &[&str]) {
    assert_eq!((answer.status, answer.code()), (422, code), "{}", answer.text);
    assert_eq!(answer.pointers(), pointers, "{}", answer.text);
}

#[tokio::test]
async fn a_role_is_everybody_who_has_it_in_the_workspace() {
    let scene = Scene::new().await;
    let (one_, two) = (scene.workspace(&[]).await, scene.workspace(&[]).await);
    scene.give(OWNER, &json!({"roles": ["dba"]})).await;
    let member = scene.give(SECOND, &json!({"roles": ["dba", "x"], "workspaces": [one_]})).await;
    scene.give(THIRD, &json!({"roles": ["dba"], "workspaces": [two]})).await;
    let role = json!([{"role": "dba"}]);
    let all = scene.local.pending(&with(&one(&role), None)).await;
    assert_eq!(asked(node(&all, 0)), sorted(&[OWNER, SECOND, THIRD]));
    let some = scene.local.pending(&with(&one(&role), Some(&one_))).await;
    assert_eq!(asked(node(&some, 0)), sorted(&[OWNER, SECOND]));
    let tasks = node(&some, 0)["tasks"].as_array().unwrap();
    let second = tasks.iter().find(|task| task["assignee"]["account"] == SECOND).unwrap();
    assert_eq!(second["assignee"]["member"], member.as_str(), "people of a role are known as members");
    assert_eq!(node(&some, 0).get("fallback"), None);
    scene.local.act(instance(&some), SECOND, "approve", &Value::Null).await;
    scene.local.wait_for(&some, "approved").await;

    // The same in a flow; a person is asked once however many ways lead to them.
    let connection = scene.local.connection().await;
    let nodes =
        json!([{"name": "N", "mode": "all", "approvers": [{"account": SECOND}, {"role": "dba"}, {"role": "x"}]}]);
    scene.set(&json!({"stages": [{"connection": connection, "nodes": nodes}]})).await;
    let mut body = request();
    body["workspace"] = json!(one_);
    assert_eq!(asked(node(&scene.local.pending(&body).await, 0)), sorted(&[OWNER, SECOND]));
    scene.give(SECOND, &json!({"roles": []})).await;
    scene.give(OWNER, &json!({"roles": []})).await;
    refused(&scene.local.submit(&body).await, "person_not_found", &["/flow", "/flow"]);
}

#[tokio::test]
async fn a_role_that_a_node_cannot_ask_is_refused() {
    let scene = Scene::new().await;
    scene.give(OWNER, &json!({"roles": ["dba"]})).await;
    scene.give(SECOND, &json!({"roles": ["dba"]})).await;
    let empty = scene.local.submit(&with(&one(&json!([{"account": OWNER}, {"role": "nobody"}])), None)).await;
    refused(&empty, "person_not_found", &["/nodes/0/approvers/1"]);
    assert!(empty.text.contains("`nobody`"), "{}", empty.text);
    // DingTalk asks several people at once or not at all, and how many a role is was not known before.
    let in_turn = [("Team", json!("sequential"), json!([{"role": "dba"}]))];
    refused(&scene.local.submit(&with(&in_turn, None)).await, "unsupported_mode", &["/nodes/0/mode"]);
    for n in 0..49 {
        scene.local.make("/v1/members", &json!({"name": format!("M{n}"), "roles": ["dba"]})).await;
    }
    let many = scene.local.submit(&with(&one(&json!([{"role": "dba"}])), None)).await;
    refused(&many, "too_many_approvers", &["/nodes/0/approvers/0"]);
    assert!(many.text.contains("51") && many.text.contains("50"), "{}", many.text);
    assert!(scene.local.instances().await.is_empty());
}

#[tokio::test]
async fn administrators_are_asked_where_nobody_is_left() {
    let scene = Scene::new().await;
    let (gone, workspace) = (scene.gone().await, scene.workspace(&[SECOND, THIRD]).await);
    let nodes = [
        ("Gone", json!("all"), json!([{"member": gone}, {"mobile": "13900000000"}])),
        ("Role", json!("any"), json!([{"role": "dba"}])),
        ("Partly", json!("all"), json!([{"account": OWNER}, {"member": gone}])),
        ("There", json!("any"), json!([{"account": OWNER}])),
    ];
    // Without the setting everybody who is missing is named.
    let pointers = ["/nodes/0/approvers/0", "/nodes/0/approvers/1", "/nodes/1/approvers/0", "/nodes/2/approvers/1"];
    refused(&scene.local.submit(&with(&nodes, Some(&workspace))).await, "person_not_found", &pointers);

    scene.set(&json!({"fallback": "workspace_administrators"})).await;
    let approval = scene.local.pending(&with(&nodes, Some(&workspace))).await;
    let administrators = sorted(&[SECOND, THIRD]);
    let member = format!("member {gone}");
    for (index, missing) in [(0, json!([member, "mobile 13900000000"])), (1, json!(["role dba"]))] {
        let node = node(&approval, index);
        assert_eq!((asked(node), &node["fallback"]), (administrators.clone(), &json!(true)), "{node}");
        assert_eq!(node["missing"], missing);
    }
    let partly = node(&approval, 2);
    assert_eq!((asked(partly), partly.get("fallback")), (vec![OWNER], None), "those who are there are asked");
    assert_eq!(partly["missing"], json!([member]));
    let there = node(&approval, 3);
    assert_eq!((asked(there), there.get("fallback"), there.get("missing")), (vec![OWNER], None, None));

    // It is the platform's too, and whoever is told of it sees why.
    for user in [SECOND, THIRD, SECOND, OWNER, OWNER] {
        scene.local.act(instance(&approval), user, "approve", &Value::Null).await;
    }
    let done = scene.local.wait_for(&approval, "approved").await;
    assert_eq!(node(&done, 0)["fallback"], true);
}

#[tokio::test]
async fn a_fallback_to_nobody_is_refused() {
    let scene = Scene::new().await;
    scene.set(&json!({"fallback": "workspace_administrators"})).await;
    let (gone, empty) = (scene.gone().await, scene.workspace(&[]).await);
    let nodes = one(&json!([{"member": gone}]));
    let answer = scene.local.submit(&with(&nodes, None)).await;
    refused(&answer, "person_not_found", &["/nodes/0/approvers"]);
    assert!(answer.text.contains(&gone) && answer.text.contains("names no workspace"), "{}", answer.text);
    let answer = scene.local.submit(&with(&nodes, Some(&empty))).await;
    refused(&answer, "person_not_found", &["/nodes/0/approvers"]);
    assert!(answer.text.contains("no administrators"), "{}", answer.text);
    // What can never be looked up is no missing person: DingTalk finds nobody by e-mail address.
    let answer = scene.local.submit(&with(&one(&json!([{"email": "a@b.example"}])), Some(&empty))).await;
    refused(&answer, "person_not_found", &["/nodes/0/approvers/0"]);
    let mut flow = request();
    flow["workspace"] = json!(empty);
    let connection = scene.local.connection().await;
    let by_role = json!([{"name": "Owner", "mode": "any", "approvers": [{"role": "dba"}]}]);
    scene.set(&json!({"stages": [{"connection": connection, "nodes": by_role}]})).await;
    let answer = scene.local.submit(&flow).await;
    refused(&answer, "person_not_found", &["/flow"]);
    assert!(answer.text.contains("\\\"Owner\\\"") && answer.text.contains("stage 1"), "{}", answer.text);
    assert!(scene.local.instances().await.is_empty());
}

#[tokio::test]
async fn an_applicant_who_is_an_approver_is_left_out() {
    let scene = Scene::new().await;
    let nodes: &[(&str, &str, &[&str])] =
        &[("Both", "all", &[APPLICANT, OWNER]), ("Own", "any", &[APPLICANT]), ("Other", "any", &[SECOND])];
    let body = request_with(nodes);
    scene.set(&json!({"own_approver": "allow"})).await;
    let allowed = scene.local.pending(&body).await;
    assert_eq!(asked(node(&allowed, 0)), sorted(&[APPLICANT, OWNER]), "they are asked as anybody else");
    assert_eq!((node(&allowed, 0).get("without_applicant"), allowed["stages"][0].get("left_out")), (None, None));

    scene.set(&json!({"own_approver": "skip"})).await;
    let approval = scene.local.pending(&body).await;
    assert_eq!(approval["stages"][0]["nodes"].as_array().unwrap().len(), 2, "{approval}");
    assert_eq!((asked(node(&approval, 0)), &node(&approval, 0)["without_applicant"]), (vec![OWNER], &json!(true)));
    assert_eq!((asked(node(&approval, 1)), node(&approval, 1).get("without_applicant")), (vec![SECOND], None));
    assert_eq!(approval["stages"][0]["left_out"], json!(["Own"]));
    scene.local.act(instance(&approval), OWNER, "approve", &Value::Null).await;
    scene.local.act(instance(&approval), SECOND, "approve", &Value::Null).await;
    scene.local.wait_for(&approval, "approved").await;

    // As a member, by mobile number, by role: it is the same person.
    let applicant = scene.give(APPLICANT, &json!({"roles": ["dba"]})).await;
    for approver in [json!({"member": applicant}), json!({"mobile": "13800000002"}), json!({"role": "dba"})] {
        for who in [json!({"member": applicant}), json!({"account": APPLICANT}), json!({"mobile": "13800000002"})] {
            let mut body = with(&one(&json!([approver, {"account": OWNER}])), None);
            body["applicant"] = who.clone();
            let approval = scene.local.pending(&body).await;
            assert_eq!(asked(node(&approval, 0)), [OWNER], "{approver} for {who}");
        }
    }

    refused(&scene.local.submit(&request_with(&[("Own", "any", &[APPLICANT])])).await, "own_approval", &["/nodes"]);
    let connection = scene.local.connection().await;
    let own = json!([{"name": "Own", "mode": "any", "approvers": [{"account": APPLICANT}]}]);
    scene.set(&json!({"stages": [{"connection": connection, "nodes": own}]})).await;
    refused(&scene.local.submit(&request()).await, "own_approval", &["/flow"]);
}

#[tokio::test]
async fn a_default_applicant_is_not_the_applicant() {
    let scene = Scene::new().await;
    let connection = format!("/v1/connections/{}", scene.local.connection().await);
    assert_eq!(scene.local.call("PATCH", &connection, &json!({"default_applicant": OWNER})).await.status, 200);
    scene.set(&json!({"own_approver": "refuse"})).await;
    let mut body = request_with(&[("Team", "any", &[OWNER])]);
    body["applicant"] = json!({"name": "Somebody whom the platform does not know"});
    let approval = scene.local.pending(&body).await;
    assert_eq!(asked(node(&approval, 0)), [OWNER]);
}

#[tokio::test]
async fn administrators_are_asked_where_only_the_applicant_was_named() {
    let scene = Scene::new().await;
    scene.set(&json!({"own_approver": "skip", "fallback": "workspace_administrators"})).await;
    let (both, alone) = (scene.workspace(&[APPLICANT, THIRD]).await, scene.workspace(&[APPLICANT]).await);
    let (own, gone) = (one(&json!([{"account": APPLICANT}])), one(&json!([{"member": scene.gone().await}])));
    for nodes in [&own, &gone] {
        let approval = scene.local.pending(&with(nodes, Some(&both))).await;
        let node = node(&approval, 0);
        assert_eq!(
            (asked(node), &node["fallback"], &node["without_applicant"]),
            (vec![THIRD], &json!(true), &json!(true))
        );
        let refusal = scene.local.submit(&with(nodes, Some(&alone))).await;
        refused(&refusal, "own_approval", &["/nodes/0/approvers"]);
    }
}

#[tokio::test]
async fn a_flow_may_refuse_applicants_who_are_approvers() {
    let scene = Scene::new().await;
    scene.set(&json!({"own_approver": "refuse", "fallback": "workspace_administrators"})).await;
    let nodes: &[(&str, &str, &[&str])] = &[("Other", "any", &[SECOND]), ("Both", "any", &[OWNER, APPLICANT])];
    let answer = scene.local.submit(&request_with(nodes)).await;
    refused(&answer, "own_approval", &["/nodes/1/approvers"]);
    let workspace = scene.workspace(&[APPLICANT, THIRD]).await;
    let gone = one(&json!([{"member": scene.gone().await}]));
    refused(&scene.local.submit(&with(&gone, Some(&workspace))).await, "own_approval", &["/nodes/0/approvers"]);
    let connection = scene.local.connection().await;
    let own = json!([{"name": "Owner", "mode": "any", "approvers": [{"account": APPLICANT}, {"account": OWNER}]}]);
    scene.set(&json!({"stages": [{"connection": connection, "nodes": own}]})).await;
    let answer = scene.local.submit(&request()).await;
    refused(&answer, "own_approval", &["/flow"]);
    assert!(answer.text.contains("\\\"Owner\\\""), "the node is named: {}", answer.text);
    let mut other = request();
    other["applicant"] = json!({"account": SECOND});
    scene.local.pending(&other).await;
    assert_eq!(scene.local.instances().await.len(), 1);
}

#[tokio::test]
async fn a_flow_says_how_much_a_request_may_bring() {
    let scene = Scene::new().await;
    let node: (&str, &str, &[&str]) = ("Team", "any", &[OWNER]);
    let brought = |count: usize| request_with(&vec![node; count]);
    let too_many = |answer: &Answer, said: [&str; 2]| {
        assert_eq!((answer.status, answer.code()), (400, "invalid_request"), "{}", answer.text);
        assert!(said.iter().all(|said| answer.text.contains(said)), "{}", answer.text);
    };
    scene.local.pending(&brought(5)).await;
    too_many(&scene.local.submit(&brought(6)).await, ["1 to 5", "most_nodes"]);
    let named: Vec<Value> = (0..6).map(|n| json!({"account": format!("u{n}")})).collect();
    let answer = scene.local.submit(&with(&one(&json!(named)), None)).await;
    too_many(&answer, ["at most 5", "most_approvers"]);
    assert_eq!(answer.pointers(), ["/nodes/0/approvers"]);

    scene.set(&json!({"most_nodes": 20, "most_approvers": 2})).await;
    let approval = scene.local.pending(&brought(20)).await;
    assert_eq!(approval["stages"][0]["nodes"].as_array().unwrap().len(), 20);
    too_many(&scene.local.submit(&brought(21)).await, ["1 to 20", "/nodes"]);
    too_many(&scene.local.submit(&with(&one(&json!(named[..3])), None)).await, ["at most 2", "most_approvers"]);
    // A flow's own nodes are not the request's.
    let connection = scene.local.connection().await;
    let own = json!([{"name": "N", "mode": "any", "approvers": [{"account": OWNER}, {"account": SECOND}, {"account": THIRD}]}]);
    scene.set(&json!({"stages": [{"connection": connection, "nodes": own}], "most_nodes": 1})).await;
    scene.local.pending(&request()).await;
}

#[tokio::test]
async fn an_account_of_wecom_is_the_same_in_any_case() {
    let local = Local::start().await;
    let api = local.on("wecom");
    // The sandbox, as WeCom, tells of accounts as the administrator once wrote them: ZhangWei, LiNa.
    let member = json!({"accounts": {api.connection().await: "zhangwei"}});
    let listed = api.get("/v1/members").await.json;
    let zhang =
        listed["items"].as_array().unwrap().iter().find(|item| item["mobile"].to_string().contains("13800000001"));
    let zhang = id(zhang.unwrap()).to_owned();
    let answer = api.call("PATCH", &format!("/v1/members/{zhang}"), &member).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mut body = request_with(&[("First", "all", &["ZHANGWEI", "lina"]), ("Second", "any", &["zhangwei"])]);
    body["applicant"] = json!({"account": "LINA"});
    body["flow"] = json!(api.flow().await);
    let path = format!("/v1/flows/{}", api.flow().await);
    assert_eq!(api.call("PATCH", &path, &json!({"own_approver": "allow"})).await.status, 200);
    let approval = api.settled(&body).await;
    for user in ["ZhangWei", "LiNa", "ZhangWei"] {
        api.act(instance(&approval), user, "approve", &Value::Null).await;
    }
    let done = api.wait_for(&approval, "approved").await;
    assert_eq!(asked(node(&done, 0)), ["ZHANGWEI", "lina"], "{done}");
    assert_eq!(asked(node(&done, 1)), ["zhangwei"], "{done}");

    let path = format!("/v1/connections/{}/members/sync", api.connection().await);
    let synced = api.call("POST", &path, &Value::Null).await.json;
    assert_eq!((&synced["created"], &synced["bound"], &synced["unchanged"]), (&json!(0), &json!(0), &json!(5)));
}

#[tokio::test]
async fn whoever_asks_does_not_choose_themselves() {
    let scene = Scene::new().await;
    let both = scene.local.pending(&request_with(&[("Both", "any", &[OWNER, APPLICANT])])).await;
    assert_eq!((asked(node(&both, 0)), &node(&both, 0)["without_applicant"]), (vec![OWNER], &json!(true)));
    let alone = scene.local.submit(&request_with(&[("Own", "any", &[APPLICANT])])).await;
    refused(&alone, "own_approval", &["/nodes"]);
    // Unless the flow says so; and at nodes of its own they are asked as anybody else.
    scene.set(&json!({"own_approver": "allow"})).await;
    let allowed = scene.local.pending(&request_with(&[("Own", "any", &[APPLICANT])])).await;
    assert_eq!(asked(node(&allowed, 0)), [APPLICANT]);
    let mut body = request();
    body["applicant"] = json!({"account": OWNER});
    scene.set(&json!({"own_approver": null})).await;
    assert_eq!(asked(node(&scene.local.pending(&body).await, 0)), [OWNER]);
}

/// The name of the member who is shown as a person, where it is one of the organisation's.
fn member_of(members: &Value, person: &Value) -> Option<String> {
    let found = members["items"].as_array().unwrap().iter().find(|item| item["id"] == person["member"])?;
    assert_eq!(person["name"], found["name"], "{person}");
    found["name"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_a_member_is_shown_as_that_member_everywhere() {
    const LI: &str = "+86 138-0000-0002";
    let local = Local::start().await;
    let members = local.get("/v1/members").await.json;
    let li = members["items"].as_array().unwrap().iter().find(|item| item["name"] == "李娜").unwrap()["id"].clone();
    for kind in ["dingtalk", "feishu", "wecom"] {
        let api = local.on(kind);
        let (flow, connection) = (api.flow().await, api.connection().await);
        let account = |name: &str| {
            let found = members["items"].as_array().unwrap().iter().find(|item| item["name"] == name).unwrap();
            found["accounts"][&connection].as_str().unwrap().to_owned()
        };
        // Named by account and by number; whoever the task is handed to is learned from the platform.
        let mut body = json!({"title": "Read access", "applicant": {"mobile": LI}, "flow": flow});
        body["nodes"] = json!([{"name": "All", "mode": "all",
            "approvers": [{"account": account("张伟")}, {"mobile": "13800000004"}]}]);
        let approval = api.settled(&body).await;
        let shown = |approval: &Value| -> Vec<Option<String>> {
            let tasks = approval["stages"][0]["nodes"][0]["tasks"].as_array().unwrap();
            tasks.iter().map(|task| member_of(&members, &task["assignee"])).collect()
        };
        assert_eq!(shown(&approval), [Some("张伟".to_owned()), Some("陈思远".to_owned())], "{kind}: {approval}");
        assert_eq!(member_of(&members, &approval["applicant"]).as_deref(), Some("李娜"), "{kind}");
        api.act(instance(&approval), "13800000004", "transfer", &json!({"to": "13800000003"})).await;
        api.act(instance(&approval), "13800000001", "approve", &json!({})).await;
        api.act(instance(&approval), "13800000003", "approve", &json!({})).await;
        // The task of whom it was handed to may become known a moment after the end.
        let everybody = |now: &Value| {
            let mut people: Vec<_> = shown(now).into_iter().flatten().collect();
            people.sort_unstable();
            now["status"] == "approved" && people == ["张伟", "王芳", "陈思远"]
        };
        let done = api.wait_until(&approval, "everybody shown as a member", everybody).await;
        for entry in done["history"].as_array().unwrap() {
            if !entry["actor"].is_null() {
                assert!(member_of(&members, &entry["actor"]).is_some(), "{kind}: {entry}");
            }
        }
        let deliveries = countersign_tests::local::eventually("the last delivery", async || {
            let arrived = api.deliveries(&approval).await;
            let done = arrived.iter().any(|delivery| delivery["type"] == "approval.approved");
            if done { Ok(arrived) } else { Err(format!("{}", arrived.len())) }
        })
        .await;
        let last = &deliveries.iter().find(|delivery| delivery["type"] == "approval.approved").unwrap()["body"]["data"];
        let told: Vec<_> = shown(last).into_iter().flatten().collect();
        assert!(told.contains(&"王芳".to_owned()), "{kind}: {last}");

        // In lists too, and they are found by whatever leads to them.
        for named in
            [li.as_str().unwrap(), "13800000002", "%2B8613800000002", "li.na@yunshan.example", &account("李娜")]
        {
            let listed = api.get(&format!("/v1/approvals?applicant={named}")).await.json;
            let found = listed["items"].as_array().unwrap().iter().find(|item| item["id"] == approval["id"]);
            let found = found.unwrap_or_else(|| panic!("{kind}, {named}: {listed}"));
            assert!(shown(found).contains(&Some("王芳".to_owned())), "{kind}: {found}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_becomes_a_member_later_is_shown_as_one_then() {
    let local = Local::start().await;
    let (member, connection) = {
        let members = local.get("/v1/members").await.json;
        let found = members["items"].as_array().unwrap().iter().find(|item| item["name"] == "陈思远").unwrap().clone();
        (found, local.connection().await)
    };
    let path = format!("/v1/members/{}", id(&member));
    assert_eq!(local.call("DELETE", &path, &Value::Null).await.status, 204);
    let approval = local.pending(&request_with(&[("Team", "any", &[THIRD])])).await;
    let shown = |approval: &Value| node(approval, 0)["tasks"][0]["assignee"].clone();
    assert_eq!(shown(&approval), json!({"member": null, "account": THIRD, "name": null}));
    let made = local.make("/v1/members", &json!({"name": "Wang", "accounts": {connection: THIRD}})).await;
    let now = local.approval(&approval).await;
    assert_eq!(shown(&now), json!({"member": id(&made), "account": THIRD, "name": "Wang"}));
}
