//! Changes of approvals' states that were not dealt with yet, as the embedded DynamoDB keeps them.

use std::collections::HashMap;
use std::path::Path;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue as Sdk;
use countersign::engine::dispatch::{Change, Unreadable};
use countersign::store::{Item, keys};
use dynoxide::AttributeValue;
use dynoxide::storage::Storage;
use dynoxide::streams::stream_arn;

use super::engine::Engine;
use super::upkeep::unread;
use crate::Error;
use crate::stream::Checkpoint;

type Result<T, E = dynoxide::DynoxideError> = std::result::Result<T, E>;

/// What public sequence numbers are above the stored ones.
const ABOVE: u128 = 100_000_000_000_000_000_000;

/// A change of an approval's state.
#[derive(Debug)]
pub struct Changed {
    /// Its place: of two changes the later one has the larger.
    pub place: i64,
    /// The approval's id.
    pub approval: String,
    /// The change, or that it cannot be read.
    pub change: Result<Change, Unreadable>,
}

struct Row {
    place: i64,
    keys: String,
    old: Option<String>,
    new: Option<String>,
}

impl Engine {
    /// Changes after a place, in order, at most `most`.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn changes_after(&self, place: i64, most: usize) -> Result<Vec<Changed>, Error> {
        self.changes(&format!("id > {place} ORDER BY id LIMIT {most}"))
    }

    /// The changes at these places, in order; those that are gone are left out.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn changes_at(&self, places: &[i64]) -> Result<Vec<Changed>, Error> {
        self.changes(&format!("id IN ({}) ORDER BY id", listed(places)))
    }

    fn changes(&self, condition: &str) -> Result<Vec<Changed>, Error> {
        loop {
            let rows = rows(&self.storage(), condition).map_err(told)?;
            let is_end = rows.is_empty();
            let (mut found, mut nothing) = (Vec::with_capacity(rows.len()), Vec::new());
            for row in rows {
                let place = row.place;
                match changed(row) {
                    Some(changed) => found.push(changed),
                    None => nothing.push(place),
                }
            }
            self.forget(&nothing)?;
            if is_end || !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// Deletes changes that were dealt with. They come again if the power fails at this moment, which does no harm.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub fn forget(&self, places: &[i64]) -> Result<(), Error> {
        if places.is_empty() {
            return Ok(());
        }
        let sql = format!("DELETE FROM _stream_records WHERE id IN ({})", listed(places));
        self.storage().conn().execute_batch(&sql).map_err(told)
    }

    /// Sets a change aside: the stream goes on without it, and its approval is looked at again at the next start.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub fn set_aside(&self, place: i64, approval: &str) -> Result<(), Error> {
        let storage = self.storage();
        let kept = "INSERT OR IGNORE INTO countersign_set_aside (approval) VALUES (?1)";
        storage.conn().execute(kept, [approval]).map_err(told)?;
        drop(storage);
        self.forget(&[place])
    }

    /// The approvals whose changes were set aside.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn aside(&self) -> Result<Vec<String>, Error> {
        let read = || -> Result<Vec<String>> {
            let storage = self.storage();
            let mut statement = storage.conn().prepare("SELECT approval FROM countersign_set_aside")?;
            let mut rows = statement.query([])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(row.get(0)?);
            }
            Ok(found)
        };
        read().map_err(told)
    }

    /// What was set aside of an approval is made good.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub fn made_good(&self, approval: &str) -> Result<(), Error> {
        let storage = self.storage();
        let done = storage.conn().execute("DELETE FROM countersign_set_aside WHERE approval = ?1", [approval]);
        done.map(drop).map_err(told)
    }

    /// Takes over what an earlier version left: every change of every item since the table was made, and in `file` how far it
    /// had read. The file is honoured once, and removed.
    ///
    /// # Errors
    /// When the table cannot be written or the file cannot be removed.
    pub fn take_over(&self, table: &str, file: &Path) -> Result<(), Error> {
        let kept = match std::fs::read(file) {
            Ok(text) => serde_json::from_slice::<Checkpoint>(&text).ok(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.take_over_checkpoint(table, kept.unwrap_or_default()).map_err(told)?;
        Ok(std::fs::remove_file(file)?)
    }

    fn take_over_checkpoint(&self, table: &str, kept: Checkpoint) -> Result<()> {
        let storage = self.storage();
        let label = storage.get_table_metadata(table)?.and_then(|table| table.stream_label).unwrap_or_default();
        let conn = storage.conn();
        storage.begin_transaction()?;
        conn.execute(&format!("DELETE FROM _stream_records WHERE {}", unread("")), [])?;
        if kept.arn == stream_arn(table, &label) {
            let read = "DELETE FROM _stream_records WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) <= ?2";
            for number in kept.shards.values().filter_map(|number| stored(number)) {
                conn.execute(read, (table, number))?;
            }
            let aside = "DELETE FROM _stream_records WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) = ?2";
            for number in kept.set_aside.keys().filter_map(|number| stored(number)) {
                conn.execute(aside, (table, number))?;
            }
        }
        for approval in kept.set_aside.values().filter(|approval| !approval.is_empty()) {
            conn.execute("INSERT OR IGNORE INTO countersign_set_aside (approval) VALUES (?1)", [approval])?;
        }
        storage.commit()
    }
}

fn listed(places: &[i64]) -> String {
    places.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn rows(storage: &Storage, condition: &str) -> Result<Vec<Row>> {
    let sql = format!("SELECT id, keys_json, old_image, new_image FROM _stream_records WHERE {condition}");
    let mut statement = storage.conn().prepare(&sql)?;
    let mut found = statement.query([])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(Row { place: row.get(0)?, keys: row.get(1)?, old: row.get(2)?, new: row.get(3)? });
    }
    Ok(rows)
}

/// What the engine or its SQLite says, as an error of this program.
pub(super) fn told(error: impl std::fmt::Display) -> Error {
    Error::new(error.to_string())
}

/// The stored form of a public sequence number.
fn stored(public: &str) -> Option<i64> {
    i64::try_from(public.parse::<u128>().ok()?.checked_sub(ABOVE)?).ok()
}

fn changed(row: Row) -> Option<Changed> {
    let key = item(&row.keys)?;
    let approval = key.get("pk")?.as_s().ok()?.strip_prefix(keys::APPROVAL)?.to_owned();
    let (old, new) = (row.old.as_deref().map(item), row.new.as_deref().map(item));
    let change = match (old, new) {
        // An image that is no item cannot be read either.
        (_, Some(None)) | (Some(None), _) => Err(Unreadable { approval: approval.clone() }),
        (old, new) => Change::from_images(&key, old.flatten(), new.flatten())?,
    };
    Some(Changed { place: row.place, approval, change })
}

/// The engine's JSON as an item in the types of the table's own client.
fn item(text: &str) -> Option<Item> {
    let item: HashMap<String, AttributeValue> = serde_json::from_str(text).ok()?;
    Some(item.into_iter().map(|(name, held)| (name, value(held))).collect())
}

fn value(held: AttributeValue) -> Sdk {
    match held {
        AttributeValue::S(text) => Sdk::S(text),
        AttributeValue::N(number) => Sdk::N(number),
        AttributeValue::B(bytes) => Sdk::B(Blob::new(bytes)),
        AttributeValue::BOOL(flag) => Sdk::Bool(flag),
        AttributeValue::NULL(flag) => Sdk::Null(flag),
        AttributeValue::SS(texts) => Sdk::Ss(texts),
        AttributeValue::NS(numbers) => Sdk::Ns(numbers),
        AttributeValue::BS(all) => Sdk::Bs(all.into_iter().map(Blob::new).collect()),
        AttributeValue::L(list) => Sdk::L(list.into_iter().map(value).collect()),
        AttributeValue::M(map) => Sdk::M(map.into_iter().map(|(name, held)| (name, value(held))).collect()),
    }
}
