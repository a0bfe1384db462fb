//! The lines that a first start prints, as a user copies them.

use std::process::{Command, Stdio};

use countersign_local::banner::lines;
use countersign_tests::local::Local;
use serde_json::Value;

/// The README's lines, for the address that it shows.
#[test]
fn the_readme_has_the_lines_that_a_start_prints() {
    let readme = std::fs::read_to_string(super::root().join("README.md")).unwrap();
    for line in lines("http://127.0.0.1:3000") {
        assert!(readme.contains(&format!("    {line}\n")), "not in README.md: {line}");
    }
}

/// The lines for the built-in platform, as the README has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lines_without_a_platform_go_all_the_way() {
    let local = Local::start().await;
    let readme = std::fs::read_to_string(super::root().join("README.md")).unwrap();
    let (_, rest) = readme.split_once("Without any platform").unwrap();
    let script: Vec<&str> = rest.lines().skip(2).map_while(|line| line.strip_prefix("    ")).collect();
    let script = script.join("\n").replace("http://127.0.0.1:3000", &local.url);
    let mut command = Command::new("sh");
    command.args(["-e", "-c", &script]).env("KEY", &local.key).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("a shell");
    let printed = String::from_utf8(output.stdout).unwrap();
    let (inbox, approval) = printed.split_once("{\"id\":\"apr_").unwrap_or_else(|| panic!("{printed}"));
    let approval: Value = serde_json::from_str(&format!("{{\"id\":\"apr_{approval}")).unwrap();
    assert_eq!(approval["status"], "approved", "{printed}");
    assert_eq!(approval["stages"][0]["nodes"][0]["tasks"][0]["assignee"]["name"], "张伟", "{printed}");
    assert!(serde_json::from_str::<Value>(inbox).unwrap()["items"].is_array(), "{printed}");
}

/// What the lines print with another kind in the first.
async fn run(local: &Local, kind: &str) -> String {
    let script = lines(&local.url).join("\n").replacen("KIND=dingtalk", &format!("KIND={kind}"), 1);
    let mut command = Command::new("sh");
    command.args(["-e", "-c", &script]).env("KEY", &local.key).stderr(Stdio::inherit());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("a shell");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lines_go_all_the_way_on_every_platform() {
    let local = Local::start().await;
    let platforms = local.platforms();
    assert!(platforms.contains(&"dingtalk"));
    for kind in platforms {
        let printed = run(&local, kind).await;
        // The last line prints the approval without a line end.
        let last = printed.rsplit_once("{\"id\":\"apr_").map(|(_, last)| format!("{{\"id\":\"apr_{last}")).unwrap();
        let read: Value = serde_json::from_str(&last).unwrap_or_else(|_| panic!("{kind}: {printed}"));
        let types = ["approval.submitted", "approval.started", "approval.node_decided", "approval.approved"];
        local.wait_for_types(&read, &types).await;
        let approval = local.wait_for(&read, "approved").await;
        assert_eq!(approval["stages"][0]["kind"], kind);
        assert_eq!(approval["stages"][0]["nodes"][0]["tasks"][0]["assignee"]["name"], "张伟", "{approval}");
    }
}
