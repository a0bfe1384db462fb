//! Who may call the local program over HTTP, and whom it calls.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use countersign_tests::local::{Api, TempDir, eventually, request};
use countersign_tests::port::Port;
use serde_json::{Value, json};

const KEY: &str = "csk_owner_0123456789abcdef";

/// The program with these variables.
struct Program {
    child: Child,
    api: Api,
    _port: Port,
}

impl Program {
    async fn start(data: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let port = Port::closed();
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign-under-test"));
        command.args(["--listen", &port.address().to_string(), "--data-dir"]).arg(data).args(arguments);
        command.env("COUNTERSIGN_OWNER_KEY", KEY).envs(variables.iter().copied());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let api = Api::new(format!("http://{}", port.address()), KEY);
        eventually("the program", async || match api.try_send("GET", "/health", &[], Vec::new()).await {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        Self { child, api, _port: port }
    }

    async fn status(&self, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.api.send("GET", path, headers, "").await.status
    }

    async fn keeps_out_others(&self, path: &str) {
        assert_eq!(self.status(path, &[]).await, 200, "{path}");
        assert_eq!(self.status(path, &[("host", "evil.example:3000")]).await, 421, "{path}");
        for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
            assert_eq!(self.status(path, &[("origin", origin)]).await, 403, "{path} {origin}");
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_sites_read_nothing_and_platforms_reach_their_callbacks() {
    let data = TempDir::new();
    let variables = [("COUNTERSIGN_PUBLIC_URL", "https://approve.example")];
    let program = Program::start(data.path(), &variables, &["--no-sandbox", "--host", "countersign"]).await;
    for path in ["/v1/flows", "/health"] {
        for host in ["localhost:3000", "approve.example", "countersign:3000"] {
            assert_eq!(program.status(path, &[("host", host)]).await, 200, "{path} {host}");
        }
        program.keeps_out_others(path).await;
    }
    assert_eq!(program.status("/sandbox/_/clock", &[]).await, 404, "time goes by itself");
    let from_outside = [("host", "tunnel.example"), ("origin", "https://tunnel.example")];
    assert_eq!(program.status("/callbacks/con_01k5n1m6z1a2b3c4d5e6f7g8h9", &from_outside).await, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_listed_private_addresses_are_called_where_they_are_listed() {
    let data = TempDir::new();
    let variables = [("COUNTERSIGN_ALLOW_PRIVATE_ENDPOINTS", "10.9.9.9:8080")];
    let program = Program::start(data.path(), &variables, &[]).await;
    for path in ["/sandbox/dingtalk", "/sandbox/_/clock"] {
        program.keeps_out_others(path).await;
    }
    let source = |url: &str| json!({"name": url, "format": "native", "callback_url": url});
    let refused = program.api.call("POST", "/v1/sources", &source("http://10.9.9.8:8080/")).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    // The platforms that it plays itself are called all the same.
    let mut body = request();
    body["flow"] = json!(program.api.flow().await);
    let approval: Value = program.api.pending(&body).await;
    assert!(approval["stages"][0]["instance"].is_string());
    program.api.make("/v1/sources", &source("http://10.9.9.9:8080/")).await;
}
