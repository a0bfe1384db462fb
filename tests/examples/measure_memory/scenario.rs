//! What a program and a person do, over HTTP alone.

use countersign::crypto::tls::client_builder;
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// A connection, a flow and a source, ready for approvals.
pub(crate) struct Scenario {
    http: Client,
    api: String,
    sandbox: String,
    /// The source's key.
    key: String,
    flow: Value,
    applicant: Value,
    approver: Value,
}

impl Scenario {
    /// Connects the sandbox's DingTalk app, makes a flow of one node on it, and a source.
    pub(crate) async fn prepare(api: &str, sandbox: &str, owner_key: &str) -> Self {
        let mut scenario = Self {
            http: client_builder().build().unwrap(),
            api: api.to_owned(),
            sandbox: format!("{sandbox}/sandbox/dingtalk"),
            key: owner_key.to_owned(),
            flow: Value::Null,
            applicant: Value::Null,
            approver: Value::Null,
        };
        let people = scenario.platform(Method::GET, "people", None).await;
        scenario.approver = people["items"][0]["user"].clone();
        scenario.applicant = people["items"][1]["user"].clone();

        let app = scenario.platform(Method::GET, "app", None).await;
        let connection = json!({
            "kind": "dingtalk", "name": "Sandbox", "settings": app["settings"], "secrets": app["secrets"],
        });
        let connection = scenario.post("/v1/connections", connection).await;
        let callback = json!({"callback_url": connection["callback_url"]});
        scenario.platform(Method::PUT, "app", Some(callback)).await;
        // Every callback twice: the second changes nothing.
        scenario.platform(Method::POST, "faults", Some(json!({"repeat_callbacks": 1}))).await;

        let node = json!({"name": "Owner", "mode": "any", "approvers": [{"account": scenario.approver}]});
        let stage = json!({"connection": connection["id"], "template": null, "nodes": [node]});
        scenario.flow = scenario.post("/v1/flows", json!({"name": "One node", "stages": [stage]})).await["id"].take();

        let source =
            json!({"name": "Reports", "format": "native", "callback_url": format!("{sandbox}/sandbox/receiver")});
        let source = scenario.post("/v1/sources", source).await;
        scenario.key = source["api_key"].as_str().unwrap().to_owned();
        scenario
    }

    /// Submits one approval, approves it on the platform and reads that it is approved.
    pub(crate) async fn approve_one(&self) {
        let request = json!({
            "title": "Read access to orders", "reason": "monthly report", "flow": self.flow,
            "applicant": {"account": self.applicant}, "fields": {"table": "orders", "sensitivity": 3},
        });
        let approval = self.post("/v1/approvals", request).await;
        assert_eq!(approval["status"], "pending", "{approval}");
        let instance = approval["stages"][0]["instance"].as_str().unwrap();
        let act = json!({"user": self.approver, "action": "approve"});
        self.platform(Method::POST, &format!("instances/{instance}/act"), Some(act)).await;
        let path = format!("/v1/approvals/{}", approval["id"].as_str().unwrap());
        let approval = self.call(Method::GET, format!("{}{path}", self.api), None).await;
        assert_eq!(approval["status"], "approved", "{approval}");
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.call(Method::POST, format!("{}{path}", self.api), Some(body)).await
    }

    /// The sandbox's own endpoints.
    async fn platform(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        self.call(method, format!("{}/_/{path}", self.sandbox), body).await
    }

    async fn call(&self, method: Method, url: String, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, &url).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let body = response.text().await.unwrap();
        assert!(status.is_success(), "{url} answered {status}: {body}");
        serde_json::from_str(&body).unwrap()
    }
}
