//! Wrong keys that came from an address, so that nobody tries many: an item for each address, gone after a minute.
//!
//! It is in the table and not in the process, since a function has as many processes as there are callers at once. Only a wrong key
//! costs a write, and none once there are too many. Who tries several at the very same moment may see a few more refused one by one.

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

use super::schema::TTL;
use super::{Consistency, Error, Item, Key, Store, blank, keys};

/// Wrong keys from one address within [`WINDOW`], after which no more are looked at.
pub const MAX_WRONG_KEYS: u64 = 5;
/// How long wrong keys count, from the first of them, in milliseconds.
pub const WINDOW: i64 = 60_000;
const UNTIL: &str = "until";
const COUNT: &str = "count";

/// What is known of an address's wrong keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrongKeys {
    count: u64,
    /// Until when they count, milliseconds.
    until: i64,
}

impl WrongKeys {
    /// For how long nothing more is looked at, in milliseconds, if there were too many.
    #[must_use]
    pub const fn pause(&self, now: i64) -> Option<i64> {
        if self.count >= MAX_WRONG_KEYS && now < self.until { Some(self.until - now) } else { None }
    }
}

impl Store {
    /// The wrong keys of an address that count at `now` (milliseconds).
    ///
    /// # Errors
    /// The table's own.
    pub async fn wrong_keys(&self, address: &str, now: i64) -> Result<Option<WrongKeys>, Error> {
        let Some(item) = self.get_item(&key(address), Consistency::Strong).await? else { return Ok(None) };
        let number = |name| item.get(name).and_then(|value: &AttributeValue| value.as_n().ok());
        let count = number(COUNT).and_then(|text| text.parse().ok()).unwrap_or_default();
        let until = number(UNTIL).and_then(|text| text.parse().ok()).unwrap_or_default();
        Ok((now < until).then_some(WrongKeys { count, until }))
    }

    /// Counts one more wrong key; `known` is what counted before.
    ///
    /// # Errors
    /// The table's own.
    pub async fn add_wrong_key(&self, address: &str, known: Option<WrongKeys>, now: i64) -> Result<(), Error> {
        let key = key(address);
        if known.is_some() {
            let one = Item::from([(":n".to_owned(), AttributeValue::N("1".to_owned()))]);
            return self.change_item(&key, "ADD #c :n", one).await;
        }
        let until = now + WINDOW;
        let mut item = blank(&key, "wrong keys", 1);
        let number = |number: i64| AttributeValue::N(number.to_string());
        item.insert(COUNT.to_owned(), number(1));
        item.insert(UNTIL.to_owned(), number(until));
        item.insert(TTL.to_owned(), number(until / 1000 + 1));
        self.put_item(item).await
    }
}

/// Hashed: an address is personal, and may be any text that a gateway hands in.
fn key(address: &str) -> Key {
    keys::wrong_keys(&crate::crypto::hex(&Sha256::digest(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_wrong_key_makes_a_pause_until_the_first_is_a_minute_old() {
        let known = |count| WrongKeys { count, until: 60_000 };
        assert_eq!(known(4).pause(1), None);
        assert_eq!(known(5).pause(1), Some(59_999));
        assert_eq!(known(9).pause(60_000), None);
    }
}
