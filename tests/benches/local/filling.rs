//! A table with many approvals: copies of one that was delivered.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use dynoxide::storage::Storage;
use dynoxide::{AttributeValue, Database, ImportOptions};

const TABLE: &str = "countersign";
/// Approvals that are written at once.
const BATCH: usize = 1_000;

type Item = HashMap<String, AttributeValue>;

/// Writes copies of the approval that ran as this instance.
pub(crate) fn fill(file: &Path, instance: &str, copies: usize) {
    let (approval, items) = original(file, instance);
    let begun = Instant::now();
    let database = Database::new(file.to_str().unwrap()).unwrap();
    database.enable_bulk_loading().unwrap();
    for from in (0..copies).step_by(BATCH) {
        let mut copied = Vec::new();
        for n in from..(from + BATCH).min(copies) {
            // Ids begin with their time, as those of real ones do.
            let id = format!("apr_01k{n:023}");
            let other = format!("form-stored-{n:08}");
            copied.extend(items.iter().map(|item| like(item, &[(&approval, &id), (instance, &other)])));
        }
        database.import_items(TABLE, copied, ImportOptions::default()).unwrap();
    }
    database.disable_bulk_loading().unwrap();
    println!("{copies} approvals of {} items were written in {:.0} s", items.len(), begun.elapsed().as_secs_f64());
}

/// The approval's id and all items of it.
fn original(file: &Path, instance: &str) -> (String, Vec<Item>) {
    let storage = Storage::new(file.to_str().unwrap()).unwrap();
    let read = |condition: &str, value: &str| -> Vec<Item> {
        let sql = format!("SELECT item_json FROM {TABLE} WHERE {condition}");
        let mut statement = storage.conn().prepare(&sql).unwrap();
        let mut rows = statement.query([value]).unwrap();
        let mut items = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            items.push(serde_json::from_str(&row.get::<_, String>(0).unwrap()).unwrap());
        }
        items
    };
    let states = read("sk = ?1", "S:STATE");
    let AttributeValue::S(pk) = &states[0]["pk"] else { panic!("no key") };
    let mut items = read("pk = ?1", &format!("S:{pk}"));
    items.extend(read("pk LIKE ?1", &format!("S:REF#%{instance}")));
    (pk.trim_start_matches("APR#").to_owned(), items)
}

fn like(item: &Item, changes: &[(&str, &str)]) -> Item {
    let mut text = serde_json::to_string(item).unwrap();
    for (from, to) in changes {
        text = text.replace(from, to);
    }
    serde_json::from_str(&text).unwrap()
}
