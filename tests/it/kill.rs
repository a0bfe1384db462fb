//! The real program, killed under load and started again: what was answered is there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use countersign::clock::World;
use countersign::crypto::api_key::ApiKey;
use countersign_local::run::{Options, start};
use countersign_tests::MovedClock;
use countersign_tests::local::{Api, OWNER, TempDir, eventually, request};
use countersign_tests::port::Port;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// The load runs until so many more submits are answered, give or take, and no longer than this.
const SUBMITS: usize = 6;
const MAX_LOAD: Duration = Duration::from_secs(3);
const ROUNDS: usize = 5;

/// What was answered before a kill.
#[derive(Debug, Default, Clone)]
struct Answered {
    /// By idempotency key: the approval, if the submit was answered.
    submitted: BTreeMap<String, Option<Value>>,
    /// Ids of the approvals whose approval on the platform was answered.
    decided: BTreeSet<String>,
}

impl Answered {
    /// Submits that were answered.
    fn count(&self) -> usize {
        self.submitted.values().flatten().count()
    }
}

async fn until_answered(answered: &Mutex<Answered>, count: usize) {
    let began = Instant::now();
    while answered.lock().unwrap().count() < count && began.elapsed() < MAX_LOAD {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The program with a data folder of its own.
struct Program {
    child: Child,
    api: Api,
}

impl Program {
    async fn start(data: &TempDir, address: SocketAddr, key: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_countersign-under-test"))
            .args(["--listen", &address.to_string(), "--data-dir"])
            .arg(data.path())
            .env("COUNTERSIGN_OWNER_KEY", key)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let api = Api::new(format!("http://{address}"), key);
        eventually("the program", async || match api.try_send("GET", "/health", &[], Vec::new()).await {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        Self { child, api }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Submits, and approves where `decides`, until the program does not answer any more.
async fn load(api: Api, name: String, decides: bool, answered: Arc<Mutex<Answered>>) {
    for n in 0.. {
        let key = format!("{name}-{n}");
        answered.lock().unwrap().submitted.insert(key.clone(), None);
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let sent = api.try_send("POST", "/v1/approvals", &headers, request().to_string().into_bytes()).await;
        let Ok(answer) = sent else { return };
        assert!([201, 202].contains(&answer.status), "{}", answer.text);
        let approval = answer.json;
        answered.lock().unwrap().submitted.insert(key, Some(approval.clone()));
        let Some(instance) = approval["stages"][0]["instance"].as_str().filter(|_| decides) else { continue };
        let deed = json!({"user": OWNER, "action": "approve"}).to_string().into_bytes();
        let path = format!("/sandbox/dingtalk/_/instances/{instance}/act");
        let Ok(answer) = api.try_send("POST", &path, &[("content-type", "application/json")], deed).await else {
            return;
        };
        assert_eq!(answer.status, 200, "{}", answer.text);
        answered.lock().unwrap().decided.insert(approval["id"].as_str().unwrap().to_owned());
    }
}

/// Everything that was answered is there, no less far than it was.
async fn check(api: &Api, answered: &Answered) {
    for approval in answered.submitted.values().flatten() {
        let now = api.approval(approval).await;
        assert_eq!((&now["id"], &now["created_at"]), (&approval["id"], &approval["created_at"]));
        assert!(now["version"].as_u64() >= approval["version"].as_u64(), "{approval} became {now}");
        if approval["status"] == "pending" {
            assert_eq!(now["stages"][0]["instance"], approval["stages"][0]["instance"]);
            let instance = api.instance(approval["stages"][0]["instance"].as_str().unwrap()).await;
            assert_eq!(instance["id"], now["stages"][0]["instance"], "the sandbox has it too");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_program_loses_nothing_that_it_answered() {
    let (data, port, world) = (TempDir::new(), Port::closed(), World::system());
    let key = ApiKey::generate(&world).reveal().expose_secret().to_owned();
    let answered = Arc::new(Mutex::new(Answered::default()));
    for round in 0..ROUNDS {
        let program = Program::start(&data, port.address(), &key).await;
        let so_far = answered.lock().unwrap().clone();
        check(&program.api, &so_far).await;
        let loads: Vec<_> = (0..3)
            .map(|n| tokio::spawn(load(program.api.clone(), format!("k-{round}-{n}"), n < 2, Arc::clone(&answered))))
            .collect();
        until_answered(&answered, so_far.count() + SUBMITS).await;
        let [random] = world.random::<1>();
        tokio::time::sleep(Duration::from_millis(u64::from(random))).await;
        program.kill();
        for load in loads {
            load.await.unwrap();
        }
    }
    let answered = Arc::into_inner(answered).unwrap().into_inner().unwrap();
    let program = Program::start(&data, port.address(), &key).await;
    check(&program.api, &answered).await;
    terminate(program);
    finish(&data, port.address(), &key, &answered).await;
}

/// SIGTERM ends it with 0.
fn terminate(mut program: Program) {
    let sent = Command::new("kill").args(["-TERM", &program.child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let began = Instant::now();
    let status = loop {
        if let Some(status) = program.child.try_wait().unwrap() {
            break status;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "SIGTERM did not end it");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
}

/// Starts it once more, a minute later by its clock, when every lease has run out: what was under way comes to its end.
async fn finish(data: &TempDir, address: SocketAddr, key: &str, answered: &Answered) {
    let clock = Arc::new(MovedClock::default());
    clock.advance(61_000);
    let data_dir = data.path().to_owned();
    let options = Options { listen: address, data_dir, sandbox: true, hosts: Vec::new(), world: clock.world() };
    let _running = start(&options, std::future::pending()).await.unwrap();
    let api = Api::new(format!("http://{address}"), key);
    check(&api, answered).await;
    for (key, known) in &answered.submitted {
        let again = api.submit_as(key, &request()).await;
        assert!([200, 201, 202].contains(&again.status), "{key}: {}", again.text);
        if let Some(known) = known {
            assert_eq!(again.json["id"], known["id"]);
        }
        api.wait_until(&again.json, "pending or more", |now| now["status"] != "starting").await;
    }
    for id in &answered.decided {
        let approval = json!({"id": id});
        api.wait_for(&approval, "approved").await;
        eventually("the decision", async || {
            let arrived = api.deliveries(&approval).await;
            let told = arrived.iter().filter(|delivery| delivery["type"] == "approval.approved");
            let ids: BTreeSet<_> = told.map(|delivery| delivery["webhook_id"].as_str()).collect();
            if ids.len() == 1 { Ok(()) } else { Err(format!("{ids:?}")) }
        })
        .await;
    }
    let instances = api.instances().await;
    assert_eq!(instances.len(), answered.submitted.len(), "one instance for each approval, and no other");
    let unanswered = answered.submitted.values().filter(|answer| answer.is_none()).count();
    println!(
        "{ROUNDS} kills: {} submits, {unanswered} of them unanswered; {} decisions",
        answered.submitted.len(),
        answered.decided.len()
    );
}
