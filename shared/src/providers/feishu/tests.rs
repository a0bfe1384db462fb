//! The provider against a small server on the loopback that answers as Feishu is documented to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::Feishu;
use crate::approval::{Event, Mode, Outcome, TaskOutcome};
use crate::providers::directory::{Directory, Read, Step};
use crate::providers::outbound::{AddressPolicy, Outbound};
use crate::providers::testing::{FakePlatform, Manners, NOW, was_not_sent};
use crate::providers::{Account, Check, Error, Provider, Start, Started, TEMPLATE_MISSING, by_kind, testing};

const TOKEN: &str = "POST /open-apis/auth/v3/tenant_access_token/internal";
const START: &str = "POST /open-apis/approval/v4/instances";
const READ: &str = "GET /open-apis/approval/v4/instances/INS-1";
const FIND: &str = "GET /open-apis/approval/v4/instances/apr_01test";
const CANCEL: &str = "POST /open-apis/approval/v4/instances/cancel";
const CREATE: &str = "POST /open-apis/approval/v4/approvals";
const OURS: &str = "GET /open-apis/approval/v4/approvals/DEF-OURS";
const SUBSCRIBE_OURS: &str = "POST /open-apis/approval/v4/approvals/DEF-OURS/subscribe";
const THEIRS: &str = "GET /open-apis/approval/v4/approvals/DEF-THEIRS";
const SUBSCRIBE_THEIRS: &str = "POST /open-apis/approval/v4/approvals/DEF-THEIRS/subscribe";
const LOOKUP: &str = "POST /open-apis/contact/v3/users/batch_get_id";
const NOTHING: &str = "00000000-0000-0000-0000-000000000000";

/// A connection of a custom app.
pub(super) fn account(endpoint: &str) -> Account {
    let mut settings = Map::new();
    settings.insert("endpoint".into(), endpoint.into());
    settings.insert("app_id".into(), "cli_a1b2c3d4e5f6a00d".into());
    let secrets = [
        ("app_secret", "the-app-secret"),
        ("verification_token", "v3rT0kEnAbCdEfGhIjKlMnOpQrStUv01"),
        ("encrypt_key", "hJ7c2QpXv9LmT4sWz8RfYb3N"),
    ];
    Account {
        connection: "con_1".into(),
        settings,
        secrets: secrets.map(|(name, value)| (name.to_owned(), SecretString::from(value))).into(),
        old_secrets: None,
        templates: [("all-any".to_owned(), "DEF-OURS".to_owned())].into(),
    }
}

const MANNERS: Manners = Manners {
    account,
    token_call: TOKEN,
    token: |nth| json!({"code": 0, "msg": "ok", "tenant_access_token": format!("t-{nth}"), "expire": 7200}),
    token_header: Some("authorization"),
};

/// An approval of two nodes, its people named as Feishu names them.
fn start() -> Start {
    let mut start = testing::start();
    start.applicant = Some("ou_0".into());
    for node in &mut start.nodes {
        node.approvers.iter_mut().for_each(|person| *person = format!("ou_{person}"));
    }
    start
}

fn ok(data: &Value) -> Value {
    json!({"code": 0, "msg": "success", "data": data})
}

fn refusal(code: i64) -> Value {
    json!({"code": code, "msg": "why", "error": {"log_id": "L-1"}})
}

fn created() -> Value {
    ok(&json!({"instance_code": "INS-1"}))
}

/// The stand-in for Feishu.
struct Platform(FakePlatform);

impl Deref for Platform {
    type Target = FakePlatform;

    fn deref(&self) -> &FakePlatform {
        &self.0
    }
}

impl DerefMut for Platform {
    fn deref_mut(&mut self) -> &mut FakePlatform {
        &mut self.0
    }
}

impl Platform {
    async fn new() -> Self {
        Self(FakePlatform::new(MANNERS).await)
    }

    async fn start(&self, start: &Start) -> Result<Started, Error> {
        Feishu.start(&self.account, start, &self.calls()).await
    }

    async fn find(&self) -> Result<Option<Started>, Error> {
        Feishu.find(&self.account, &start(), &self.calls()).await
    }

    async fn cancel(&self) -> Result<(), Error> {
        Feishu.cancel(&self.account, "INS-1", "ou_0", "no longer needed", &self.calls()).await
    }

    async fn make(&self, layout: &str) -> Result<String, Error> {
        Feishu.create_template(&self.account, layout, &self.calls()).await
    }

    async fn test(&self) -> Vec<Check> {
        Feishu.test_connection(&self.account, &self.calls()).await
    }
}

#[tokio::test]
async fn a_start_sends_the_nodes_and_keeps_the_token() {
    let platform = Platform::new().await;
    platform.says(START, 200, created());
    let started = platform.start(&start()).await.unwrap();
    assert_eq!(started.instance, "INS-1");
    assert!(started.url.unwrap().ends_with("index%3FinstanceId%3DINS-1"));

    let sent = platform.seen(START).pop().unwrap();
    assert_eq!(sent.token.as_deref(), Some("Bearer t-1"));
    assert_eq!(sent.body["approval_code"], "DEF-OURS");
    assert_eq!(sent.body["open_id"], "ou_0");
    assert_eq!(sent.body["uuid"], "apr_01test");
    let approvers = json!([{"key": "node_0", "value": ["ou_u1"]}, {"key": "node_1", "value": ["ou_u2", "ou_u3"]}]);
    assert_eq!(sent.body["node_approver_open_id_list"], approvers);
    let form: Value = serde_json::from_str(sent.body["form"].as_str().unwrap()).unwrap();
    assert_eq!(form[0], json!({"id": "title", "type": "input", "value": "Read access to orders"}));
    let title = &sent.body["i18n_resources"][0]["texts"][0];
    assert_eq!((&title["key"], &title["value"]), (&sent.body["title"], &json!("Read access to orders")));

    let mut second = start();
    second.stage = 1;
    platform.start(&second).await.unwrap();
    assert_eq!(platform.seen(START)[1].body["uuid"], "apr_01test-2");
    let tokens = platform.seen(TOKEN);
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].body, json!({"app_id": "cli_a1b2c3d4e5f6a00d", "app_secret": "the-app-secret"}));
    assert_eq!(tokens[0].token, None);
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_before_any_call() {
    let platform = Platform::new().await;
    let code = async |start: Start| match platform.start(&start).await {
        Err(Error::Refused { code, .. } | Error::NotFound { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(code(Start { applicant: None, ..start() }).await, "applicant_unknown");
    assert_eq!(code(Start { applicant: Some("manager4220".into()), ..start() }).await, "account_not_open_id");
    let mut foreign = start();
    foreign.nodes[1].approvers[0] = "b85s39b1".into();
    assert_eq!(code(foreign).await, "account_not_open_id");
    for (mode, approvers) in [(Mode::AtLeast(2), 2), (Mode::Any, 0)] {
        let mut node = start();
        node.nodes[1].mode = mode;
        node.nodes[1].approvers.truncate(approvers);
        assert_eq!(code(node).await, "unsupported_node");
    }
    let mut other_layout = start();
    other_layout.nodes[1].mode = Mode::Sequential;
    assert_eq!(code(other_layout).await, TEMPLATE_MISSING);
    assert!(platform.saw_nothing());
}

#[tokio::test]
async fn a_refused_token_is_fetched_again_once() {
    for code in [99_991_661, 99_991_663, 99_991_664, 99_991_665, 99_991_671] {
        let platform = Platform::new().await;
        platform.says(START, 400, refusal(code)).says(START, 200, created());
        platform.start(&start()).await.unwrap();
        let tokens: Vec<_> = platform.seen(START).into_iter().map(|seen| seen.token.unwrap()).collect();
        assert_eq!(tokens, ["Bearer t-1", "Bearer t-2"]);
    }
    let refusing = Platform::new().await;
    refusing.says(START, 400, refusal(99_991_663));
    let error = refusing.start(&start()).await.unwrap_err();
    assert!(matches!(&error, Error::TokenRefused { message, .. } if message.contains("wrong endpoint")), "{error:?}");
    assert_eq!((refusing.seen(START).len(), refusing.seen(TOKEN).len()), (2, 2));
}

#[tokio::test]
async fn refusals_of_a_start_say_what_can_be_done() {
    let platform = Platform::new().await;
    let limited = [("x-ogw-ratelimit-limit", "100"), ("x-ogw-ratelimit-reset", "17")];
    platform
        .says(START, 400, refusal(1_390_001))
        .says(START, 400, refusal(1_390_013))
        .says_with(START, 429, &limited, refusal(99_991_400))
        .says(START, 400, refusal(99_991_403))
        .says(START, 400, refusal(99_992_361))
        .says(START, 500, refusal(1_395_001))
        .says(START, 504, "<html>gateway time-out</html>")
        .says(START, 200, json!({"unexpected": true}))
        .says(START, 200, ok(&json!({})));
    for _ in 0..2 {
        let error = platform.start(&start()).await.unwrap_err();
        assert!(matches!(&error, Error::Refused { message, .. } if message == "why (log id L-1)"), "{error:?}");
    }
    let error = platform.start(&start()).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { retry_after_ms: Some(17_000), .. }), "{error:?}");
    assert!(matches!(platform.start(&start()).await, Err(Error::QuotaExhausted { .. })));
    assert!(matches!(platform.start(&start()).await, Err(Error::NotFound { code, .. }) if code == "99992361"));
    for _ in 0..4 {
        assert!(matches!(platform.start(&start()).await, Err(Error::Unavailable { .. })));
    }
    assert_eq!(platform.seen(START).len(), 9, "no start is repeated");
}

#[tokio::test]
async fn a_definition_that_is_gone_or_disabled_is_to_be_made_again() {
    for code in [1_390_002, 1_390_015, 1_390_016, 60_002] {
        let platform = Platform::new().await;
        platform.says(START, 400, refusal(code));
        let error = platform.start(&start()).await.unwrap_err();
        assert!(matches!(error, Error::NotFound { code, .. } if code == TEMPLATE_MISSING));
    }
}

#[tokio::test]
async fn a_start_whose_uuid_is_in_use_adopts_the_first() {
    let spoken = json!({"code": 1_390_001, "msg": "param is invalid: UUID conflict"});
    for conflict in [refusal(60_012), spoken] {
        let platform = Platform::new().await;
        platform.says(START, 400, &conflict).says(
            FIND,
            200,
            ok(&json!({"instance_code": "INS-1", "status": "PENDING"})),
        );
        assert_eq!(platform.start(&start()).await.unwrap().instance, "INS-1");
        assert_eq!(platform.seen(FIND)[0].query, "user_id_type=open_id");

        let odd = Platform::new().await;
        odd.says(START, 400, conflict).says(FIND, 400, refusal(1_390_003));
        // It is there all the same: to fail the approval would leave it behind.
        assert!(matches!(odd.start(&start()).await, Err(Error::Unavailable { .. })));
    }
}

#[tokio::test]
async fn a_lost_start_is_found_by_its_uuid() {
    let platform = Platform::new().await;
    platform
        .says(FIND, 200, ok(&json!({"instance_code": "INS-1", "status": "PENDING", "uuid": "APR_01TEST"})))
        .says(FIND, 400, refusal(1_390_003))
        .says(FIND, 400, refusal(1_390_001))
        .says(FIND, 429, refusal(99_991_400))
        .says(FIND, 200, ok(&json!({})));
    assert_eq!(platform.find().await.unwrap().unwrap().instance, "INS-1");
    for _ in 0..2 {
        assert_eq!(platform.find().await.unwrap(), None);
    }
    assert!(matches!(platform.find().await, Err(Error::Throttled { .. })), "never none when it is not known");
    assert!(matches!(platform.find().await, Err(Error::Unavailable { .. })));
}

fn theirs(nodes: &Value) -> Value {
    let widgets = json!([{"id": "widget1", "type": "input", "name": "标题"}, {"id": "widget2", "type": "textarea", "name": "table"},
        {"id": "widget3", "type": "number", "name": "n"}, {"id": "widget4", "type": "input", "name": "Reason"}]);
    ok(&json!({"approval_name": "x", "status": "ACTIVE", "form": widgets.to_string(), "node_list": nodes}))
}

#[tokio::test]
async fn a_customers_definition_is_read_subscribed_and_filled() {
    let node = |id: &str, kind: &str, open: bool| {
        json!({"name": "x", "node_id": id, "need_approver": open, "node_type": kind, "approver_chosen_multi": true,
            "require_signature": false})
    };
    let nodes = json!([
        node("b1a326c06d88bf042f73d70f50197905", "AND", true),
        node("fixed", "AND", false),
        node("second", "OR", true),
        node("cc", "CC_NODE", true)
    ]);
    let platform = Platform::new().await;
    platform.says(THEIRS, 200, theirs(&nodes)).says(SUBSCRIBE_THEIRS, 400, refusal(1_390_007)).says(
        START,
        200,
        created(),
    );
    let request = Start { template: Some("DEF-THEIRS".into()), ..start() };
    platform.start(&request).await.unwrap();
    let sent = platform.seen(START).pop().unwrap().body;
    assert_eq!(sent["approval_code"], "DEF-THEIRS");
    let keys: Vec<_> = sent["node_approver_open_id_list"].as_array().unwrap().iter().map(|list| &list["key"]).collect();
    assert_eq!(keys, ["b1a326c06d88bf042f73d70f50197905", "second"]);
    let form: Value = serde_json::from_str(sent["form"].as_str().unwrap()).unwrap();
    let ids: Vec<_> = form.as_array().unwrap().iter().map(|entry| &entry["id"]).collect();
    assert_eq!(ids, ["widget1", "widget2"]);

    platform.says(THEIRS, 200, theirs(&json!([node("only", "AND", true)]))).says(THEIRS, 400, refusal(1_390_002));
    let error = platform.start(&request).await;
    assert!(error.is_ok(), "the first answer is said once more");
    let error = platform.start(&request).await.unwrap_err();
    assert!(matches!(&error, Error::Refused { code, .. } if code == "template_nodes_differ"), "{error:?}");
    let error = platform.start(&request).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { code, .. } if code == "1390002"), "not ours to make");
}

#[tokio::test]
async fn fetch_reads_the_instance() {
    let platform = Platform::new().await;
    let task = json!({"id": "7310082318364393475", "open_id": "ou_u1", "status": "APPROVED", "custom_node_id": "node_0",
        "start_time": "1766390400000", "end_time": "1766390410000"});
    let data = json!({"status": "APPROVED", "reverted": false, "end_time": "1766390420000", "task_list": [task],
        "timeline": [{"type": "PASS", "task_id": "7310082318364393475", "comment": "fine"}]});
    platform.says(READ, 200, ok(&data)).says(READ, 400, refusal(1_390_003));
    let calls = platform.calls();
    let Event::Snapshot(read) = Feishu.fetch(&platform.account, "INS-1", &calls).await.unwrap() else { panic!() };
    assert_eq!(read.outcome, Some((Outcome::Approved, 1_766_390_420_000)));
    let end = read.tasks[0].1.end.as_ref().unwrap();
    assert_eq!((end.outcome, end.remark.as_deref()), (TaskOutcome::Approved, Some("fine")));
    let gone = Feishu.fetch(&platform.account, "INS-1", &calls).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }));
    let odd = Feishu.fetch(&platform.account, "../x y", &calls).await.unwrap_err();
    assert!(matches!(odd, Error::Refused { .. }), "{odd:?}");
    assert_eq!(platform.seen("GET /open-apis/approval/v4/instances/..%2Fx+y").len(), 1, "it stays one segment");
}

#[tokio::test]
async fn a_withdrawal_is_in_the_applicants_name_and_reopens_nothing() {
    let read = |status: &str| ok(&json!({"status": status, "approval_code": "DEF-OURS"}));
    let platform = Platform::new().await;
    platform.says(READ, 200, read("PENDING")).says(CANCEL, 200, ok(&json!({})));
    platform.cancel().await.unwrap();
    let sent = platform.seen(CANCEL).pop().unwrap();
    assert_eq!(sent.body, json!({"approval_code": "DEF-OURS", "instance_code": "INS-1", "user_id": "ou_0"}));
    assert_eq!(sent.query, "user_id_type=open_id");

    for (status, done) in [("CANCELED", true), ("DELETED", true), ("APPROVED", false), ("REJECTED", false)] {
        let platform = Platform::new().await;
        platform.says(READ, 200, read(status));
        assert_eq!(platform.cancel().await.is_ok(), done, "{status}");
        assert!(platform.seen(CANCEL).is_empty(), "{status}");
    }
    let forbidden = Platform::new().await;
    forbidden.says(READ, 200, read("PENDING")).says(CANCEL, 403, refusal(1_390_009));
    assert!(matches!(forbidden.cancel().await, Err(Error::Refused { code, .. }) if code == "1390009"));
}

#[tokio::test]
async fn a_definition_is_made_and_subscribed_once() {
    let platform = Platform::new().await;
    let subscribe = "POST /open-apis/approval/v4/approvals/DEF-NEW/subscribe";
    platform.says(CREATE, 200, ok(&json!({"approval_code": "DEF-NEW"}))).says(subscribe, 500, refusal(1_395_001)).says(
        subscribe,
        200,
        ok(&json!({})),
    );
    assert_eq!(platform.make("sequential").await.unwrap(), "DEF-NEW");
    assert_eq!(platform.seen(subscribe).len(), 2);
    let sent = platform.seen(CREATE).pop().unwrap().body;
    assert_eq!(sent["node_list"][1]["node_type"], "SEQUENTIAL");

    // The one that is there is found, and one that is gone is made anew.
    let active = |status: &str| ok(&json!({"status": status, "form": "[]", "node_list": []}));
    platform.says(OURS, 200, active("ACTIVE")).says(OURS, 200, active("INACTIVE")).says(OURS, 400, refusal(1_390_002));
    platform.says(SUBSCRIBE_OURS, 400, refusal(1_390_007));
    assert_eq!(platform.make("all-any").await.unwrap(), "DEF-OURS");
    assert_eq!(platform.seen(CREATE).len(), 1);
    for _ in 0..2 {
        assert_eq!(platform.make("all-any").await.unwrap(), "DEF-NEW");
    }

    // Its code is never lost, since nobody could delete it.
    let mute = Platform::new().await;
    mute.says(CREATE, 200, ok(&json!({"approval_code": "DEF-NEW"}))).says(subscribe, 429, refusal(99_991_400));
    assert_eq!(mute.make("any").await.unwrap(), "DEF-NEW");
    assert_eq!(mute.seen(subscribe).len(), 3);

    assert!(matches!(mute.make("standard").await, Err(Error::Refused { .. })));
    let unsure = Platform::new().await;
    unsure.says(OURS, 429, refusal(99_991_400));
    assert!(matches!(unsure.make("all-any").await, Err(Error::Throttled { .. })));
    assert!(unsure.seen(CREATE).is_empty(), "not made again while it may be there");
}

#[tokio::test]
async fn people_are_found_by_mobile_number_and_by_e_mail() {
    let platform = Platform::new().await;
    let found = |list: &Value| ok(&json!({"user_list": list}));
    platform
        .says(LOOKUP, 200, found(&json!([{"user_id": "ou_7", "mobile": "13800000001"}])))
        .says(LOOKUP, 200, found(&json!([{"user_id": "ou_8", "email": "a@b.example"}])))
        .says(LOOKUP, 200, found(&json!([{"mobile": "+85291234567"}])));
    let calls = platform.calls();
    let mobile = async |number: &str| Feishu.account_by_mobile(&platform.account, number, &calls).await;
    assert_eq!(mobile("+86 138-0000-0001").await.unwrap(), "ou_7");
    assert_eq!(Feishu.account_by_email(&platform.account, "a@b.example", &calls).await.unwrap(), "ou_8");
    let error = mobile("+852 9123 4567").await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "who is not found has no id: {error:?}");
    let bodies: Vec<_> = platform.seen(LOOKUP).into_iter().map(|seen| (seen.query, seen.body)).collect();
    let expected =
        [json!({"mobiles": ["13800000001"]}), json!({"emails": ["a@b.example"]}), json!({"mobiles": ["+85291234567"]})];
    for ((query, body), mut expected) in bodies.into_iter().zip(expected) {
        expected["include_resigned"] = json!(false);
        assert_eq!((query.as_str(), body), ("user_id_type=open_id", expected));
    }
}

#[tokio::test]
async fn the_directory_is_read_step_by_step() {
    let platform = Platform::new().await;
    let scopes = "GET /open-apis/contact/v3/scopes";
    let children = "GET /open-apis/contact/v3/departments/od-1/children";
    let people = "GET /open-apis/contact/v3/users/find_by_department";
    let group = "GET /open-apis/contact/v3/group/g1/member/simplelist";
    let page =
        |items: Value, next: &str| ok(&json!({"items": items, "has_more": !next.is_empty(), "page_token": next}));
    let person = |id: &str| json!({"open_id": id, "name": format!("n-{id}"), "mobile": "+8613800000001"});
    let gone = json!({"open_id": "ou_gone", "status": {"is_resigned": true}});
    let members =
        |ids: Value, next: &str| ok(&json!({"memberlist": ids, "has_more": !next.is_empty(), "page_token": next}));
    platform
        .says(
            scopes,
            200,
            ok(&json!({"department_ids": ["od-1"], "user_ids": ["ou_1"], "group_ids": ["g1"], "has_more": true,
                "page_token": "p2"})),
        )
        .says(children, 200, page(json!([{"open_department_id": "od-2"}]), "p2"))
        .says(children, 200, page(json!([{"open_department_id": "od-3"}]), ""))
        .says(people, 200, page(json!([person("ou_1"), gone]), "p2"))
        .says("GET /open-apis/contact/v3/users/ou_gone", 200, ok(&json!({"user": gone})))
        .says(group, 200, members(json!([{"member_id": "ou_4"}]), "p2"))
        .says(group, 200, members(json!([]), ""))
        .says(group, 200, members(json!([{"member_id": "od-5"}]), ""));
    let read = async |step: Step| match Feishu.read(&platform.account, &step, &platform.calls()).await.unwrap() {
        Read::Found { people, steps } => (people, steps),
        other => panic!("{other:?}"),
    };
    let (_, steps) = read(Step::ALL).await;
    let expected = [Step::ALL.after("p2".into()), Step::group("g1"), Step::person("ou_1"), Step::department("od-1")];
    assert_eq!(steps, expected);
    let (_, steps) = read(Step::department("od-1")).await;
    let next = Step::department("od-1").after("p2".into());
    assert_eq!(steps, [next.clone(), Step::people("od-2"), Step::people("od-1")]);
    assert_eq!(read(next).await.1, [Step::people("od-3")], "its own people were on the first page");
    let (found, steps) = read(Step::people("od-1")).await;
    assert_eq!((found.len(), found[0].account.as_str(), found[0].contact.name.as_deref()), (1, "ou_1", Some("n-ou_1")));
    assert_eq!(steps, [Step::people("od-1").after("p2".into())]);
    assert_eq!(read(Step::person("ou_gone")).await, (vec![], vec![]), "who has left is nobody");
    let mut left = vec![Step::group("g1")];
    let mut named = Vec::new();
    while let Some(step) = left.pop() {
        if matches!(step, Step::Group { .. }) { left.extend(read(step).await.1) } else { named.push(step) }
    }
    assert_eq!(named, [Step::person("ou_4"), Step::department("od-5")]);
    let usual = "user_id_type=open_id&department_id_type=open_department_id&department_id";
    assert_eq!(platform.seen(people)[0].query, format!("{usual}=od-1&page_size=50"));
    let asked: Vec<String> = platform.seen(group).into_iter().map(|seen| seen.query).collect();
    assert_eq!(
        asked,
        [
            "member_type=user&member_id_type=open_id&page_size=50",
            "member_type=user&member_id_type=open_id&page_size=50&page_token=p2",
            "member_type=department&member_id_type=department_id&page_size=50",
        ]
    );

    let outside = Platform::new().await;
    outside.says(children, 403, refusal(40_004)).says(scopes, 403, refusal(40_004));
    let read = async |step: Step| Feishu.read(&outside.account, &step, &outside.calls()).await;
    let hidden = read(Step::department("od-1")).await;
    assert!(
        matches!(&hidden, Ok(Read::Hidden(Error::Permission { fix, .. })) if fix.contains("通讯录权限范围")),
        "{hidden:?}"
    );
    assert!(matches!(read(Step::ALL).await, Err(Error::Permission { .. })), "without a scope there is nothing to read");
}

#[tokio::test]
async fn silence_is_unavailable_and_shows_no_secret() {
    let mut platform = Platform::new().await;
    platform.account.settings.insert("endpoint".into(), "http://127.0.0.1:1".into());
    let error = platform.start(&start()).await.unwrap_err();
    assert_eq!(error, Error::NotSent { message: "no connection to 127.0.0.1".into(), fix: None });
    let shown = format!("{:?} {error:?}", platform.account);
    for secret in ["the-app-secret", "hJ7c2QpXv9LmT4sWz8RfYb3N", "v3rT0kEnAbCdEfGhIjKlMnOpQrStUv01"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    platform.http = Outbound::new(AddressPolicy::PublicOnly, Duration::from_millis(500));
    assert!(matches!(platform.start(&start()).await, Err(Error::Refused { .. })));
}

fn check<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap()
}

#[tokio::test]
async fn a_connection_test_names_each_missing_scope() {
    let denied = |scope: &str| {
        json!({"code": 99_991_672, "msg": "Access denied.", "error": {
            "permission_violations": [{"type": "action_scope_required", "subject": scope}]}})
    };
    let platform = Platform::new().await;
    platform
        .says(&format!("POST /open-apis/approval/v4/approvals/{NOTHING}/subscribe"), 400, refusal(1_390_002))
        .says(OURS, 200, ok(&json!({"status": "ACTIVE"})))
        .says(SUBSCRIBE_OURS, 200, ok(&json!({})))
        .says(&format!("GET /open-apis/approval/v4/instances/{NOTHING}"), 400, refusal(1_390_003))
        .says(START, 400, denied("approval:instance"))
        .says(LOOKUP, 400, json!({"code": 99_991_672, "msg": "no"}))
        .says("GET /open-apis/contact/v3/scopes", 200, ok(&json!({})));
    let checks = platform.test().await;
    for name in ["credentials", "callback_keys", "template_write", "templates", "instance_read", "directory"] {
        assert!(check(&checks, name).ok && check(&checks, name).fix.is_empty(), "{name}: {checks:?}");
    }
    assert!(check(&checks, "templates").detail.contains("1 not subscribed before"));
    let page = "https://open.feishu.cn/app/cli_a1b2c3d4e5f6a00d/auth?q=";
    let write = check(&checks, "instance_write");
    assert!(!write.ok && write.fix.contains(&format!("{page}approval%3Ainstance&")), "{write:?}");
    let lookup = check(&checks, "member_lookup");
    assert!(!lookup.ok && lookup.fix.contains(&format!("{page}contact%3Auser.id%3Areadonly&")), "{lookup:?}");
    assert_eq!(platform.seen(START)[0].body["approval_code"], NOTHING, "nothing can be started by it");
}

#[tokio::test]
async fn a_connection_test_tries_the_directory_and_names_the_organisation() {
    const TENANT: &str = "GET /open-apis/tenant/v2/tenant/query";
    let denied = |scope: &str| {
        json!({"code": 99_991_672, "msg": "Access denied.", "error": {
            "permission_violations": [{"type": "action_scope_required", "subject": scope}]}})
    };
    let platform = Platform::new().await;
    platform
        .says("GET /open-apis/contact/v3/departments/0/children", 403, refusal(40_004))
        .says("GET /open-apis/contact/v3/users/find_by_department", 400, denied("contact:contact.base:readonly"))
        .says(TENANT, 200, ok(&json!({"tenant": {"name": "云山科技"}})));
    let checks = platform.test().await;
    assert!(check(&checks, "departments").ok, "its contact range is another matter");
    let people = check(&checks, "department_members");
    assert!(!people.ok && people.fix.contains("contact%3Acontact.base%3Areadonly"), "{people:?}");
    assert_eq!(check(&checks, "organization").detail, "云山科技");
    let unnamed = Platform::new().await;
    unnamed.says(TENANT, 400, denied("tenant:tenant:readonly"));
    let checks = unnamed.test().await;
    let organization = check(&checks, "organization");
    assert!(organization.ok && organization.fix.contains("tenant%3Atenant%3Areadonly"), "{organization:?}");
}

#[tokio::test]
async fn a_connection_test_with_wrong_credentials_says_so_and_stops() {
    let platform = Platform::new().await;
    platform.says(TOKEN, 200, json!({"code": 10_015, "msg": "app secret invalid"}));
    let checks = platform.test().await;
    assert_eq!(checks.len(), 2, "what the platform is not asked for is said all the same");
    assert!(!checks[0].ok && checks[0].fix.contains("App Secret"), "{checks:?}");
    assert!(check(&checks, "callback_keys").ok);

    let mut disabled = Platform::new().await;
    disabled.account.secrets.remove("encrypt_key");
    disabled.says(OURS, 200, ok(&json!({"status": "INACTIVE"}))).says(SUBSCRIBE_OURS, 400, refusal(1_390_007));
    let checks = disabled.test().await;
    assert!(!check(&checks, "templates").ok && check(&checks, "callback_keys").detail.contains("not signed"));
}

#[test]
fn it_is_one_of_the_platforms() {
    let provider = by_kind("feishu").unwrap();
    for mode in [Mode::Any, Mode::All, Mode::Sequential] {
        assert!(provider.refuses(mode, 3).is_none(), "{mode:?}");
    }
    assert!(provider.refuses(Mode::AtLeast(1), 3).is_some() && provider.refuses(Mode::Any, 0).is_some());
    assert_eq!(provider.layout(&start().nodes), "all-any");
    assert_eq!(provider.generated_keys(), [("encrypt_key", 32)]);
    let required: Vec<_> = provider.fields().iter().filter(|field| field.required).map(|field| field.name).collect();
    assert_eq!(required, ["app_id", "app_secret", "verification_token"]);
}

proptest::proptest! {
    /// Whatever a value is, reading it never panics.
    #[test]
    fn odd_values_are_read_without_a_panic(
        status in "PENDING|ROLLBACK|TRANSFERRED|x", time in proptest::num::i64::ANY, text in ".{0,20}", number in 0..8_usize,
    ) {
        let odd = [json!(time), json!(text), json!(time.to_string()), json!(null), json!([time]), json!({"a": text}),
            json!(true), json!(0.5)];
        let value = odd[number].clone();
        for kind in ["approval_instance", "approval_task"] {
            let fields = json!({"instance_code": "i", "status": status, "task_id": value, "open_id": value, "extra": value,
                "operate_time": value, "custom_key": value}).to_string();
            let fields: super::events::Fields<'_> = serde_json::from_str(&fields).unwrap();
            assert!(super::events::notices(kind, &fields, &Default::default(), NOW).unwrap_or_default().len() <= 1);
        }
        let task = json!({"id": value, "open_id": value, "status": status, "start_time": value, "custom_node_id": value});
        let entry = json!({"type": "ROLLBACK", "create_time": value, "ext": value, "task_id": value});
        let read = json!({"status": value, "reverted": value, "end_time": value, "task_list": [task, value],
            "timeline": [entry, value], "comment_list": [value, {"open_id": "u", "comment": value, "create_time": value}]});
        super::snapshot::snapshot(&read, NOW);
    }
}

/// What fails before the call that starts has started nothing, and is told apart from a start whose answer was lost.
#[tokio::test]
async fn what_fails_before_a_start_is_known_not_to_be_sent() {
    let platform = Platform::new().await;
    platform.says(TOKEN, 504, "<html>gateway time-out</html>");
    was_not_sent(&platform, START, platform.start(&start()).await);

    let platform = Platform::new().await;
    platform.says(THEIRS, 504, "<html>gateway time-out</html>");
    let mut theirs = start();
    theirs.template = Some("DEF-THEIRS".into());
    was_not_sent(&platform, START, platform.start(&theirs).await);
}
