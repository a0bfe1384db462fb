//! What the embedded DynamoDB lacks to carry a table for years, said in SQL on its own connection.
//!
//! `dynoxide` keeps every change of every item in a table that has no index and that nothing is ever removed from. Here a trigger
//! lets in only the changes that somebody reads, an index finds the next sequence number, and who has dealt with a change
//! deletes it. Another index finds what has expired. All of it is made again at every start, where it is not there.

use countersign::store::keys;
use countersign::store::schema::TTL;
use dynoxide::Result;
use dynoxide::storage::Storage;

/// Pages of the log (4 KB each) after which SQLite writes them into the file. The more, the fewer pages are written twice.
const CHECKPOINT: u32 = 4000;
/// SQLite's cache, in KB.
const CACHE: u32 = 32 * 1024;

/// What a look for changes reads by, and where the next number comes from.
const STREAM: &str = "
    CREATE INDEX IF NOT EXISTS countersign_stream_number
        ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
    CREATE TABLE IF NOT EXISTS countersign_set_aside (approval TEXT PRIMARY KEY) WITHOUT ROWID;";

/// Readies a file that was just opened. Says whether it is written through a write-ahead log.
pub(super) fn settle(storage: &Storage) -> Result<bool> {
    let mode: String = storage.conn().query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    let in_wal = mode.eq_ignore_ascii_case("wal");
    if in_wal {
        storage.conn().execute_batch(&format!(
            "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint={CHECKPOINT}; PRAGMA cache_size=-{CACHE};"
        ))?;
    }
    prepare(storage)?;
    Ok(in_wal)
}

/// Makes trigger and indexes where they are not there.
pub(super) fn prepare(storage: &Storage) -> Result<()> {
    let conn = storage.conn();
    conn.execute_batch(STREAM)?;
    conn.execute_batch(&only_states())?;
    for table in storage.list_table_names()? {
        conn.execute_batch(&expiry_index(&table))?;
    }
    Ok(())
}

/// Condition on a change that nobody reads: it is none of an approval's state, or its removal.
pub(super) fn unread(row: &str) -> String {
    format!(
        "{row}event_name = 'REMOVE' OR json_extract({row}keys_json, '$.sk.S') IS NOT '{}' \
         OR substr(json_extract({row}keys_json, '$.pk.S'), 1, {}) IS NOT '{}'",
        keys::STATE,
        keys::APPROVAL.len(),
        keys::APPROVAL
    )
}

/// The trigger is made anew, since a new version may read other changes.
fn only_states() -> String {
    format!(
        "DROP TRIGGER IF EXISTS countersign_stream_states;
         CREATE TRIGGER countersign_stream_states BEFORE INSERT ON _stream_records WHEN {}
         BEGIN SELECT RAISE(IGNORE); END;",
        unread("NEW.")
    )
}

/// An item's time to live, in seconds; the index holds items that have one.
pub(super) fn expiry() -> String {
    format!("CAST(json_extract(item_json, '$.{TTL}.N') AS INTEGER)")
}

/// Condition on an item that has a time to live.
pub(super) fn expires() -> String {
    format!("json_extract(item_json, '$.{TTL}.N') IS NOT NULL")
}

fn expiry_index(table: &str) -> String {
    let (index, table) = (quoted(&format!("countersign_expiry::{table}")), quoted(table));
    format!("CREATE INDEX IF NOT EXISTS {index} ON {table} ({}) WHERE {}", expiry(), expires())
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(storage: &Storage, sql: &str) -> String {
        let mut statement = storage.conn().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut plan = String::new();
        while let Some(row) = rows.next().unwrap() {
            plan += &row.get::<_, String>(3).unwrap();
        }
        plan
    }

    fn with_table() -> Storage {
        let storage = Storage::memory().unwrap();
        let table = dynoxide::storage::CreateTableMetadata {
            table_name: "t",
            key_schema: "[]",
            attribute_definitions: "[]",
            ..Default::default()
        };
        storage.insert_table_metadata(&table).unwrap();
        storage.create_data_table("t").unwrap();
        prepare(&storage).unwrap();
        prepare(&storage).unwrap();
        storage
    }

    #[test]
    fn nothing_that_a_write_or_a_look_asks_for_is_scanned() {
        let storage = with_table();
        // As `dynoxide` asks.
        let next =
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = 't'";
        assert!(plan(&storage, next).contains("countersign_stream_number"), "{}", plan(&storage, next));
        let expired = format!("SELECT item_json FROM t WHERE {} AND {} < 7 LIMIT 1", expires(), expiry());
        assert!(plan(&storage, &expired).contains("countersign_expiry::t"), "{}", plan(&storage, &expired));
    }

    #[test]
    fn the_stream_takes_in_changes_of_states_only() {
        let storage = with_table();
        let keys = |pk: &str, sk: &str| format!(r#"{{"sk":{{"S":"{sk}"}},"pk":{{"S":"{pk}"}}}}"#);
        for (event, keys) in [
            ("INSERT", keys("APR#1", "STATE")),
            ("MODIFY", keys("APR#1", "STATE")),
            ("REMOVE", keys("APR#1", "STATE")),
            ("INSERT", keys("APR#1", "REQUEST")),
            ("INSERT", keys("MEM#1", "STATE")),
            ("INSERT", "{}".to_owned()),
        ] {
            storage.insert_stream_record("t", event, &keys, Some("{}"), None, "1", "s", 0).unwrap();
        }
        let count: i64 =
            storage.conn().query_row("SELECT count(*) FROM _stream_records", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 2);
    }
}
