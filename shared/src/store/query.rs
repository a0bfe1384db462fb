//! Reading ranges of a partition, page by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::keys::{MAX_PK, MAX_SK};
use super::schema::{Index, PK, SK};
use super::{Consistency, Error, Item, Key, Store};

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// How to get the next one; `None` on the last.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The same page with other contents.
    #[must_use]
    pub fn with<U>(self, items: Vec<U>) -> Page<U> {
        Page { items, next_cursor: self.next_cursor }
    }
}

/// One row of a list that is shown: what is there, or that it cannot be read.
#[derive(Debug)]
pub struct Row<T> {
    /// Its id.
    pub id: String,
    /// What goes on after it.
    pub cursor: Option<String>,
    /// What it is; [`Error::Corrupt`] where this version cannot read it.
    pub value: Result<T, Error>,
}

/// One page of a list that is shown. It ends by number or by bytes.
#[derive(Debug)]
pub struct Rows<T> {
    /// What is on it.
    pub rows: Vec<Row<T>>,
    /// How to get the next one; `None` on the last.
    pub next_cursor: Option<String>,
}

/// Items whose index entry was read are read themselves so many at a time, until they have so many bytes: more are not shown at once.
const READ_AT_ONCE: usize = 50;
const MAX_READ: usize = 6_000_000;

/// Which sort keys are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Range {
    /// All.
    All,
    /// Text that starts so.
    StartsWith(String),
    /// Text from this one on, itself included.
    From(String),
    /// Text before this one.
    Before(String),
    /// Numbers up to this one, itself included.
    UpTo(i64),
}

/// A question to the table or one of its indexes.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// The index; `None` for the table itself, which is then read consistently. An index answers with keys only.
    pub index: Option<Index>,
    /// The partition.
    pub pk: &'a str,
    /// Which sort keys.
    pub range: Range,
    /// Most items on the page.
    pub limit: u16,
    /// Where the page before ended, as it said.
    pub cursor: Option<&'a str>,
    /// Smallest first; else largest first.
    pub forward: bool,
}

impl Query<'_> {
    fn names(&self) -> (&'static str, &'static str) {
        self.index.map_or((PK, SK), |index| (index.pk, index.sk))
    }

    /// One more than the page holds is read, so that a last page that is full does not promise another.
    fn read_limit(&self) -> i32 {
        i32::from(self.limit).saturating_add(1)
    }

    fn condition(&self) -> &'static str {
        match self.range {
            Range::All => "#pk = :pk",
            Range::StartsWith(_) => "#pk = :pk AND begins_with(#sk, :sk)",
            Range::From(_) => "#pk = :pk AND #sk >= :sk",
            Range::Before(_) => "#pk = :pk AND #sk < :sk",
            Range::UpTo(_) => "#pk = :pk AND #sk <= :sk",
        }
    }

    fn attribute_names(&self) -> HashMap<String, String> {
        let (pk, sk) = self.names();
        let mut names = HashMap::from([("#pk".to_owned(), pk.to_owned())]);
        if self.range != Range::All {
            names.insert("#sk".to_owned(), sk.to_owned());
        }
        names
    }

    fn attribute_values(&self) -> Item {
        let mut values = Item::from([(":pk".to_owned(), AttributeValue::S(self.pk.to_owned()))]);
        match &self.range {
            Range::All => {}
            Range::StartsWith(text) | Range::From(text) | Range::Before(text) => {
                drop(values.insert(":sk".to_owned(), AttributeValue::S(text.clone())))
            }
            Range::UpTo(number) => drop(values.insert(":sk".to_owned(), AttributeValue::N(number.to_string()))),
        }
        values
    }

    /// The key after which the page starts.
    fn start(&self) -> Result<Option<Item>, Error> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::InvalidCursor)?;
        let [index_pk, index_sk, pk, sk]: [String; 4] =
            serde_json::from_slice(&bytes).map_err(|_| Error::InvalidCursor)?;
        let fits = |text: &str, longest| !text.is_empty() && text.len() <= longest;
        let numeric = self.index.is_some_and(|index| index.numeric);
        if index_pk != self.pk
            || !fits(&index_sk, MAX_SK)
            || !fits(&pk, MAX_PK)
            || !fits(&sk, MAX_SK)
            || (numeric && index_sk.parse::<i64>().is_err())
        {
            return Err(Error::InvalidCursor);
        }
        let (pk_name, sk_name) = self.names();
        let index_sk = if numeric { AttributeValue::N(index_sk) } else { AttributeValue::S(index_sk) };
        Ok(Some(Item::from([
            (PK.to_owned(), AttributeValue::S(pk)),
            (SK.to_owned(), AttributeValue::S(sk)),
            (pk_name.to_owned(), AttributeValue::S(index_pk)),
            (sk_name.to_owned(), index_sk),
        ])))
    }

    /// The cursor that continues after this item.
    fn cursor_after(&self, item: &Item) -> Option<String> {
        let (pk_name, sk_name) = self.names();
        let text = |name: &str| match item.get(name)? {
            AttributeValue::S(text) | AttributeValue::N(text) => Some(text.as_str()),
            _ => None,
        };
        let parts = [text(pk_name)?, text(sk_name)?, text(PK)?, text(SK)?];
        Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(&parts).ok()?))
    }
}

impl Store {
    /// Reads one page of a partition.
    ///
    /// # Errors
    /// [`Error::InvalidCursor`] when the cursor was not handed out for this partition; [`Error::Throttled`] or
    /// [`Error::Unavailable`].
    pub async fn query(&self, query: &Query<'_>) -> Result<Page<Item>, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .set_index_name(query.index.map(|index| index.name.to_owned()))
            .consistent_read(query.index.is_none())
            .key_condition_expression(query.condition())
            .set_expression_attribute_names(Some(query.attribute_names()))
            .set_expression_attribute_values(Some(query.attribute_values()))
            .set_exclusive_start_key(query.start()?)
            .scan_index_forward(query.forward)
            .limit(query.read_limit())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("Query", error))?;
        self.meter.read(answer.consumed_capacity.as_slice());
        let cut = answer.last_evaluated_key.is_some();
        let mut items = answer.items.unwrap_or_default();
        // A page of 1 MB may be cut before the limit is reached: then its last item is where to go on.
        let more = items.len() > usize::from(query.limit) || cut;
        items.truncate(usize::from(query.limit));
        let next_cursor = if more { items.last().and_then(|item| query.cursor_after(item)) } else { None };
        Ok(Page { items, next_cursor })
    }
}

impl Store {
    /// Reads one page of a list that is shown, where one item that cannot be read does not hide the others. An index leads to the
    /// items; the table holds them.
    ///
    /// # Errors
    /// As [`Store::query`]; never [`Error::Corrupt`].
    pub(in crate::store) async fn rows<T>(
        &self,
        query: &Query<'_>,
        consistency: Consistency,
        id: impl Fn(&Key) -> String,
        read: impl Fn(Item) -> Result<T, Error>,
    ) -> Result<Rows<T>, Error> {
        let page = self.query(query).await?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for part in page.items.chunks(READ_AT_ONCE) {
            let keys: Vec<Key> = part.iter().filter_map(Key::of).collect();
            let found = match query.index {
                None => part.to_vec(),
                Some(_) => self.batch_get(&keys, consistency).await?,
            };
            let mut found: HashMap<Key, Item> =
                found.into_iter().filter_map(|item| Some((Key::of(&item)?, item))).collect();
            for (entry, key) in part.iter().filter_map(|entry| Some((entry, Key::of(entry)?))) {
                if bytes > MAX_READ {
                    let next_cursor = rows.last().and_then(|row: &Row<T>| row.cursor.clone());
                    return Ok(Rows { rows, next_cursor });
                }
                // It may have been deleted meanwhile.
                let Some(item) = found.remove(&key) else { continue };
                bytes += item.values().map(size).sum::<usize>();
                rows.push(Row { id: id(&key), cursor: query.cursor_after(entry), value: read(item) });
            }
        }
        Ok(Rows { rows, next_cursor: page.next_cursor })
    }
}

/// How much of a value there is, in bytes, roughly.
fn size(value: &AttributeValue) -> usize {
    /// What each value costs beside its text.
    const FRAME: usize = 8;
    let inside = match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(list) => list.iter().map(size).sum(),
        AttributeValue::M(map) => map.iter().map(|(name, value)| name.len() + size(value)).sum(),
        _ => 0,
    };
    FRAME + inside
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::schema::{DUE, LIST};
    use super::*;

    fn query<'a>(index: Index, pk: &'a str, cursor: Option<&'a str>) -> Query<'a> {
        Query { index: Some(index), pk, range: Range::All, limit: 1, cursor, forward: true }
    }

    fn item(parts: [(&str, AttributeValue); 4]) -> Item {
        parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn a_cursor_reads_back_for_its_own_partition_only() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let last =
            item([(PK, text("CON#a")), (SK, text("CON")), ("list_pk", text("ORG#1#CON")), ("list_sk", text("a"))]);
        let cursor = query(LIST, "ORG#1#CON", None).cursor_after(&last).unwrap();
        assert_eq!(query(LIST, "ORG#1#CON", Some(&cursor)).start().unwrap(), Some(last));
        assert!(matches!(query(LIST, "ORG#2#CON", Some(&cursor)).start(), Err(Error::InvalidCursor)));
        for bad in ["", "!", "e30", &cursor[1..], &format!("{cursor}A")] {
            assert!(matches!(query(LIST, "ORG#1#CON", Some(bad)).start(), Err(Error::InvalidCursor)), "{bad}");
        }
    }

    #[test]
    fn numbers_stay_numbers() {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let last = item([
            (PK, text("p")),
            (SK, text("s")),
            ("due_pk", text("DUE#1")),
            ("due_at", AttributeValue::N("7".into())),
        ]);
        let cursor = query(DUE, "DUE#1", None).cursor_after(&last).unwrap();
        assert_eq!(query(DUE, "DUE#1", Some(&cursor)).start().unwrap(), Some(last));
        let forged = URL_SAFE_NO_PAD.encode(r#"["DUE#1","x","p","s"]"#);
        assert!(query(DUE, "DUE#1", Some(&forged)).start().is_err());
    }
}
