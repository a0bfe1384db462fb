//! The provider against a small server on the loopback that answers as DingTalk was seen to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::DingTalk;
use crate::approval::{Event, Mode, Outcome, TaskOutcome};
use crate::providers::outbound::{AddressPolicy, Outbound};
use crate::providers::testing::{FakePlatform, Manners, NOW, start, was_not_sent};
use crate::providers::{ANY_LAYOUT, Account, Check, Error, Provider, Start, Started, by_kind};

const TOKEN: &str = "POST /v1.0/oauth2/accessToken";
const START: &str = "POST /v1.0/workflow/processInstances";
const READ: &str = "GET /v1.0/workflow/processInstances";
const LIST: &str = "POST /v1.0/workflow/processes/instanceIds/query";
const TERMINATE: &str = "POST /v1.0/workflow/processInstances/terminate";
const FORMS: &str = "POST /v1.0/workflow/forms";
const SCHEMA: &str = "GET /v1.0/workflow/forms/schemas/processCodes";
const BY_NAME: &str = "GET /v1.0/workflow/processCentres/schemaNames/processCodes";
const TEMPLATES: &str = "GET /v1.0/workflow/processes/userVisibilities/templates";
const MOBILE: &str = "POST /topapi/v2/user/getbymobile";

/// A connection of an internal app.
pub(super) fn account(endpoint: &str) -> Account {
    let mut settings = Map::new();
    for name in ["endpoint", "legacy_endpoint"] {
        settings.insert(name.into(), endpoint.into());
    }
    settings.insert("app_key".into(), "dingtestappkey000001".into());
    settings.insert("agent_id".into(), "123456".into());
    settings.insert("corp_id".into(), "ding0123".into());
    let secrets = [("app_secret", "the-app-secret"), ("token", "the-callback-token"), ("aes_key", "the-aes-key")];
    Account {
        connection: "con_1".into(),
        settings,
        secrets: secrets.map(|(name, value)| (name.to_owned(), SecretString::from(value))).into(),
        old_secrets: None,
        templates: [(ANY_LAYOUT.to_owned(), "PROC-ours".to_owned())].into(),
    }
}

const MANNERS: Manners = Manners {
    account,
    token_call: TOKEN,
    token: |nth| json!({"accessToken": format!("token-{nth}"), "expireIn": 7200}),
    token_header: Some("x-acs-dingtalk-access-token"),
};

/// The stand-in for DingTalk.
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
        DingTalk.start(&self.account, start, &self.calls()).await
    }

    async fn cancel(&self) -> Result<(), Error> {
        DingTalk.cancel(&self.account, "i-1", "manager4220", "no longer needed", &self.calls()).await
    }
}

fn refusal(code: &str) -> Value {
    json!({"code": code, "requestid": "01A08FE7", "message": "why"})
}

#[tokio::test]
async fn a_start_sends_the_nodes_and_keeps_the_token() {
    let platform = Platform::new().await;
    platform.says(START, 200, json!({"instanceId": "Xy3_test-0001"}));
    let started = platform.start(&start()).await.unwrap();
    assert_eq!(started.instance, "Xy3_test-0001");
    let url =
        "https://aflow.dingtalk.com/dingtalk/mobile/homepage.htm?corpid=ding0123&procInstId=Xy3_test-0001#approval";
    assert_eq!(started.url.as_deref(), Some(url));

    let sent = platform.seen(START).pop().unwrap();
    assert_eq!(sent.token.as_deref(), Some("token-1"));
    assert_eq!(sent.body["originatorUserId"], "manager4220");
    assert_eq!(sent.body["processCode"], "PROC-ours");
    assert_eq!(sent.body["microappAgentId"], 123_456);
    let nodes = json!([{"actionType": "NONE", "userIds": ["u1"]}, {"actionType": "OR", "userIds": ["u2", "u3"]}]);
    assert_eq!(sent.body["approvers"], nodes);
    let values = sent.body["formComponentValues"].as_array().unwrap();
    assert!(values.iter().all(|entry| entry["value"].is_string()), "{values:?}");

    platform.start(&start()).await.unwrap();
    let tokens = platform.seen(TOKEN);
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].body, json!({"appKey": "dingtestappkey000001", "appSecret": "the-app-secret"}));
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_before_any_call() {
    let platform = Platform::new().await;
    let mut nobody = start();
    nobody.applicant = None;
    assert!(matches!(platform.start(&nobody).await, Err(Error::Refused { code, .. }) if code == "applicant_unknown"));
    let mut quorum = start();
    quorum.nodes[1].mode = Mode::AtLeast(2);
    assert!(matches!(platform.start(&quorum).await, Err(Error::Refused { code, .. }) if code == "unsupported_node"));
    let mut no_template = Platform::new().await;
    no_template.account.templates.clear();
    let error = no_template.start(&start()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { code, .. } if code == "template_missing"));
    assert!(platform.saw_nothing());
}

#[tokio::test]
async fn a_refused_token_is_fetched_again_once() {
    let platform = Platform::new().await;
    platform.says(START, 400, refusal("InvalidAuthentication")).says(START, 200, json!({"instanceId": "i-1"}));
    platform.start(&start()).await.unwrap();
    let tokens: Vec<_> = platform.seen(START).into_iter().map(|seen| seen.token.unwrap()).collect();
    assert_eq!(tokens, ["token-1", "token-2"]);

    let refusing = Platform::new().await;
    refusing.says(START, 400, refusal("InvalidAuthentication"));
    let error = refusing.start(&start()).await.unwrap_err();
    assert!(matches!(error, Error::TokenRefused { .. }), "{error:?}");
    assert_eq!((refusing.seen(START).len(), refusing.seen(TOKEN).len()), (2, 2));
}

#[tokio::test]
async fn refusals_of_a_start_say_what_can_be_done() {
    let platform = Platform::new().await;
    for code in ["formConverterError", "processInstanceInvalidParameter", "needAuth", "processGetFailed"] {
        platform.says(START, 400, refusal(code));
    }
    platform
        .says(START, 400, refusal("processCodeError"))
        .says(START, 403, refusal("Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"))
        .says(START, 403, refusal("Forbidden.AccessDenied.ApiCountLimitForOrg"))
        .says(START, 504, "<html>gateway time-out</html>")
        .says(START, 200, json!({"unexpected": true}));
    for _ in 0..4 {
        assert!(matches!(platform.start(&start()).await, Err(Error::Refused { .. })));
    }
    let error = platform.start(&start()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { code, .. } if code == "template_missing"));
    let error = platform.start(&start()).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { retry_after_ms: Some(1_000), .. }), "{error:?}");
    assert!(matches!(platform.start(&start()).await, Err(Error::QuotaExhausted { .. })));
    assert!(matches!(platform.start(&start()).await, Err(Error::Unavailable { .. })));
    assert!(matches!(platform.start(&start()).await, Err(Error::Unavailable { .. })));
    assert_eq!(platform.seen(START).len(), 9, "no start is repeated");
}

#[tokio::test]
async fn a_customers_template_is_read_and_filled() {
    let platform = Platform::new().await;
    let control = |kind: &str, label: &str| json!({"componentName": kind, "props": {"id": "x", "label": label}});
    let items = json!([control("TextField", "Title"), control("TextareaField", "table"), control("NumberField", "n"),
        {"componentName": "TableField", "props": {"label": "rows"}, "children": [control("TextField", "Reason")]},
        {"componentName": "ColumnLayout", "props": {}, "children": [control("TextField", "来源编号")]}]);
    platform.says(SCHEMA, 200, json!({"result": {"schemaContent": {"items": items}}})).says(
        START,
        200,
        json!({"instanceId": "i-1"}),
    );
    let mut start = start();
    start.template = Some("PROC-theirs".into());
    platform.start(&start).await.unwrap();
    let sent = platform.seen(START).pop().unwrap().body;
    assert_eq!(sent["processCode"], "PROC-theirs");
    let names: Vec<_> =
        sent["formComponentValues"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Title", "table", "来源编号"]);
}

#[tokio::test]
async fn a_lost_start_is_found_by_its_reference() {
    let platform = Platform::new().await;
    let form = |value: &str| {
        json!({"result": {"status": "RUNNING", "formComponentValues": [{"name": "来源编号 Reference", "value": value}]},
            "success": true})
    };
    platform
        .says(LIST, 200, json!({"result": {"list": ["i-1", "i-2"], "nextToken": "20"}, "success": true}))
        .says(LIST, 200, json!({"result": {"list": ["i-3"]}, "success": true}))
        .says(READ, 200, form("apr_other"))
        .says(READ, 400, refusal("processInstanceNotExist"))
        .says(READ, 200, form("apr_01test"));
    let found = DingTalk.find(&platform.account, &start(), &platform.calls()).await.unwrap().unwrap();
    assert_eq!(found.instance, "i-3");
    let pages: Vec<_> = platform.seen(LIST).into_iter().map(|seen| seen.body).collect();
    let since = NOW - 60_000 - 300_000;
    let page = |next: i64| {
        json!({"processCode": "PROC-ours", "startTime": since, "nextToken": next, "maxResults": 20,
            "userIds": ["manager4220"]})
    };
    assert_eq!(pages, [page(0), page(20)]);

    let empty = Platform::new().await;
    empty.says(LIST, 200, json!({"result": {"list": []}, "success": true}));
    assert_eq!(DingTalk.find(&empty.account, &start(), &empty.calls()).await, Ok(None));
}

#[tokio::test]
async fn find_never_says_none_when_it_does_not_know() {
    let platform = Platform::new().await;
    platform.says(LIST, 200, json!({"result": {"list": ["i-1"]}})).says(
        READ,
        403,
        refusal("Forbidden.AccessDenied.QpsLimitForApi"),
    );
    let error = DingTalk.find(&platform.account, &start(), &platform.calls()).await.unwrap_err();
    assert!(matches!(error, Error::Throttled { .. }), "{error:?}");

    let endless = Platform::new().await;
    for next in 1..=11 {
        endless.says(LIST, 200, json!({"result": {"list": [], "nextToken": (next * 20).to_string()}}));
    }
    let error = DingTalk.find(&endless.account, &start(), &endless.calls()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn fetch_reads_the_instance() {
    let platform = Platform::new().await;
    let task = json!({"taskId": "100468167919", "userId": "u1", "status": "COMPLETED", "result": "AGREE",
        "createTime": "2026-04-16T15:34Z", "finishTime": "2026-04-16T15:35Z", "activityId": "a-1"});
    let result = json!({"status": "COMPLETED", "result": "agree", "finishTime": "2026-04-16T15:35Z", "tasks": [task]});
    platform.says(READ, 200, json!({"result": result, "success": "true"})).says(
        READ,
        400,
        refusal("processInstanceNotExist"),
    );
    let calls = platform.calls();
    let read = DingTalk.fetch(&platform.account, "Xy3_a/b c", &calls).await.unwrap();
    let Event::Snapshot(snapshot) = read else { panic!() };
    assert_eq!(snapshot.outcome, Some((Outcome::Approved, 1_776_324_900_000)));
    assert_eq!(snapshot.tasks[0].1.end.as_ref().unwrap().outcome, TaskOutcome::Approved);
    assert_eq!(platform.seen(READ)[0].query, "processInstanceId=Xy3_a%2Fb+c");
    let gone = DingTalk.fetch(&platform.account, "i", &calls).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }));
}

#[tokio::test]
async fn a_withdrawal_is_in_the_applicants_name() {
    let platform = Platform::new().await;
    platform.says(TERMINATE, 200, json!({"result": true, "success": true}));
    platform.cancel().await.unwrap();
    let expected = json!({"processInstanceId": "i-1", "isSystem": false, "operatingUserId": "manager4220",
        "remark": "no longer needed"});
    assert_eq!(platform.seen(TERMINATE)[0].body, expected);
}

#[tokio::test]
async fn a_refused_withdrawal_is_too_soon_too_late_or_done() {
    for (status, expected) in [("RUNNING", "not yet"), ("COMPLETED", "refused"), ("TERMINATED", "done")] {
        let platform = Platform::new().await;
        platform.says(TERMINATE, 400, refusal("aflowProcessInstStatusException")).says(
            READ,
            200,
            json!({"result": {"status": status}}),
        );
        let seen = match platform.cancel().await {
            Ok(()) => "done",
            Err(Error::NotYet { .. }) => "not yet",
            Err(Error::Refused { .. }) => "refused",
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(seen, expected, "{status}");
    }
    let forbidden = Platform::new().await;
    forbidden.says(TERMINATE, 400, refusal("internalError"));
    let error = forbidden.cancel().await.unwrap_err();
    assert!(matches!(&error, Error::Refused { message, .. } if message.contains("撤销")), "{error:?}");
}

#[tokio::test]
async fn the_template_is_made_once_and_found_again() {
    let platform = Platform::new().await;
    platform.says(FORMS, 200, json!({"result": {"processCode": "PROC-new"}})).says(
        FORMS,
        400,
        refusal("formName.error"),
    );
    let create = async || DingTalk.create_template(&platform.account, ANY_LAYOUT, &platform.calls()).await;
    assert_eq!(create().await.unwrap(), "PROC-new");
    let form = platform.seen(FORMS).pop().unwrap().body;
    assert_eq!(form["templateConfig"], json!({"hidden": true, "disableResubmit": true}));
    assert_eq!(form["formComponents"].as_array().unwrap().len(), 5);

    let ours =
        json!({"componentName": "TextField", "props": {"id": "TextField-reference", "label": "来源编号 Reference"}});
    platform
        .says(BY_NAME, 200, json!({"result": {"processCode": "PROC-found"}}))
        .says(BY_NAME, 400, refusal("process.error"))
        .says(SCHEMA, 200, json!({"result": {"schemaContent": {"items": [ours]}}}));
    assert_eq!(create().await.unwrap(), "PROC-found");
    let name = platform.seen(FORMS)[0].body["name"].clone();
    platform.says(TEMPLATES, 200, json!({"result": {"processList": [{"name": "x"}], "nextToken": 100}})).says(
        TEMPLATES,
        200,
        json!({"result": {"processList": [{"name": name, "processCode": "PROC-listed"}]}}),
    );
    assert_eq!(create().await.unwrap(), "PROC-listed");

    let theirs = Platform::new().await;
    theirs
        .says(FORMS, 400, refusal("formName.error"))
        .says(BY_NAME, 200, json!({"result": {"processCode": "PROC-theirs"}}))
        .says(SCHEMA, 200, json!({"result": {"schemaContent": {"items": []}}}));
    let error = DingTalk.create_template(&theirs.account, ANY_LAYOUT, &theirs.calls()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn people_are_found_by_mobile_number_only() {
    let platform = Platform::new().await;
    platform
        .says(MOBILE, 200, json!({"errcode": "0", "result": {"userid": "u7"}}))
        .says(MOBILE, 200, json!({"errcode": 88, "sub_code": "42001", "sub_msg": "expired"}))
        .says(MOBILE, 200, json!({"errcode": 60121, "errmsg": "找不到该用户"}));
    let calls = platform.calls();
    assert_eq!(DingTalk.account_by_mobile(&platform.account, "+86 13800000001", &calls).await.unwrap(), "u7");
    let error = DingTalk.account_by_mobile(&platform.account, "13800000002", &calls).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
    let seen = platform.seen(MOBILE);
    assert_eq!(seen[0].body, json!({"mobile": "13800000001", "support_exclusive_account_search": true}));
    let queries: Vec<_> = seen.iter().map(|call| call.query.as_str()).collect();
    assert_eq!(queries, ["access_token=token-1", "access_token=token-1", "access_token=token-2"]);
    let email = DingTalk.account_by_email(&platform.account, "a@b.example", &calls).await;
    assert!(matches!(email, Err(Error::Unsupported { .. })));
}

#[tokio::test]
async fn an_exclusive_account_is_found_by_mobile_number_where_it_is_the_only_one() {
    let platform = Platform::new().await;
    let found = |user: Value, exclusive: Value| json!({"errcode": 0, "result": {"userid": user, "exclusive_account_userid_list": exclusive}});
    let answers = [
        (found(json!(""), json!(["e1"])), Ok("e1")),
        (found(Value::Null, json!(["e1", "e1"])), Ok("e1")),
        (found(json!("u7"), json!([])), Ok("u7")),
        (found(json!("u7"), json!(["e1", "e2"])), Ok("u7")),
        (found(json!(""), json!(["e1", "e2"])), Err("several_accounts")),
        (found(json!(""), json!([])), Err("not_understood")),
    ];
    for (answer, _) in &answers {
        platform.says(MOBILE, 200, answer.clone());
    }
    for (answer, expected) in answers {
        let seen = DingTalk.account_by_mobile(&platform.account, "13800000001", &platform.calls()).await;
        let seen = seen.map_err(|error| match error {
            Error::NotFound { code, message } => {
                assert!(message.contains('2'), "it says how many: {message}");
                code
            }
            _ => "not_understood".to_owned(),
        });
        assert_eq!(seen.as_deref().map_err(String::as_str), expected, "{answer}");
    }
}

#[tokio::test]
async fn silence_is_unavailable_and_shows_no_secret() {
    let mut platform = Platform::new().await;
    let closed = "http://127.0.0.1:1";
    for name in ["endpoint", "legacy_endpoint"] {
        platform.account.settings.insert(name.into(), closed.into());
    }
    let error = platform.start(&start()).await.unwrap_err();
    assert_eq!(error, Error::NotSent { message: "no connection to 127.0.0.1".into(), fix: None });
    let shown = format!("{:?} {:?}", platform.account, error);
    assert!(!shown.contains("the-app-secret") && !shown.contains("the-callback-token"), "{shown}");

    platform.http = Outbound::new(AddressPolicy::PublicOnly, Duration::from_millis(500));
    assert!(matches!(platform.start(&start()).await, Err(Error::Refused { .. })));
}

fn check<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap()
}

#[tokio::test]
async fn a_connection_test_names_each_missing_permission() {
    let denied = |scope: &str| {
        json!({"code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "message": "no",
            "accessdenieddetail": {"requiredScopes": [scope]}})
    };
    let platform = Platform::new().await;
    platform
        .says(TEMPLATES, 200, json!({"result": {"processList": []}}))
        .says(SCHEMA, 200, json!({"result": {}}))
        .says(READ, 403, denied("Workflow.Instance.Read"))
        .says(TERMINATE, 400, refusal("aflowProcessInstNotExist"))
        .says(MOBILE, 200, json!({"errcode": 88, "sub_code": "60011", "sub_msg": "应用尚未开通所需的权限"}));
    let checks = DingTalk.test_connection(&platform.account, &platform.calls()).await;
    for name in ["credentials", "template_read", "template_write", "instance_write"] {
        assert!(check(&checks, name).ok && check(&checks, name).fix.is_empty(), "{name}");
    }
    let page = "https://open-dev.dingtalk.com/appscope/apply?content=dingtestappkey000001%23";
    let read = check(&checks, "instance_read");
    assert_eq!(
        (read.ok, read.fix.as_str()),
        (false, &*format!("Grant Workflow.Instance.Read: {page}Workflow.Instance.Read"))
    );
    let mobile = check(&checks, "member_by_mobile");
    assert!(!mobile.ok && mobile.fix.ends_with("%23qyapi_get_member_by_mobile"), "{mobile:?}");
}

/// The permissions of the directory are tried, writing templates also where ours is there, and whose the connection is is told.
#[tokio::test]
async fn a_connection_test_tries_the_directory_and_names_the_organisation() {
    const ORGANISATION: &str = "GET /v1.0/contact/organizations/authInfos";
    let denied = |scope: &str| {
        json!({"code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "message": "no",
            "accessdenieddetail": {"requiredScopes": [scope]}})
    };
    let no = json!({"errcode": 88, "sub_code": "60011", "sub_msg": "应用尚未开通所需的权限"});
    let outside = json!({"errcode": 50004, "errmsg": "请求的部门id不在授权范围内"});
    let platform = Platform::new().await;
    platform
        .says("POST /v1.0/workflow/forms", 403, denied("Workflow.Form.Write"))
        .says("POST /topapi/v2/department/listsub", 200, &outside)
        .says("POST /topapi/v2/user/list", 200, &no)
        .says("POST /topapi/v2/user/get", 200, &no)
        .says(ORGANISATION, 200, json!({"orgName": "云山科技", "authLevel": 0}));
    let checks = DingTalk.test_connection(&platform.account, &platform.calls()).await;
    let write = check(&checks, "template_write");
    assert!(
        !write.ok && write.fix.ends_with("%23Workflow.Form.Write"),
        "our template is there all the same: {write:?}"
    );
    assert!(check(&checks, "department_read").ok, "its scope of contacts is another matter");
    for (name, scope) in [("department_members", "department_member"), ("member_read", "member")] {
        let check = check(&checks, name);
        assert!(!check.ok && check.fix.ends_with(&format!("%23qyapi_get_{scope}")), "{check:?}");
    }
    assert_eq!(check(&checks, "organization").detail, "云山科技");
    assert!(platform.seen("POST /v1.0/workflow/forms")[0].body.get("name").is_none(), "nothing can be made by it");

    for (status, answer, ok, fix) in [
        (403, denied("Contact.Org.Read"), true, "Contact.Org.Read"),
        (400, json!({"code": "invalidParameter", "message": "不合法的corpId"}), false, "CorpId"),
        (404, json!({"code": "InvalidAction.NotFound", "message": "no"}), true, ""),
    ] {
        let platform = Platform::new().await;
        platform.says(ORGANISATION, status, &answer);
        let checks = DingTalk.test_connection(&platform.account, &platform.calls()).await;
        let told = check(&checks, "organization");
        assert!(told.ok == ok && told.fix.contains(fix) && told.fix.is_empty() == fix.is_empty(), "{told:?}");
    }
    let mut nameless = Platform::new().await;
    nameless.account.settings.remove("corp_id");
    let checks = DingTalk.test_connection(&nameless.account, &nameless.calls()).await;
    assert!(check(&checks, "organization").fix.contains("`corp_id`") && nameless.seen(ORGANISATION).is_empty());
}

#[tokio::test]
async fn a_connection_test_with_wrong_credentials_says_so_and_stops() {
    let platform = Platform::new().await;
    platform.says(TOKEN, 400, json!({"code": "invalidClientIdOrSecret", "message": "无效的clientId或者clientSecret"}));
    let checks = DingTalk.test_connection(&platform.account, &platform.calls()).await;
    assert_eq!(checks.len(), 1);
    assert!(!checks[0].ok && checks[0].fix.contains("AppSecret"), "{checks:?}");
}

#[test]
fn it_is_one_of_the_platforms() {
    let provider = by_kind("dingtalk").unwrap();
    assert!(provider.refuses(Mode::Any, 3).is_none() && provider.refuses(Mode::Sequential, 1).is_none());
    for (mode, approvers) in [(Mode::AtLeast(1), 3), (Mode::Sequential, 2), (Mode::Any, 0)] {
        assert!(provider.refuses(mode, approvers).is_some(), "{mode:?}");
    }
}

proptest::proptest! {
    /// Whatever a value is, reading it never panics: a callback's sender may change its mind.
    #[test]
    fn odd_values_are_read_without_a_panic(
        kind in "start|finish|cancel|comment|x", time in proptest::num::i64::ANY, text in ".{0,20}", number in 0..9_usize,
    ) {
        let odd = [json!(time), json!(text), json!(time.to_string()), json!(null), json!([time]), json!({"a": text}),
            json!(true), json!(0.5), json!("2026-04-16T15:34Z")];
        let value = odd[number].clone();
        for event in ["bpms_task_change", "bpms_instance_change"] {
            let fields = json!({"EventType": event, "processInstanceId": "i", "staffId": "u", "type": kind,
                "result": value, "taskId": value, "createTime": value, "finishTime": value, "remark": value});
            let notices = super::events::notices(fields.to_string().as_bytes(), NOW);
            assert_eq!(notices.unwrap().len(), 1);
        }
        let task = json!({"taskId": value, "userId": value, "createTime": value, "activityId": value, "status": value});
        let record = json!({"type": "REDIRECT_PROCESS", "date": value, "remark": value});
        super::snapshot::snapshot(&json!({"tasks": [task, value], "operationRecords": [record, value]}), NOW);
    }
}

/// What fails before the call that starts has started nothing, and is told apart from a start whose answer was lost.
#[tokio::test]
async fn what_fails_before_a_start_is_known_not_to_be_sent() {
    let platform = Platform::new().await;
    platform.says(TOKEN, 504, "<html>gateway time-out</html>");
    was_not_sent(&platform, START, platform.start(&start()).await);

    let platform = Platform::new().await;
    platform.says(SCHEMA, 504, "<html>gateway time-out</html>");
    let mut theirs = start();
    theirs.template = Some("PROC-theirs".into());
    was_not_sent(&platform, START, platform.start(&theirs).await);
}
