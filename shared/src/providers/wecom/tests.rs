//! The provider against a small server on the loopback that answers as WeCom's documentation says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod states;

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::WeCom;
use crate::approval::{Event, Mode, Outcome, TaskOutcome};
use crate::providers::directory::{Directory, Read, Step};
use crate::providers::outbound::{AddressPolicy, Outbound};
use crate::providers::testing::{FakePlatform, Manners, NOW, start, was_not_sent};
use crate::providers::{ANY_LAYOUT, Account, Check, Error, Provider, Start, Started, by_kind};

const TOKEN: &str = "GET /cgi-bin/gettoken";
const START: &str = "POST /cgi-bin/oa/applyevent";
const READ: &str = "POST /cgi-bin/oa/getapprovaldetail";
const LIST: &str = "POST /cgi-bin/oa/getapprovalinfo";
const FORMS: &str = "POST /cgi-bin/oa/approval/create_template";
const TEMPLATE: &str = "POST /cgi-bin/oa/gettemplatedetail";
const MOBILE: &str = "POST /cgi-bin/user/getuserid";
const EMAIL: &str = "POST /cgi-bin/user/get_userid_by_email";
const APP: &str = "GET /cgi-bin/agent/get";
const DEPARTMENTS: &str = "GET /cgi-bin/department/simplelist";
const PEOPLE: &str = "GET /cgi-bin/user/list";
const NAMES: &str = "GET /cgi-bin/user/simplelist";

/// A connection of a self-built app.
pub(super) fn account(endpoint: &str) -> Account {
    let mut settings = Map::new();
    for (name, value) in [("endpoint", endpoint), ("corp_id", "ww1a2b3c4d5e6f7081"), ("agent_id", "1000012")] {
        settings.insert(name.into(), value.into());
    }
    let secrets = [("app_secret", "the-app-secret"), ("token", "the-callback-token"), ("aes_key", "the-aes-key")];
    Account {
        connection: "con_1".into(),
        settings,
        secrets: secrets.map(|(name, value)| (name.to_owned(), SecretString::from(value))).into(),
        old_secrets: None,
        templates: [(ANY_LAYOUT.to_owned(), "C4RbOurs".to_owned())].into(),
    }
}

const MANNERS: Manners = Manners {
    account,
    token_call: TOKEN,
    token: |nth| json!({"errcode": 0, "errmsg": "ok", "access_token": format!("token-{nth}"), "expires_in": 7200}),
    token_header: None,
};

/// The stand-in for WeCom.
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

    /// The next answer to this call, which is always HTTP 200.
    fn answers(&self, call: &str, body: Value) -> &Self {
        self.says(call, 200, body);
        self
    }

    async fn start(&self, start: &Start) -> Result<Started, Error> {
        WeCom.start(&self.account, start, &self.calls()).await
    }

    async fn find(&self, start: &Start) -> Result<Option<Started>, Error> {
        WeCom.find(&self.account, start, &self.calls()).await
    }

    async fn create_template(&self) -> Result<String, Error> {
        WeCom.create_template(&self.account, ANY_LAYOUT, &self.calls()).await
    }
}

fn refusal(code: i64) -> Value {
    json!({"errcode": code, "errmsg": "why, hint: [1], from ip: 203.0.113.7, more info at …"})
}

fn form(id: &str, value: &str) -> Value {
    json!({"errcode": 0, "info": {"sp_no": "1", "sp_status": 1,
        "apply_data": {"contents": [{"control": "Text", "id": id, "title": [], "value": {"text": value}}]}}})
}

fn template(controls: Value) -> Value {
    json!({"errcode": 0, "template_names": [], "template_content": {"controls": controls}})
}

fn control(kind: &str, id: &str, label: &str, require: i64) -> Value {
    json!({"property": {"control": kind, "id": id, "title": [{"text": label, "lang": "zh_CN"}], "require": require},
        "config": {}})
}

#[tokio::test]
async fn a_start_sends_the_nodes_and_keeps_the_token() {
    let platform = Platform::new().await;
    platform.answers(START, json!({"errcode": 0, "errmsg": "ok", "sp_no": "202510090007"}));
    let mut start = start();
    start.nodes.push(start.nodes[1].clone());
    start.nodes[2].mode = Mode::Sequential;
    let started = platform.start(&start).await.unwrap();
    assert_eq!(started, Started { instance: "202510090007".into(), url: None });

    let sent = platform.seen(START).pop().unwrap();
    assert_eq!(sent.query, "access_token=token-1");
    assert_eq!(sent.body["creator_userid"], "manager4220");
    assert_eq!((&sent.body["template_id"], &sent.body["use_template_approver"]), (&json!("C4RbOurs"), &json!(0)));
    // All 1, any 2, in turn 3: the other way round than in the old list.
    let nodes = json!([{"type": 1, "apv_rel": 1, "userid": ["u1"]}, {"type": 1, "apv_rel": 2, "userid": ["u2", "u3"]},
        {"type": 1, "apv_rel": 3, "userid": ["u2", "u3"]}]);
    assert_eq!(sent.body["process"]["node_list"], nodes);
    let contents = sent.body["apply_data"]["contents"].as_array().unwrap();
    assert!(contents.iter().any(|entry| entry["id"] == "Text-5" && entry["value"]["text"] == "apr_01test"));
    assert_eq!(sent.body["summary_list"][0]["summary_info"][0]["text"], "Read access to orde…");

    platform.start(&start).await.unwrap();
    let tokens = platform.seen(TOKEN);
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].query, "corpid=ww1a2b3c4d5e6f7081&corpsecret=the-app-secret");
}

#[tokio::test]
async fn the_same_person_in_two_spellings_is_asked_once() {
    let platform = Platform::new().await;
    platform.answers(START, json!({"sp_no": 202_510_090_007_i64}));
    let mut start = start();
    start.nodes.truncate(1);
    start.nodes[0].approvers = vec!["LiSi".into(), "lisi".into(), "WangWu".into()];
    assert_eq!(platform.start(&start).await.unwrap().instance, "202510090007", "a number is read as text");
    assert_eq!(platform.seen(START)[0].body["process"]["node_list"][0]["userid"], json!(["LiSi", "WangWu"]));
}

#[tokio::test]
async fn a_start_that_cannot_be_is_refused_before_any_call() {
    let mut platform = Platform::new().await;
    let mut nobody = start();
    nobody.applicant = None;
    assert!(matches!(platform.start(&nobody).await, Err(Error::Refused { code, .. }) if code == "applicant_unknown"));
    let mut quorum = start();
    quorum.nodes[1].mode = Mode::AtLeast(2);
    assert!(matches!(platform.start(&quorum).await, Err(Error::Refused { code, .. }) if code == "unsupported_node"));
    platform.account.templates.clear();
    let error = platform.start(&start()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { code, .. } if code == "template_missing"));
    assert!(platform.saw_nothing());
}

#[tokio::test]
async fn a_refused_token_is_fetched_again_once() {
    for code in [40001, 40014, 42001] {
        let platform = Platform::new().await;
        platform.answers(START, refusal(code)).answers(START, json!({"sp_no": "1"}));
        platform.start(&start()).await.unwrap();
        let queries: Vec<_> = platform.seen(START).into_iter().map(|seen| seen.query).collect();
        assert_eq!(queries, ["access_token=token-1", "access_token=token-2"]);

        let refusing = Platform::new().await;
        refusing.answers(START, refusal(code));
        let error = refusing.start(&start()).await.unwrap_err();
        assert!(matches!(error, Error::TokenRefused { .. }), "{error:?}");
        assert_eq!((refusing.seen(START).len(), refusing.seen(TOKEN).len()), (2, 2));
    }
}

#[tokio::test]
async fn a_wrong_secret_is_tried_once() {
    for code in [40001, 40013, 40091] {
        let platform = Platform::new().await;
        platform.answers(TOKEN, refusal(code));
        assert!(matches!(platform.start(&start()).await, Err(Error::Credentials { .. })));
        assert_eq!((platform.seen(TOKEN).len(), platform.seen(START).len()), (1, 0));
    }
    let platform = Platform::new().await;
    platform.answers(START, refusal(40001));
    platform.says(TOKEN, 200, json!({"errcode": 0, "access_token": "token-1", "expires_in": 7200}));
    platform.answers(TOKEN, refusal(40001));
    assert!(
        matches!(platform.start(&start()).await, Err(Error::Credentials { .. })),
        "it was reset while a token was kept"
    );
    assert_eq!((platform.seen(TOKEN).len(), platform.seen(START).len()), (2, 1), "and is not tried again");
}

#[tokio::test]
async fn refusals_of_a_start_say_what_can_be_done() {
    let platform = Platform::new().await;
    for code in [301_055, 60020, 45009, 45033, -1, 301_057] {
        platform.answers(START, refusal(code));
    }
    platform.says(START, 504, "<html>gateway time-out</html>").says(START, 200, json!({"errcode": 0}));
    platform.answers(TEMPLATE, template(json!([control("Text", "Text-5", "来源编号 Reference", 1)])));
    let outcome = async || platform.start(&start()).await.unwrap_err();
    assert!(matches!(outcome().await, Error::Permission { fix, .. } if fix.contains("可调用接口的应用")));
    assert!(matches!(outcome().await, Error::Permission { fix, .. } if fix.contains("203.0.113.7")));
    assert!(matches!(outcome().await, Error::Throttled { retry_after_ms: Some(60_000), .. }));
    assert!(matches!(outcome().await, Error::Throttled { retry_after_ms: Some(1_000), .. }));
    assert!(matches!(outcome().await, Error::Unavailable { .. }), "busy: the effect is unknown");
    assert!(matches!(outcome().await, Error::Refused { code, .. } if code == "301057"));
    assert!(matches!(outcome().await, Error::Unavailable { .. }));
    assert!(matches!(outcome().await, Error::Unavailable { .. }), "no number: the effect is unknown");
    assert_eq!(platform.seen(START).len(), 8, "no start is repeated");
}

#[tokio::test]
async fn a_template_that_is_gone_is_made_again() {
    let platform = Platform::new().await;
    platform.answers(START, refusal(301_025)).answers(TEMPLATE, refusal(301_025));
    let error = platform.start(&start()).await.unwrap_err();
    assert!(matches!(error, Error::NotFound { code, .. } if code == "template_missing"));
    // What cannot be told is not believed.
    let unknown = Platform::new().await;
    unknown.answers(START, refusal(301_025)).answers(TEMPLATE, refusal(45009));
    assert!(matches!(unknown.start(&start()).await, Err(Error::Refused { code, .. }) if code == "301025"));
}

#[tokio::test]
async fn a_customers_template_is_read_and_filled() {
    let platform = Platform::new().await;
    let controls = json!([
        control("Text", "Text-21", "Title", 1),
        control("Textarea", "Textarea-22", "table", 0),
        control("Tips", "Tips-1", "note", 1),
        control("Text", "Text-23", "来源编号", 1)
    ]);
    platform.answers(TEMPLATE, template(controls)).answers(START, json!({"sp_no": "1"}));
    let mut start = start();
    start.template = Some("3TkaTheirs".into());
    platform.start(&start).await.unwrap();
    let sent = platform.seen(START).pop().unwrap().body;
    assert_eq!(sent["template_id"], "3TkaTheirs");
    let contents = sent["apply_data"]["contents"].as_array().unwrap();
    let ids: Vec<_> = contents.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["Text-21", "Textarea-22", "Text-23"]);

    let strict = Platform::new().await;
    let controls = json!([control("Text", "Text-23", "Reference", 1), control("Money", "Money-1", "Amount", 1)]);
    strict.answers(TEMPLATE, template(controls));
    let error = strict.start(&start).await.unwrap_err();
    assert!(matches!(error, Error::Refused { code, .. } if code == "template_field_required"));
    assert_eq!(strict.seen(START).len(), 0, "refused before the call");
}

#[tokio::test]
async fn a_lost_start_is_found_by_its_reference() {
    let platform = Platform::new().await;
    platform
        .answers(LIST, json!({"errcode": 0, "sp_no_list": ["1", "2"], "new_next_cursor": "c2"}))
        .answers(LIST, json!({"errcode": 0, "sp_no_list": [], "new_next_cursor": "c3"}))
        .answers(LIST, json!({"errcode": 0, "sp_no_list": ["3"]}))
        .answers(READ, form("Text-5", "apr_other"))
        .answers(READ, form("Text-1", "apr_01test"))
        .answers(READ, form("Text-5", "apr_01test"));
    let found = platform.find(&start()).await.unwrap().unwrap();
    assert_eq!(found.instance, "3", "an empty page is not the last one");
    let pages: Vec<_> = platform.seen(LIST).into_iter().map(|seen| seen.body).collect();
    let page = |cursor: &str| {
        json!({"starttime": ((NOW - 660_000) / 1_000).to_string(), "endtime": ((NOW + 600_000) / 1_000).to_string(),
            "new_cursor": cursor, "size": 100, "filters": [{"key": "template_id", "value": "C4RbOurs"},
                {"key": "creator", "value": "manager4220"}]})
    };
    assert_eq!(pages, [page(""), page("c2"), page("c3")]);
    assert_eq!(platform.seen(READ)[0].body, json!({"sp_no": "1"}));

    let empty = Platform::new().await;
    empty.answers(LIST, json!({"errcode": 0, "sp_no_list": []}));
    assert_eq!(empty.find(&start()).await, Ok(None));
}

#[tokio::test]
async fn a_long_time_is_looked_through_in_spans_of_at_most_31_days() {
    let platform = Platform::new().await;
    platform.answers(LIST, json!({"errcode": 0, "sp_no_list": []}));
    let mut start = start();
    let day = 24 * 60 * 60 * 1_000;
    start.submitted_at = NOW - 70 * day;
    assert_eq!(platform.find(&start).await, Ok(None));
    let second = |body: &Value, name: &str| body[name].as_str().unwrap().parse::<i64>().unwrap();
    let spans: Vec<_> = platform
        .seen(LIST)
        .iter()
        .map(|seen| (second(&seen.body, "starttime"), second(&seen.body, "endtime")))
        .collect();
    assert_eq!(spans.len(), 3);
    assert!(spans.iter().all(|(from, to)| from < to && to - from <= 31 * 24 * 60 * 60), "{spans:?}");
    assert!(spans.windows(2).all(|pair| pair[0].1 == pair[1].0), "{spans:?}");
    assert_eq!((spans[0].0, spans[2].1), ((start.submitted_at - 600_000) / 1_000, (NOW + 600_000) / 1_000));
}

#[tokio::test]
async fn find_never_says_none_when_it_does_not_know() {
    let platform = Platform::new().await;
    platform.answers(LIST, json!({"sp_no_list": ["1"]})).answers(READ, refusal(45009)).answers(READ, refusal(301_025));
    assert!(matches!(platform.find(&start()).await, Err(Error::Throttled { .. })));
    assert!(matches!(platform.find(&start()).await, Err(Error::Unavailable { .. })));

    let endless = Platform::new().await;
    for page in 0..60 {
        endless.answers(LIST, json!({"sp_no_list": [], "new_next_cursor": format!("c{page}")}));
    }
    assert!(matches!(endless.find(&start()).await, Err(Error::Unavailable { .. })));
    let many = Platform::new().await;
    let numbers: Vec<_> = (0..301).map(|number| number.to_string()).collect();
    many.answers(LIST, json!({"sp_no_list": numbers})).answers(READ, form("Text-5", "apr_other"));
    assert!(matches!(many.find(&start()).await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn fetch_reads_the_instance() {
    let platform = Platform::new().await;
    let piece = json!({"userid": "u1", "speech": "", "sp_yj": 2, "sptime": 1_760_000_344, "media_ids": []});
    let info = json!({"sp_no": "1", "sp_status": 2, "apply_time": 1_760_000_001,
        "process_list": {"node_list": [{"node_type": 1, "sp_status": 2, "apv_rel": 1, "sub_node_list": [piece]}]}});
    platform.answers(READ, json!({"errcode": 0, "info": info})).answers(READ, json!({"errcode": 0}));
    let calls = platform.calls();
    let read = WeCom.fetch(&platform.account, "202510090007", &calls).await.unwrap();
    let Event::Snapshot(snapshot) = read else { panic!() };
    assert_eq!(snapshot.outcome, Some((Outcome::Approved, 1_760_000_344_000)));
    assert_eq!(snapshot.tasks[0].1.end.as_ref().unwrap().outcome, TaskOutcome::Approved);
    assert_eq!(platform.seen(READ)[0].body, json!({"sp_no": "202510090007"}), "a text, never a number");
    assert!(matches!(WeCom.fetch(&platform.account, "1", &calls).await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn what_wecom_cannot_do_is_a_value() {
    let platform = Platform::new().await;
    let error = WeCom.cancel(&platform.account, "1", "u1", "why", &platform.calls()).await.unwrap_err();
    assert_eq!(error.to_string(), "WeCom cannot withdraw an approval");
    assert!(matches!(error, Error::Unsupported { .. }) && platform.saw_nothing());
    let provider = by_kind("wecom").unwrap();
    assert!(provider.refuses(Mode::AtLeast(1), 3).is_some() && provider.refuses(Mode::Any, 0).is_some());
    for mode in [Mode::Any, Mode::All, Mode::Sequential] {
        assert!(provider.refuses(mode, 3).is_none(), "{mode:?}");
    }
    let keys: Vec<_> = provider.generated_keys().to_vec();
    assert_eq!(keys, [("token", 32), ("aes_key", 43)]);
}

#[tokio::test]
async fn the_template_is_made_once_and_kept() {
    let mut platform = Platform::new().await;
    platform.account.templates.clear();
    platform.answers(FORMS, json!({"errcode": 0, "template_id": "C4RbNew"}));
    assert_eq!(platform.create_template().await.unwrap(), "C4RbNew");
    let form = platform.seen(FORMS).pop().unwrap().body;
    assert_eq!(form["template_name"], json!([{"text": "审批申请 (Countersign)", "lang": "zh_CN"}]));
    let reference = &form["template_content"]["controls"][4]["property"];
    let expected = json!({"control": "Text", "id": "Text-5", "title": [{"text": "来源编号 Reference", "lang": "zh_CN"}],
        "require": 1, "un_print": 0});
    assert_eq!(reference, &expected);

    platform.account.templates = [(ANY_LAYOUT.to_owned(), "C4RbNew".to_owned())].into();
    platform.answers(TEMPLATE, template(json!([control("Text", "Text-5", "来源编号 Reference", 1)])));
    assert_eq!(platform.create_template().await.unwrap(), "C4RbNew");
    assert_eq!(platform.seen(FORMS).len(), 1, "what is there is kept");
}

#[tokio::test]
async fn a_lost_template_is_replaced_under_another_name() {
    let platform = Platform::new().await;
    platform
        .answers(TEMPLATE, refusal(301_025))
        .answers(FORMS, refusal(301_086))
        .answers(FORMS, json!({"errcode": 0, "template_id": "C4RbSecond"}));
    assert_eq!(platform.create_template().await.unwrap(), "C4RbSecond");
    let names: Vec<_> = platform.seen(FORMS).iter().map(|seen| seen.body["template_name"][0]["text"].clone()).collect();
    assert_eq!(names[0], "审批申请 (Countersign)");
    assert!(
        names[1].as_str().unwrap().starts_with("审批申请 (Countersign ")
            && names[1].as_str().unwrap().chars().count() <= 40
    );
}

#[tokio::test]
async fn a_template_that_cannot_be_made_says_why() {
    for (code, calls, text) in
        [(301_088, 1, "no"), (301_087, 1, "delete some"), (301_086, 2, "its name is taken"), (620_004, 1, "")]
    {
        let mut platform = Platform::new().await;
        platform.account.templates.clear();
        platform.answers(FORMS, refusal(code));
        let error = platform.create_template().await.unwrap_err();
        assert_eq!(platform.seen(FORMS).len(), calls, "{code}");
        match (code, &error) {
            (301_088, Error::Permission { fix, .. }) => assert!(fix.contains("可调用接口的应用")),
            (620_004, Error::Unavailable { .. }) => {}
            (_, Error::Refused { message, .. }) => assert!(message.contains(text), "{message}"),
            _ => panic!("{error:?}"),
        }
    }
    let platform = Platform::new().await;
    platform.answers(TEMPLATE, refusal(301_055));
    assert!(matches!(platform.create_template().await, Err(Error::Permission { .. })));
    assert_eq!(platform.seen(FORMS).len(), 0, "a template that cannot be read may be there");
}

#[tokio::test]
async fn people_are_found_by_mobile_number_and_by_corporate_mail() {
    let platform = Platform::new().await;
    platform
        .answers(MOBILE, json!({"errcode": 0, "userid": "LiSi"}))
        .answers(MOBILE, refusal(46004))
        .answers(EMAIL, json!({"errcode": 0, "userid": "WangWu"}))
        .answers(EMAIL, refusal(46004));
    let (account, calls) = (&platform.account, platform.calls());
    assert_eq!(WeCom.account_by_mobile(account, "+86 13800000001", &calls).await.unwrap(), "LiSi");
    assert_eq!(platform.seen(MOBILE)[0].body, json!({"mobile": "13800000001"}));
    let error = WeCom.account_by_mobile(account, "13800000002", &calls).await.unwrap_err();
    assert!(
        matches!(&error, Error::NotFound { message, .. } if message.contains("blocks the call for a day")),
        "{error}"
    );
    assert_eq!(WeCom.account_by_email(account, "a@b.example", &calls).await.unwrap(), "WangWu");
    assert_eq!(platform.seen(EMAIL)[0].body, json!({"email": "a@b.example", "email_type": 1}));
    assert!(matches!(WeCom.account_by_email(account, "c@b.example", &calls).await, Err(Error::NotFound { .. })));
    assert_eq!((platform.seen(MOBILE).len(), platform.seen(EMAIL).len()), (2, 2), "a miss is not repeated");
}

#[tokio::test]
async fn what_cannot_be_a_number_or_an_address_is_no_miss() {
    let platform = Platform::new().await;
    for mobile in ["", "12", "somebody", "+", "1380000000１", &"9".repeat(40)] {
        let found = WeCom.account_by_mobile(&platform.account, mobile, &platform.calls()).await;
        assert!(matches!(found, Err(Error::NotFound { .. })), "{mobile}");
    }
    for email in ["", "somebody", "@b.example", "a@b", "a b@c.example"] {
        let found = WeCom.account_by_email(&platform.account, email, &platform.calls()).await;
        assert!(matches!(found, Err(Error::NotFound { .. })), "{email}");
    }
    assert!(platform.saw_nothing());
}

#[tokio::test]
async fn the_directory_walks_the_departments() {
    let platform = Platform::new().await;
    platform
        .answers(DEPARTMENTS, json!({"department_id": [{"id": 1, "parentid": 0}, {"id": "2", "parentid": 1}]}))
        .answers(
            PEOPLE,
            json!({"userlist": [{"userid": "LiSi", "name": "李四", "mobile": "13800000001", "biz_mail": "l@b.example"},
            {"userid": "Gone", "status": 5}]}),
        )
        .answers(PEOPLE, refusal(45029))
        .answers(NAMES, json!({"userlist": [{"userid": "lisi", "name": "李四"}, {"userid": "WangWu"}, {"name": "x"}]}));
    let read = async |step: Step| WeCom.read(&platform.account, &step, &platform.calls()).await;
    let department = Step::department("1");
    let Ok(Read::Found { steps, .. }) = read(department).await else { panic!("a department") };
    assert_eq!(steps, [Step::people("1"), Step::people("2")]);
    assert_eq!(platform.seen(DEPARTMENTS)[0].query, "id=1&access_token=token-1");
    let mut found = Vec::new();
    for step in steps {
        let Ok(Read::Found { people, .. }) = read(step).await else { panic!("people") };
        found.extend(people);
    }
    let people: Vec<_> = found.iter().map(|entry| (entry.account.as_str(), entry.contact.name.as_deref())).collect();
    assert_eq!(people, [("LiSi", Some("李四")), ("lisi", Some("李四")), ("WangWu", None)], "who has left is nobody");
    assert_eq!(
        (found[0].contact.mobile.as_deref(), found[0].contact.email.as_deref()),
        (Some("+8613800000001"), Some("l@b.example"))
    );
    assert_eq!(platform.seen(NAMES)[0].query, "department_id=2&access_token=token-1");
    let unknown = read(Step::department("sales")).await;
    assert!(matches!(unknown, Err(Error::Refused { code, .. }) if code == "department_unknown"));

    let ranged = Platform::new().await;
    ranged
        .answers(
            "GET /cgi-bin/agent/get",
            json!({"errcode": 0, "allow_userinfos": {"user": [{"userid": "LiSi"}]},
            "allow_partys": {"partyid": [2]}, "allow_tags": {"tagid": [7]}}),
        )
        .answers("GET /cgi-bin/tag/get", json!({"errcode": 0, "userlist": [{"userid": "WangWu"}], "partylist": [3]}))
        .answers("GET /cgi-bin/user/get", refusal(60111));
    let read = async |step: Step| WeCom.read(&ranged.account, &step, &ranged.calls()).await;
    let Ok(Read::Found { steps, .. }) = read(Step::ALL).await else { panic!("the range") };
    assert_eq!(steps, [Step::group("7"), Step::person("LiSi"), Step::department("2")]);
    let Ok(Read::Found { steps, .. }) = read(Step::group("7")).await else { panic!("a tag") };
    assert_eq!(steps, [Step::person("WangWu"), Step::department("3")]);
    assert!(matches!(read(Step::person("LiSi")).await, Ok(Read::Missing(_))));
}

#[tokio::test]
async fn silence_is_unavailable_and_shows_no_secret() {
    let mut platform = Platform::new().await;
    platform.account.settings.insert("endpoint".into(), "http://127.0.0.1:1".into());
    let error = platform.start(&start()).await.unwrap_err();
    assert_eq!(error, Error::NotSent { message: "no connection to 127.0.0.1".into(), fix: None });
    let shown = format!("{:?} {:?}", platform.account, error);
    assert!(!shown.contains("the-app-secret") && !shown.contains("the-callback-token"), "{shown}");
    platform.http = Outbound::new(AddressPolicy::PublicOnly, Duration::from_millis(500));
    assert!(matches!(platform.start(&start()).await, Err(Error::Refused { .. })));

    let repeating = Platform::new().await;
    repeating
        .answers(START, json!({"errcode": 99, "errmsg": "bad ?access_token=token-1&x"}))
        .answers(TEMPLATE, json!({"errcode": 99, "errmsg": "token-1"}))
        .answers(TOKEN, json!({"errcode": 0, "access_token": "token-1", "expires_in": 7200}));
    let error = repeating.start(&start()).await.unwrap_err();
    assert!(!format!("{error:?}").contains("token-1"), "{error:?}");
    let wrong = Platform::new().await;
    wrong.answers(TOKEN, json!({"errcode": 40001, "errmsg": "bad secret the-app-secret"}));
    let error = wrong.start(&start()).await.unwrap_err();
    assert!(!format!("{error:?}").contains("the-app-secret"), "{error:?}");
}

fn check<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap()
}

#[tokio::test]
async fn a_connection_test_names_what_is_missing_and_where() {
    let platform = Platform::new().await;
    platform
        .answers(APP, refusal(60020))
        .answers(LIST, refusal(301_055))
        .answers(TEMPLATE, refusal(301_025))
        .answers(DEPARTMENTS, refusal(60011));
    let checks = WeCom.test_connection(&platform.account, &platform.calls()).await;
    assert!(check(&checks, "credentials").ok, "a token is given to any address");
    for (name, fix) in [
        ("trusted_ip", "203.0.113.7"),
        ("approval", "可调用接口的应用"),
        ("template", "Make the template again"),
        ("contacts", "可见范围"),
    ] {
        let check = check(&checks, name);
        assert!(!check.ok && check.fix.contains(fix), "{check:?}");
    }
    assert_eq!(platform.seen(MOBILE).len() + platform.seen(EMAIL).len(), 0, "nobody is looked for");
    assert_eq!(platform.seen(APP)[0].query, "agentid=1000012&access_token=token-1");
}

#[tokio::test]
async fn a_connection_test_passes() {
    let platform = Platform::new().await;
    platform
        .answers(APP, json!({"errcode": 0, "agentid": 1_000_012, "close": 0}))
        .answers(LIST, json!({"errcode": 0, "sp_no_list": []}))
        .answers(TEMPLATE, template(json!([control("Text", "Text-5", "来源编号 Reference", 1)])))
        .answers(DEPARTMENTS, json!({"department_id": [{"id": 7}]}))
        .answers("GET /cgi-bin/user/list", json!({"userlist": [{"userid": "a", "name": "A"}]}));
    let checks = WeCom.test_connection(&platform.account, &platform.calls()).await;
    let names: Vec<_> = checks.iter().map(|check| check.name).collect();
    assert_eq!(names, ["credentials", "trusted_ip", "approval", "template", "contacts", "department_members"]);
    assert!(checks.iter().all(|check| check.ok && check.fix.is_empty()), "{checks:?}");
    assert!(checks[5].detail.contains("people in department 7: 1"), "{checks:?}");
}

#[tokio::test]
async fn a_connection_test_tries_the_people_of_a_department() {
    let platform = Platform::new().await;
    platform
        .answers(DEPARTMENTS, json!({"department_id": [{"id": 7}]}))
        .answers("GET /cgi-bin/user/list", refusal(48002))
        .answers("GET /cgi-bin/user/simplelist", refusal(60011));
    let checks = WeCom.test_connection(&platform.account, &platform.calls()).await;
    let people = check(&checks, "department_members");
    assert!(check(&checks, "contacts").ok && !people.ok && people.fix.contains("可见范围"), "{people:?}");
}

#[tokio::test]
async fn a_connection_test_with_wrong_credentials_says_so_and_stops() {
    let platform = Platform::new().await;
    platform.answers(TOKEN, refusal(40001));
    let checks = WeCom.test_connection(&platform.account, &platform.calls()).await;
    assert!(checks.len() == 1 && !checks[0].ok && checks[0].fix.contains("Secret"), "{checks:?}");
    let other_app = Platform::new().await;
    other_app.answers(APP, refusal(301_002));
    let checks = WeCom.test_connection(&other_app.account, &other_app.calls()).await;
    assert!(check(&checks, "trusted_ip").fix.contains("AgentId"), "{checks:?}");
    let closed = Platform::new().await;
    closed.answers(APP, json!({"errcode": 0, "close": 1}));
    let checks = WeCom.test_connection(&closed.account, &closed.calls()).await;
    assert!(!check(&checks, "trusted_ip").ok);
}

/// What fails before the call that starts has started nothing, and is told apart from a start whose answer was lost.
#[tokio::test]
async fn what_fails_before_a_start_is_known_not_to_be_sent() {
    let platform = Platform::new().await;
    platform.says(TOKEN, 504, "<html>gateway time-out</html>");
    was_not_sent(&platform, START, platform.start(&start()).await);

    let platform = Platform::new().await;
    platform.says(TEMPLATE, 504, "<html>gateway time-out</html>");
    let mut theirs = start();
    theirs.template = Some("their-template".into());
    was_not_sent(&platform, START, platform.start(&theirs).await);
}
