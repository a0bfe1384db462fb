//! A Quick BI: its open approval API, in the cloud and deployed privately. It checks what it is sent by code of its own, written
//! from the vendor's description of the two signatures.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The access key that it knows.
pub(super) const KEY_ID: &str = "LTAI5tQuickBiTest";
/// Its secret.
pub(super) const SECRET: &str = "quick-bi-access-key-secret";

/// Most forms on a page, whatever is asked for.
const PAGE: usize = 2;

#[derive(Debug, Default)]
struct Inner {
    forms: Vec<Value>,
    /// Whose forms were asked for, and which.
    asked: Vec<(String, String)>,
    /// What was called back: form, status, reason.
    told: Vec<(String, String, String)>,
    /// What is answered to the next calls back instead.
    answers: VecDeque<(u16, Value)>,
    /// People who are unknown.
    strangers: BTreeSet<String>,
    nonces: BTreeSet<String>,
    is_down: bool,
    /// What was wrong with calls.
    wrong: Vec<String>,
}

/// The server. Clones share everything.
#[derive(Clone)]
pub(super) struct QuickBi {
    /// Where it is, with no slash at the end.
    pub(super) url: String,
    inner: Arc<Mutex<Inner>>,
}

impl QuickBi {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let played = Self { url, inner: Arc::default() };
        let router = Router::new().fallback(serve).with_state(played.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        played
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody asks for access. Times are as the samples have them: one in seconds, the others in milliseconds.
    pub(super) fn ask(&self, application: &str, applicant: &str, approver: &str) {
        self.lock().forms.push(json!({
            "ApplicationId": application, "ApplicantId": applicant, "ApplicantName": "李娜", "ApplyReason": "monthly report",
            "ApproverId": approver, "ApproverName": "王芳", "ResourceId": "res-1", "ResourceName": "Sales dashboard",
            "ResourceType": "dashboard", "WorkspaceName": "Finance", "ExpireDate": 4_102_444_800_000_i64,
            "GmtCreate": 1_790_000_000, "GmtModified": 1_790_000_000_000_i64, "FlagStatus": 0, "HandleReason": null,
            "DeleteFlag": false}));
    }

    /// Changes a form as somebody at Quick BI would.
    pub(super) fn set(&self, application: &str, name: &str, value: Value) {
        let mut inner = self.lock();
        let form = inner.forms.iter_mut().find(|form| form["ApplicationId"] == application).unwrap();
        form[name] = value;
    }

    /// A form's state.
    pub(super) fn flag(&self, application: &str) -> i64 {
        let inner = self.lock();
        inner.forms.iter().find(|form| form["ApplicationId"] == application).unwrap()["FlagStatus"].as_i64().unwrap()
    }

    /// What was called back: form, status, reason.
    pub(super) fn told(&self) -> Vec<(String, String, String)> {
        self.lock().told.clone()
    }

    /// Whose waiting forms were asked for, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.lock().asked.iter().filter(|(_, status)| status == "0").map(|(user, _)| user.clone()).collect()
    }

    /// Answers the next call back so.
    pub(super) fn answer_next(&self, status: u16, body: Value) {
        self.lock().answers.push_back((status, body));
    }

    /// Does not know this person.
    pub(super) fn forget(&self, person: &str) {
        self.lock().strangers.insert(person.to_owned());
    }

    /// Answers every call with its own error, or no longer.
    pub(super) fn set_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    /// What was wrong with calls.
    pub(super) fn wrong(&self) -> Vec<String> {
        self.lock().wrong.clone()
    }

    fn query(&self, given: &BTreeMap<String, String>) -> Result<Value, &'static str> {
        let mut inner = self.lock();
        let user = given.get("UserId").filter(|user| !user.is_empty()).ok_or("Invalid.Parameter")?.clone();
        let status = given.get("Status").cloned().unwrap_or_default();
        inner.asked.push((user.clone(), status.clone()));
        if inner.strangers.contains(&user) {
            return Err("User.Not.In.Organization");
        }
        let page: usize = given.get("Page").and_then(|page| page.parse().ok()).unwrap_or(1);
        let is_wanted =
            |form: &&Value| form["ApproverId"] == user.as_str() && (form["FlagStatus"] == 0) == (status == "0");
        let found: Vec<Value> = inner.forms.iter().filter(is_wanted).cloned().collect();
        let data: Vec<Value> = found.iter().skip((page - 1) * PAGE).take(PAGE).cloned().collect();
        Ok(json!({"Data": data, "Page": page, "PageSize": PAGE, "Start": (page - 1) * PAGE, "Total": found.len(),
            "TotalPages": found.len().div_ceil(PAGE)}))
    }

    fn result(&self, given: &BTreeMap<String, String>) -> Result<Value, (u16, Value)> {
        let refused = |code: &str| (400, json!({"RequestId": "r", "Code": code, "Message": "m", "Success": false}));
        let part = |name: &str| given.get(name).cloned().unwrap_or_default();
        let (application, status, reason) = (part("ApplicationId"), part("Status"), part("HandleReason"));
        let mut inner = self.lock();
        inner.told.push((application.clone(), status.clone(), reason.clone()));
        if let Some(answer) = inner.answers.pop_front() {
            return Err(answer);
        }
        if reason.is_empty() || !["1", "2"].contains(&status.as_str()) {
            return Err(refused("Invalid.Parameter"));
        }
        let form = inner.forms.iter_mut().find(|form| form["ApplicationId"] == application.as_str());
        let form = form.ok_or_else(|| refused("Application.NotExist"))?;
        if form["FlagStatus"] != 0 {
            return Err(refused("Application.RecordClosed"));
        }
        form["FlagStatus"] = json!(status.parse::<i64>().unwrap());
        Ok(json!(true))
    }
}

type Reply = (StatusCode, axum::Json<Value>);

async fn serve(State(played): State<QuickBi>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Reply {
    let given: BTreeMap<String, String> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let is_private = headers.contains_key("x-gw-signature");
    let checked = if is_private {
        check_private(&method, &uri, &headers, &given)
    } else {
        check_cloud(&method, &uri, &headers, &body, &given)
    };
    let nonce = match checked {
        Ok(nonce) => nonce,
        Err(why) => return wrong(&played, why),
    };
    if !played.lock().nonces.insert(nonce) {
        return wrong(&played, "SignatureNonceUsed");
    }
    if played.lock().is_down {
        return reply(
            400,
            json!({"RequestId": "r", "Code": "Internal.System.Error", "Message": "An internal system error"}),
        );
    }
    let action = headers.get("x-acs-action").and_then(|action| action.to_str().ok()).unwrap_or_else(|| uri.path());
    // Privately, names begin with a small letter, and what is written may be in the body.
    let in_body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let in_body = in_body
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    let given: BTreeMap<String, String> =
        given.into_iter().chain(in_body).map(|(name, value)| (upper(&name), value)).collect();
    let result = match action {
        "QueryApprovalInfo" | "/openapi/v2/approval/queryApprovalInfo" => played.query(&given).map_err(|code| {
            (400, json!({"RequestId": "r", "Code": code, "Message": "The specified user is not in the organizational unit."}))
        }),
        "ResultCallback" | "/own/result" => played.result(&given),
        _ => Err((404, json!({"Code": "InvalidAction.NotFound", "Message": action}))),
    };
    match result {
        Ok(result) if is_private => reply(200, json!({"success": true, "data": result, "traceId": "t"})),
        Ok(result) => reply(200, json!({"RequestId": "r", "Success": true, "Result": result})),
        Err((status, body)) => reply(status, body),
    }
}

fn reply(status: u16, body: Value) -> Reply {
    (StatusCode::from_u16(status).unwrap(), axum::Json(body))
}

fn wrong(played: &QuickBi, why: &str) -> Reply {
    played.lock().wrong.push(why.to_owned());
    reply(403, json!({"RequestId": "r", "Code": why, "Message": "The request cannot be verified"}))
}

fn upper(name: &str) -> String {
    name[..1].to_uppercase() + &name[1..]
}

fn check_cloud(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    given: &BTreeMap<String, String>,
) -> Result<String, &'static str> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let authorization = header("authorization").strip_prefix("ACS3-HMAC-SHA256 ").ok_or("MissingAuthorization")?;
    let parts: BTreeMap<&str, &str> = authorization.split(',').filter_map(|part| part.split_once('=')).collect();
    let part = |name: &str| parts.get(name).copied().unwrap_or_default();
    if part("Credential") != KEY_ID {
        return Err("InvalidAccessKeyId.NotFound");
    }
    if header("x-acs-version") != "2022-01-01" || header("x-acs-content-sha256") != hex(&Sha256::digest(body)) {
        return Err("InvalidHeader");
    }
    let date = header("x-acs-date");
    if date.len() != "2026-01-01T00:00:00Z".len() || !date.ends_with('Z') {
        return Err("InvalidTimeStamp.Format");
    }
    let signed: Vec<&str> = part("SignedHeaders").split(';').collect();
    let all: Vec<&str> = headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-acs-")).collect();
    if !signed.is_sorted() || !signed.contains(&"host") || !all.iter().all(|name| signed.contains(name)) {
        return Err("InvalidSignedHeaders");
    }
    let query: Vec<String> =
        given.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    let lines: String = signed.iter().map(|name| format!("{name}:{}\n", header(name).trim())).collect();
    let request =
        [method.as_str(), uri.path(), &query.join("&"), &lines, part("SignedHeaders"), header("x-acs-content-sha256")];
    let text = format!("ACS3-HMAC-SHA256\n{}", hex(&Sha256::digest(request.join("\n"))));
    let is_right = hex(&hmac(SECRET.as_bytes(), text.as_bytes())) == part("Signature");
    if is_right { Ok(header("x-acs-signature-nonce").to_owned()) } else { Err("SignatureDoesNotMatch") }
}

fn check_private(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    given: &BTreeMap<String, String>,
) -> Result<String, &'static str> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (id, nonce, at) = (header("x-gw-accessid"), header("x-gw-nonce"), header("x-gw-timestamp"));
    if id != KEY_ID || nonce.len() != 36 || at.len() != 13 {
        return Err("InvalidHeader");
    }
    let pairs: Vec<String> =
        given.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={value}")).collect();
    let pairs = if pairs.is_empty() { String::new() } else { format!("\n{}", pairs.join("&")) };
    let text = format!("{method}\n{}{pairs}\nX-Gw-AccessId:{id}\nX-Gw-Nonce:{nonce}\nX-Gw-Timestamp:{at}", uri.path());
    let signature = STANDARD.encode(hmac(SECRET.as_bytes(), encoded(&text).as_bytes()));
    if signature == header("x-gw-signature") { Ok(nonce.to_owned()) } else { Err("SignatureDoesNotMatch") }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// RFC 2104, by hand.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64, "a longer key would be hashed first");
    let pad = |with: u8| (0..64).map(|at| key.get(at).copied().unwrap_or_default() ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([pad(0x36), message.to_vec()].concat());
    Sha256::digest([pad(0x5c), inner.to_vec()].concat()).to_vec()
}

/// What a push is signed with, in hex.
pub(super) fn sign(timestamp: &str, nonce: &str, token: &str) -> String {
    hex(&Sha256::digest([timestamp, nonce, token].concat()))
}

#[test]
fn its_own_signatures_are_the_vendors() {
    // RFC 4231, test case 2.
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(hex(&hmac(b"Jefe", b"what do ya want for nothing?")), expected);
    let expected = "786ea351f76bf04b0984ba507d33585c77fa1c3012e426acd18eebfd6a20e6a4";
    assert_eq!(sign("1705398011696", "abc123", "secret-token"), expected);
}
