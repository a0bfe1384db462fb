//! What the person who started it reads.

use secrecy::ExposeSecret;
use tracing_subscriber::EnvFilter;

use crate::run::Running;

/// Sets up the log: warnings (the embedded DynamoDB warns of every lost race), unless `RUST_LOG` asks for more.
pub fn init_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,dynoxide=error"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .fmt_fields(countersign::http::log::fields())
        .init();
}

/// A line of progress.
pub fn step(text: &str) {
    eprintln!("countersign: {text}");
}

/// Addresses, the owner's key once, and the lines to try it with.
pub fn ready(running: &Running, sandbox: bool) {
    let url = &running.url;
    step(&format!("ready on {url}"));
    if sandbox {
        for (kind, label) in &running.platforms {
            println!("  {:<24}{url}/sandbox/{kind}", format!("{label}, played here"));
        }
        println!("  decisions arrive at     {url}/sandbox/receiver");
    }
    match &running.bootstrapped.new_key {
        Some(key) => println!("\n  owner key, shown this once:\n\n    export KEY={}", key.expose_secret()),
        None => println!("\n  owner key: the one shown at the first start, or COUNTERSIGN_OWNER_KEY"),
    }
    if sandbox {
        println!("\n  choose a platform, submit, decide, read:\n");
        for line in lines(url) {
            println!("    {line}");
        }
        println!();
    }
}

/// The lines that choose a platform, submit, decide and read; they need a shell, `curl` and `sed`.
#[must_use]
pub fn lines(url: &str) -> [String; 4] {
    let json = "-H 'content-type: application/json'";
    let key = "-H \"Authorization: Bearer $KEY\"";
    let flow = r#"sed 's/.*"id":"\(flow_[^"]*\)"[^{}]*"name":"One approver on '$KIND'".*/\1/'"#;
    let body = r#"{"title":"Read access to orders","reason":"monthly report","applicant":{"mobile":"13800000002"},"flow":"'$FLOW'"}"#;
    let approval = r#"$(echo "$A" | sed 's/^{"id":"\([^"]*\)".*/\1/')"#;
    let instance = r#"$(echo "$A" | sed 's/.*"instance":"\([^"]*\)".*/\1/')"#;
    let act = r#"{"user":"13800000001","action":"approve","remark":"fine"}"#;
    [
        format!("KIND=dingtalk; FLOW=$(curl -s {url}/v1/flows {key} | {flow})"),
        format!("A=$(curl -s {url}/v1/approvals {key} {json} -d '{body}'); echo \"$A\""),
        format!("curl -s {url}/sandbox/$KIND/_/instances/{instance}/act {json} -d '{act}'"),
        format!("curl -s {url}/v1/approvals/{approval} {key}"),
    ]
}
