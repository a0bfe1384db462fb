//! What the embedded DynamoDB lacks to carry a table for years, said in SQL on its own connection.
//!
//! `dynoxide` keeps every change of every item in a table that has no index and that nothing is ever removed from. Here a trigger
//! lets in only the changes that somebody reads, an index finds the next sequence number, and who has dealt with a change
//! deletes it. Another index finds what has expired. All of it is made again at every start, where it is not there.

use countersign::store::keys;
use countersign::store::schema::TTL;
use dynoxide::Result;
use dynoxide::storage::Storage;

/// Bytes of a page of a new file. Most items are of one to three KB: in pages of 4 KB a quarter stays empty.
const PAGE: u32 = 8 * 1024;
/// Bytes of the log after which SQLite writes its pages into the file. The more, the fewer pages are written twice.
const CHECKPOINT: u32 = 16 * 1024 * 1024;
/// SQLite's cache, in KB.
const CACHE: u32 = 32 * 1024;

/// What a look for changes reads by, and where the next number comes from.
const STREAM: &str = "
    CREATE INDEX IF NOT EXISTS countersign_stream_number
        ON _stream_records (table_name, CAST(sequence_number AS INTEGER));
    CREATE TABLE IF NOT EXISTS countersign_set_aside (approval TEXT PRIMARY KEY) WITHOUT ROWID;";

/// Gives a new file its size of pages, which SQLite takes only as long as there is nothing in it.
pub(super) fn begin(path: &str) -> Result<()> {
    if std::fs::metadata(path).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let beside = Storage::memory()?;
    beside.conn().execute("ATTACH ?1 AS made", [path])?;
    let made = format!("PRAGMA made.page_size={PAGE}; PRAGMA made.journal_mode=WAL; DETACH made");
    Ok(beside.conn().execute_batch(&made)?)
}

/// Readies a file that was just opened. Says whether it is written through a write-ahead log.
pub(super) fn settle(storage: &Storage) -> Result<bool> {
    let mode: String = storage.conn().query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    let in_wal = mode.eq_ignore_ascii_case("wal");
    if in_wal {
        let page: u32 = storage.conn().query_row("PRAGMA page_size", [], |row| row.get(0))?;
        let pages = CHECKPOINT / page.max(1);
        storage.conn().execute_batch(&format!(
            "PRAGMA synchronous=NORMAL; PRAGMA wal_autocheckpoint={pages}; PRAGMA cache_size=-{CACHE};"
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
        conn.execute_batch(&in_place(&table))?;
        for index in empty_indexes(storage, &table)? {
            conn.execute_batch(&clustered(storage, &index)?)?;
        }
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

/// `dynoxide` replaces an item by deleting its row and adding another at the end of the table, which leaves a hole in the one page, and
/// changes two more. Here the row is changed where it is; what `dynoxide` was about to do is then left out.
fn in_place(table: &str) -> String {
    let (trigger, table) = (quoted(&format!("countersign_in_place::{table}")), quoted(table));
    let same = "pk = NEW.pk AND sk = NEW.sk";
    format!(
        "DROP TRIGGER IF EXISTS {trigger};
         CREATE TRIGGER {trigger} BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
         BEGIN
             UPDATE {table} SET item_json = NEW.item_json, item_size = NEW.item_size, cached_at = NEW.cached_at,
                 hash_prefix = NEW.hash_prefix WHERE {same};
             SELECT RAISE(IGNORE);
         END;"
    )
}

/// The tables of a table's indexes in which nothing is yet, and which hold their rows beside their key.
fn empty_indexes(storage: &Storage, table: &str) -> Result<Vec<String>> {
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, length(?1)) = ?1
               AND sql NOT LIKE '%WITHOUT ROWID'";
    let mut empty = Vec::new();
    for name in texts(storage, sql, &format!("{table}::gsi::"))? {
        let any = format!("SELECT EXISTS (SELECT 1 FROM {})", quoted(&name));
        if !storage.conn().query_row(&any, [], |row| row.get::<_, bool>(0))? {
            empty.push(name);
        }
    }
    Ok(empty)
}

/// Makes an index's table anew, as `dynoxide` did, but with its rows in their key: each is written and stored once instead of twice.
fn clustered(storage: &Storage, index: &str) -> Result<String> {
    let made = "SELECT sql FROM sqlite_master WHERE tbl_name = ?1 AND sql IS NOT NULL ORDER BY type = 'index'";
    let mut sql = texts(storage, made, index)?;
    sql.first_mut().into_iter().for_each(|table| table.push_str(" WITHOUT ROWID"));
    Ok(format!("BEGIN IMMEDIATE; DROP TABLE {}; {}; COMMIT;", quoted(index), sql.join(";")))
}

fn texts(storage: &Storage, sql: &str, parameter: &str) -> Result<Vec<String>> {
    let mut statement = storage.conn().prepare(sql)?;
    let mut rows = statement.query([parameter])?;
    let mut texts = Vec::new();
    while let Some(row) = rows.next()? {
        texts.push(row.get(0)?);
    }
    Ok(texts)
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
    fn a_new_file_has_large_pages_and_an_old_one_keeps_its_own() {
        let page =
            |storage: &Storage| -> u32 { storage.conn().query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap() };
        let folder = std::env::temp_dir().join(format!("countersign-upkeep-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (new, old) = (path("it's new.sqlite"), path("old.sqlite"));
        begin(&new).unwrap();
        assert_eq!(page(&Storage::new(&new).unwrap()), PAGE);
        assert_eq!(page(&Storage::new(&old).unwrap()), 4096);
        begin(&old).unwrap();
        let storage = Storage::new(&old).unwrap();
        assert_eq!((page(&storage), settle(&storage).unwrap()), (4096, true));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_item_that_is_replaced_stays_where_it_is() {
        let storage = with_table();
        let stored = || -> (i64, String, i64) {
            let row = "SELECT rowid, item_json, item_size FROM t WHERE pk = 'a'";
            storage.conn().query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
        };
        assert_eq!(storage.put_item_with_hash("t", "a", "s", "{\"v\":1}", 7, "0").unwrap(), None);
        storage.put_item_with_hash("t", "b", "s", "{}", 2, "0").unwrap();
        let (row, ..) = stored();
        let old = storage.put_item_with_hash("t", "a", "s", "{\"v\":22}", 8, "0").unwrap();
        assert_eq!(old.unwrap(), "{\"v\":1}");
        assert_eq!(stored(), (row, "{\"v\":22}".to_owned(), 8));
    }

    #[test]
    fn the_rows_of_an_index_are_in_its_key_where_that_can_still_be_chosen() {
        let storage = with_table();
        storage.create_gsi_table("t", "used").unwrap();
        storage.insert_gsi_item("t", "used", "p", "s", "a", "s", "{}").unwrap();
        storage.create_gsi_table("t", "new").unwrap();
        prepare(&storage).unwrap();
        prepare(&storage).unwrap();
        let of = |kind: &str| {
            let sql =
                format!("SELECT name FROM sqlite_master WHERE type = '{kind}' AND tbl_name = ?1 AND sql IS NOT NULL");
            move |storage: &Storage, table: &str| texts(storage, &sql, table).unwrap().len()
        };
        assert_eq!(empty_indexes(&storage, "t").unwrap(), [""; 0]);
        for index in ["t::gsi::used", "t::gsi::new"] {
            assert_eq!((of("table")(&storage, index), of("index")(&storage, index)), (1, 1), "{index}");
        }
        let rowid = |index: &str| storage.conn().prepare(&format!("SELECT rowid FROM {}", quoted(index))).is_ok();
        assert!(rowid("t::gsi::used") && !rowid("t::gsi::new"));
        storage.insert_gsi_item("t", "new", "p", "s", "a", "s", "{}").unwrap();
        storage.insert_gsi_item("t", "new", "p", "s", "a", "s", "{}").unwrap();
        storage.delete_gsi_item("t", "new", "a", "s").unwrap();
        assert_eq!(empty_indexes(&storage, "t").unwrap(), [""; 0]);
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
