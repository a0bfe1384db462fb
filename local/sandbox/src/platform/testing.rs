//! A served sandbox with a clock that stands still, for the platforms' tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use countersign::clock::{Clock, Entropy as _, SystemEntropy, World};
use reqwest::Method;
use serde_json::Value;

use crate::{Sandbox, SandboxConfig};

/// 2026-09-21 20:00:00 in Beijing.
pub(crate) const NOON: i64 = 1_789_992_000_000;

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A sandbox behind an address of its own.
pub(crate) struct Served {
    pub(crate) sandbox: Sandbox,
    /// Where the platform is reached.
    pub(crate) base: String,
    pub(crate) http: reqwest::Client,
    kind: &'static str,
    clock: Arc<SetClock>,
    folder: PathBuf,
    owns_folder: bool,
}

impl Drop for Served {
    fn drop(&mut self) {
        if self.owns_folder {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Serves a router on a free port and answers its address.
pub(crate) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

impl Served {
    /// A new sandbox, of which `kind` is tested.
    pub(crate) async fn new(kind: &'static str) -> Self {
        let mut name = [0; 8];
        SystemEntropy.fill(&mut name);
        let folder = std::env::temp_dir().join(format!("countersign-sandbox-{}", u64::from_be_bytes(name)));
        Self::open(kind, folder, NOON).await
    }

    async fn open(kind: &'static str, folder: PathBuf, now: i64) -> Self {
        let clock = Arc::new(SetClock(AtomicI64::new(now)));
        let world = World { clock: clock.clone(), entropy: Arc::new(SystemEntropy) };
        let config = SandboxConfig { data_dir: folder.clone(), public_url: "http://127.0.0.1:3000".to_owned() };
        let sandbox = Sandbox::open(&config, world).unwrap();
        let base = format!("{}/sandbox/{kind}", serve(sandbox.router()).await);
        Self { sandbox, base, http: super::outbox::client().unwrap(), kind, clock, folder, owns_folder: true }
    }

    /// What a new process finds after this one was killed.
    pub(crate) async fn restarted(&mut self) -> Self {
        self.owns_folder = false;
        Self::open(self.kind, self.folder.clone(), self.clock.now()).await
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, ms: i64) {
        self.clock.0.fetch_add(ms, Ordering::SeqCst);
    }

    /// Any request: status and JSON, or text.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> (u16, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json; charset=utf-8").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let bytes = response.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into()))
    }

    /// A setting or a secret of the played app.
    pub(crate) fn setting(&self, name: &str) -> String {
        let app = self.sandbox.app(self.kind).unwrap();
        let found = app["settings"].get(name).or_else(|| app["secrets"].get(name)).unwrap();
        found.as_str().unwrap().to_owned()
    }

    /// Acts as a person.
    pub(crate) async fn act(&self, id: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, &format!("/_/instances/{id}/act"), &[], Some(body)).await
    }

    /// Sets faults.
    pub(crate) async fn fault(&self, body: Value) {
        let (status, answer) = self.call(Method::POST, "/_/faults", &[], Some(body)).await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Enters something in the console.
    pub(crate) async fn enter(&self, body: Value) -> (u16, Value) {
        self.call(Method::PUT, "/_/app", &[], Some(body)).await
    }

    /// An instance as the sandbox's own endpoint tells it.
    pub(crate) async fn instance(&self, id: &str) -> Value {
        self.call(Method::GET, &format!("/_/instances/{id}"), &[], None).await.1
    }

    /// The callbacks of an instance, as labels and states.
    pub(crate) async fn callbacks(&self, id: &str) -> Vec<(String, String)> {
        let instance = self.instance(id).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let line = |callback: &Value| (text(&callback["label"]), text(&callback["state"]));
        instance["callbacks"].as_array().unwrap().iter().map(line).collect()
    }

    /// Waits until nothing is on its way any more: calls answer before their callbacks are sent.
    pub(crate) async fn settle(&self, id: &str) {
        for _ in 0..400 {
            if self.instance(id).await["sending"] == false {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("callbacks of {id} are still on their way");
    }
}
