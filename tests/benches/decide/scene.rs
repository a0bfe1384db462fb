//! An organisation with a DingTalk connection, running approvals, and callbacks that decide them.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use countersign::approval::{Approval, DecidedBy, Event, Mode, Node, Person, Stage, TaskFact};
use countersign::clock::World;
use countersign::crypto::envelope::Keys;
use countersign::engine::App;
use countersign::ids::{ApprovalId, ConnectionId, SourceId};
use countersign::resources::organization::default_org;
use countersign::resources::{Connection, SealedSecret};
use countersign::store::approvals::Record;
use countersign::store::references::Reference;
use countersign::store::{Resource, Spent, Store, create_table};
use countersign_tests::http::test_app;
use countersign_tests::{TestClock, client};
use secrecy::SecretString;
use serde_json::{Map, json};
use tower::ServiceExt;

const NOW: i64 = 1_790_000_000_000;
const APP_KEY: &str = "dingbenchappkey00001";
const TOKEN: &str = "tkn4GatewayBench1";
const AES_KEY: &str = "RZ3T1iUqGI1hvZR95bZgq0rVSlSUiXc7Ab2cbbu2HbA";
const APPROVER: &str = "manager4220";

/// Everything that is there before a callback comes.
pub(crate) struct Scene {
    app: App,
    router: Router,
    connection: ConnectionId,
    keys: Keys,
}

/// A callback, ready to be sent.
pub(crate) struct Sent {
    uri: String,
    body: String,
}

impl Scene {
    /// A table with one connection. The clock stands still, so that the connection is read once.
    pub(crate) async fn new(endpoint: &str) -> Self {
        let client = client(endpoint);
        create_table(&client, "bench").await.unwrap();
        let world = TestClock::at(NOW).world();
        let app = test_app(Store::new(client, "bench"), world.clone());
        let connection = connection(&app, &world).await;
        app.store.create(&connection).await.unwrap();
        let keys = Keys::new(&TOKEN.into(), &AES_KEY.into()).unwrap();
        let router = countersign_provider_callback::routes(app.clone());
        Self { router, connection: connection.id, keys, app }
    }

    /// What the table's requests have cost so far.
    pub(crate) fn spent(&self) -> Spent {
        self.app.store.meter().spent()
    }

    /// New approvals of two nodes, and for each the callback that decides its first.
    pub(crate) async fn deciding(&self, count: u32) -> Vec<Sent> {
        let mut callbacks = Vec::new();
        for _ in 0..count {
            let id = ApprovalId::new(&self.app.world);
            let instance = format!("Xy3-{id}");
            let reference = Reference { approval: id.clone(), stage: 0 };
            self.app.store.create_reference(&self.connection, &instance, &reference).await.unwrap();
            let mut record = self.record(id, &instance);
            self.app.store.create_approval(&mut record).await.unwrap();
            callbacks.push(self.callback(&instance));
        }
        callbacks
    }

    /// Sends a callback and sees to it that it was taken in.
    pub(crate) async fn send(&self, callback: &Sent) {
        let request = Request::post(&callback.uri)
            .header("content-type", "application/json")
            .body(Body::from(callback.body.clone()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(to_bytes(response.into_body(), 4096).await.unwrap().starts_with(br#"{"msg_signature""#));
    }

    fn record(&self, id: ApprovalId, instance: &str) -> Record {
        let person = |account: &str| Person { account: Some(account.into()), ..Person::default() };
        let node = |name: &str| Node::new(name, Mode::Any, vec![person(APPROVER), person("manager4221")]);
        let nodes = vec![node("Owner"), node("Security")];
        let stage = Stage::new(self.connection.to_string(), "dingtalk".into(), DecidedBy::Platform, nodes);
        let mut state = Approval::new(NOW, person("applicant1"), vec![stage], NOW);
        state.started(0, instance.into(), Some(format!("https://aflow.dingtalk.com/?procInstId={instance}")), NOW);
        let fact = TaskFact { assignee: APPROVER.into(), opened_at: Some(NOW), ..TaskFact::default() };
        assert!(state.apply(0, Event::Task { task: "80000000001".into(), fact }));
        Record {
            id,
            org: default_org(),
            source: SourceId::new(&self.app.world),
            workspace: None,
            flow: None,
            title: "Read access to orders".into(),
            updated_at: NOW,
            due_at: Some(NOW + 3_600_000),
            rule: None,
            failure: None,
            trouble: None,
            version: 0,
            state,
        }
    }

    /// The event of a task that was approved.
    fn callback(&self, instance: &str) -> Sent {
        let event = json!({
            "EventType": "bpms_task_change", "EventTime": NOW + 60_000, "type": "finish", "result": "agree",
            "CorpId": "ding0123456789abcdef0123456789abcdef", "eventId": "0123456789abcdef0123456789abcdef",
            "processInstanceId": instance, "processCode": "PROC-00000000-1111-2222-3333-444444444444",
            "businessId": "202609211200000001234", "title": "张三提交的“生产发布”", "remark": "同意",
            "taskId": 80_000_000_001_i64, "staffId": APPROVER, "createTime": NOW, "finishTime": NOW + 60_000,
            "url": format!("https://aflow.dingtalk.com/dingtalk/mobile/homepage.htm?procInstId={instance}"),
        });
        let encrypt = self.keys.encrypt([7; 16], event.to_string().as_bytes(), APP_KEY.as_bytes());
        let signature = self.keys.signature("1790000000555", "Zx9Qw8Er", &encrypt);
        Sent {
            uri: format!("/callbacks/{}?signature={signature}&timestamp=1790000000555&nonce=Zx9Qw8Er", self.connection),
            body: json!({ "encrypt": encrypt }).to_string(),
        }
    }
}

async fn connection(app: &App, world: &World) -> Connection {
    let mut connection = Connection {
        id: ConnectionId::new(world),
        org: default_org(),
        kind: "dingtalk".into(),
        name: "Bench".into(),
        settings: Map::from_iter([("app_key".to_owned(), APP_KEY.into())]),
        secrets: Default::default(),
        old_secrets: Default::default(),
        templates: std::collections::BTreeMap::new(),
        default_applicant: None,
        monthly_quota: None,
        of_owner: true,
        created_at: NOW,
    };
    let sealer = app.data_key.sealer().await.unwrap();
    for (name, secret) in [("app_secret", "s"), ("token", TOKEN), ("aes_key", AES_KEY)] {
        let secret = SecretString::from(secret);
        let sealed = SealedSecret::seal(sealer, &secret, &connection.key(), name, world).unwrap();
        connection.secrets.insert(name.into(), sealed);
    }
    connection
}
