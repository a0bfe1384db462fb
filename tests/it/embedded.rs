//! The embedded DynamoDB of the local program: it is reached from within only, keeps what somebody still reads, and nothing else.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use countersign::approval::Mode;
use countersign::store::{Item, Key, Store, create_table, keys};
use countersign_local::changes::Reader;
use countersign_local::dynamodb::{self, Engine};
use countersign_tests::desk::{Desk, NOW, task_event};
use countersign_tests::local::{Api, TempDir, eventually};
use countersign_tests::port::Port;
use countersign_tests::{embedded, in_memory, within};
use dynoxide::storage::Storage;
use serde_json::json;

const TABLE: &str = "countersign";

async fn desk(engine: &Engine) -> Desk {
    create_table(&within(engine), TABLE).await.unwrap();
    Desk::over(Store::new(within(engine), TABLE)).await
}

/// Two changes of one approval.
async fn decided(desk: &Desk, instance: &str) {
    desk.running(instance, &[("Owner", Mode::Any, &["user-1"])]).await;
    let answer = desk.push(&task_event(instance, 0, "user-1", "finish", Some("agree"))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// The approvals of all changes that were not dealt with.
fn left(engine: &Engine) -> Vec<String> {
    engine.changes_after(0, 1_000).unwrap().into_iter().map(|changed| changed.approval).collect()
}

#[tokio::test]
async fn only_changes_of_states_are_kept_and_only_until_they_are_dealt_with() {
    let engine = in_memory();
    let desk = desk(&engine).await;
    assert!(left(&engine).is_empty(), "configuration is read by nobody");
    decided(&desk, "inst-1").await;
    let kept = left(&engine);
    assert_eq!(kept.len(), 3, "made, started, decided: {kept:?}");
    assert!(kept.iter().all(|approval| *approval == kept[0]));
    assert_eq!(Reader::new(desk.app.clone(), engine.clone()).drain().await.unwrap(), 3);
    assert!(left(&engine).is_empty());
}

/// A state that no version can read.
async fn break_state(desk: &Desk, id: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let key = keys::approval(&id.parse().unwrap());
    let item = Item::from([
        ("pk".to_owned(), text(&key.pk)),
        ("sk".to_owned(), text(&key.sk)),
        ("state".to_owned(), text("no state")),
    ]);
    desk.app.store.put_item(item).await.unwrap();
}

#[tokio::test]
async fn a_change_that_cannot_be_dealt_with_holds_up_nobody_else() {
    let (engine, broken) = (in_memory(), "apr_01k5n1m6z1a2b3c4d5e6f7g8h9");
    let desk = desk(&engine).await;
    break_state(&desk, broken).await;
    decided(&desk, "inst-1").await;
    let mut reader = Reader::new(desk.app.clone(), engine.clone());
    reader.drain().await.unwrap_err();
    assert_eq!(left(&engine), [broken]);
    decided(&desk, "inst-2").await;
    reader.drain().await.unwrap_err();
    assert_eq!(left(&engine), [broken]);
}

#[tokio::test]
async fn who_waits_for_changes_is_woken_by_a_write() {
    let engine = in_memory();
    let desk = desk(&engine).await;
    let reading = tokio::spawn(Reader::new(desk.app.clone(), engine.clone()).run());
    decided(&desk, "inst-1").await;
    eventually("all is dealt with", async || match left(&engine).len() {
        0 => Ok(()),
        left => Err(left.to_string()),
    })
    .await;
    reading.abort();
}

#[tokio::test]
async fn what_has_expired_is_removed_and_nothing_else() {
    let engine = in_memory();
    let desk = desk(&engine).await;
    let item = |pk: &str, ttl: Option<i64>| {
        let mut item = Item::from([
            ("pk".to_owned(), AttributeValue::S(pk.to_owned())),
            ("sk".to_owned(), AttributeValue::S("TOKEN".to_owned())),
        ]);
        item.extend(ttl.map(|ttl| ("ttl".to_owned(), AttributeValue::N(ttl.to_string()))));
        item
    };
    let (seconds, store) = (NOW / 1000, &desk.app.store);
    for (pk, ttl) in
        [("gone", Some(seconds - 1)), ("now", Some(seconds)), ("later", Some(seconds + 1)), ("never", None)]
    {
        store.put_item(item(pk, ttl)).await.unwrap();
    }
    assert_eq!(engine.expire(TABLE, NOW).unwrap(), 1);
    assert_eq!(engine.expire(TABLE, NOW).unwrap(), 0);
    for (pk, is_there) in [("gone", false), ("now", true), ("later", true), ("never", true)] {
        let key = Key::of(&item(pk, None)).unwrap();
        let found = store.get_item(&key, countersign::store::Consistency::Strong).await.unwrap();
        assert_eq!(found.is_some(), is_there, "{pk}");
    }
}

#[tokio::test]
async fn one_question_tells_whether_anything_is_due() {
    let engine = in_memory();
    let desk = desk(&engine).await;
    assert!(!engine.is_due(TABLE, i64::MAX).unwrap());
    for n in 0..20 {
        let mut record = desk.record(&[("Owner", Mode::Any, &["user-1"])]);
        record.due_at = Some(NOW + n);
        desk.app.store.create_approval(&mut record).await.unwrap();
    }
    assert!(!engine.is_due(TABLE, NOW - 1).unwrap());
    assert!(engine.is_due(TABLE, NOW).unwrap());
}

/// What an earlier version left: all changes of all items, without an index, and how far it had read.
fn make_old(file: &Path, upto: usize) -> serde_json::Value {
    let storage = Storage::new(file.to_str().unwrap()).unwrap();
    let conn = storage.conn();
    let more = "DROP TRIGGER countersign_stream_states; DROP INDEX countersign_stream_number; DROP TABLE countersign_set_aside;
        INSERT INTO _stream_records (table_name, event_name, keys_json, new_image, sequence_number, shard_id, created_at)
        SELECT table_name, event_name, '{\"pk\":{\"S\":\"MEM#1\"},\"sk\":{\"S\":\"MEM\"}}', '{}', sequence_number + 1000, shard_id, created_at
        FROM _stream_records;";
    conn.execute_batch(more).unwrap();
    let label = storage.get_table_metadata(TABLE).unwrap().unwrap().stream_label.unwrap();
    let sequence = format!("SELECT sequence_number FROM _stream_records ORDER BY id LIMIT 1 OFFSET {}", upto - 1);
    let sequence: String = conn.query_row(&sequence, [], |row| row.get(0)).unwrap();
    let public = (100_000_000_000_000_000_000 + sequence.parse::<u128>().unwrap()).to_string();
    let shard = format!("shardId-00000001-{TABLE}");
    json!({
        "arn": dynoxide::streams::stream_arn(TABLE, &label), "shards": {shard: public}, "ended": [],
        "set_aside": {"100000000000000000007": "apr_01k5n1m6z1a2b3c4d5e6f7g8h9", "100000000000000000008": ""},
    })
}

#[tokio::test]
async fn the_data_of_an_earlier_version_open_and_its_place_in_the_stream_is_honoured_once() {
    let data = TempDir::new();
    std::fs::create_dir_all(data.path()).unwrap();
    let (file, place) = (data.path().join("dynamodb.sqlite"), data.path().join("stream.json"));
    let engine = Engine::open(&file).unwrap();
    let before = desk(&engine).await;
    decided(&before, "inst-1").await;
    drop((before, engine));
    std::fs::write(&place, make_old(&file, 2).to_string()).unwrap();
    let engine = Engine::open(&file).unwrap();
    engine.take_over(TABLE, &place).unwrap();
    assert_eq!(left(&engine).len(), 1, "two of three were dealt with");
    assert_eq!(engine.aside().unwrap(), ["apr_01k5n1m6z1a2b3c4d5e6f7g8h9"]);
    assert!(!place.exists());
    engine.take_over(TABLE, &place).unwrap();
    assert_eq!(left(&engine).len(), 1, "there is nothing to honour any more");
    engine.made_good("apr_01k5n1m6z1a2b3c4d5e6f7g8h9").unwrap();
    assert!(engine.aside().unwrap().is_empty());
}

struct Program(Child);

impl Program {
    fn start(data: &Path, listen: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign-under-test"));
        command.args(["--listen", listen, "--data-dir"]).arg(data);
        Self(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn is_up(port: u16) {
    let api = Api::new(format!("http://127.0.0.1:{port}"), "");
    eventually("the program", async || match api.try_send("GET", "/health", &[], Vec::new()).await {
        Ok(answer) if answer.status == 200 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(target_os = "linux")]
async fn there_is_no_second_port_and_nobody_else_reads_or_uses_the_data() {
    use std::os::unix::fs::PermissionsExt;

    let (data, port) = (TempDir::new(), Port::closed());
    let program = Program::start(data.path(), &port.address().to_string());
    is_up(port.address().port()).await;
    assert_eq!(listening(program.0.id()), [port.address().port()]);

    let other = Port::closed();
    let mut second = Program::start(data.path(), &other.address().to_string());
    let said = std::io::read_to_string(second.0.stderr.take().unwrap()).unwrap();
    assert!(!second.0.wait().unwrap().success());
    assert!(said.contains("another process uses"), "{said}");

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(data.path()), 0o700);
    for entry in std::fs::read_dir(data.path()).unwrap() {
        let entry = entry.unwrap();
        let expected = if entry.file_type().unwrap().is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&entry.path()), expected, "{}", entry.path().display());
    }
}

/// The ports that a process listens on.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_dynamodb_that_is_named_by_its_address_hears_from_us() {
    let named = dynamodb::at(&embedded().await);
    create_table(&aws_sdk_dynamodb::Client::new(&named), TABLE).await.unwrap();
    // The embedded one offers no streams; what matters is that it was asked, and its answer read.
    let refused = dynamodb::streams(&named, None).list_streams().send().await.unwrap_err();
    assert!(refused.into_service_error().message().unwrap().contains("ListStreams"));
}

fn listening(process: u32) -> Vec<u16> {
    let mut sockets = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(format!("/proc/{process}/fd")).unwrap() {
        let Ok(to) = std::fs::read_link(entry.unwrap().path()) else { continue };
        let inode = to.to_string_lossy().strip_prefix("socket:[").map(|rest| rest.trim_end_matches(']').to_owned());
        sockets.extend(inode);
    }
    let mut ports = Vec::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields[1], fields[3], fields[9]);
            if state == "0A" && sockets.contains(inode) {
                ports.push(u16::from_str_radix(local.rsplit(':').next().unwrap(), 16).unwrap());
            }
        }
    }
    ports
}
