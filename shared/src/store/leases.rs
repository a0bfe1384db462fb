//! Leases: the right to do something that must not be done twice, for a while.

use aws_sdk_dynamodb::types::AttributeValue;

use super::schema::TTL;
use super::{Error, Item, Store, blank, corrupt, keys, version};

const UNTIL: &str = "until";
/// How long the item stays after the lease has run out, in milliseconds.
const KEPT: i64 = 24 * 60 * 60 * 1000;

/// A lease that somebody holds.
#[derive(Debug)]
pub struct Lease {
    name: String,
    version: u64,
}

impl Store {
    /// Takes the lease of this name until `until` (milliseconds). `None` when somebody holds it at `now`.
    ///
    /// # Errors
    /// The table's own.
    pub async fn take_lease(&self, name: &str, now: i64, until: i64) -> Result<Option<Lease>, Error> {
        let taken = |version| Some(Lease { name: name.to_owned(), version });
        match self.put_new(item(name, 1, until)).await {
            Err(Error::AlreadyExists { current }) => {
                let Some(held) = current.into_item() else { return Ok(None) };
                if held_until(&held)? > now {
                    return Ok(None);
                }
                let version = version(&held)?;
                match self.put_if_version(item(name, version + 1, until), version).await {
                    Err(Error::Conflict { .. }) => Ok(None),
                    other => other.map(|()| taken(version + 1)),
                }
            }
            other => other.map(|()| taken(1)),
        }
    }

    /// Gives a lease back; where it ran out and somebody else took it, theirs stays. It is written over, not deleted: no
    /// function on an approval's way needs the right to delete.
    ///
    /// # Errors
    /// The table's own.
    pub async fn release_lease(&self, lease: Lease) -> Result<(), Error> {
        match self.put_if_version(item(&lease.name, lease.version + 1, 0), lease.version).await {
            Err(Error::Conflict { .. }) => Ok(()),
            other => other,
        }
    }
}

fn item(name: &str, version: u64, until: i64) -> Item {
    let mut item = blank(&keys::lease(name), "lease", version);
    item.insert(UNTIL.into(), AttributeValue::N(until.to_string()));
    item.insert(TTL.into(), AttributeValue::N(((until + KEPT) / 1000).to_string()));
    item
}

fn held_until(item: &Item) -> Result<i64, Error> {
    item.get(UNTIL).and_then(|at| at.as_n().ok()).and_then(|at| at.parse().ok()).ok_or_else(|| corrupt(item))
}
