//! What was submitted: written once, and changed only where a failed approval is submitted again and people or templates
//! resolve to something else.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Consistency, Error, Item, Key, Store, blank, corrupt, keys};
use crate::ids::ApprovalId;
use crate::providers::{Contact, Resource};

/// What was submitted, as far as the state does not hold it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How the applicant can be reached.
    #[serde(default)]
    pub contact: Contact,
    /// Free fields.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// What access is asked to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// Begin of what is asked for (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<i64>,
    /// End of what is asked for (milliseconds).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<i64>,
    /// The applicant's account on each stage's connection, of approvals from before the stages held it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applicant_accounts: Vec<Option<String>>,
    /// The customer's template on each stage's connection; as above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<Option<String>>,
    /// What the source's format needs of the request to tell of its decision, as the source's own id of it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub origin: Map<String, Value>,
}

/// A stored request and the hash of the body it was made from.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRequest {
    /// SHA-256 of what the source sent, in base64; the same key with another body is refused by it.
    pub body_hash: String,
    /// The request.
    pub request: Request,
}

/// One attribute of JSON: it is smaller than a map of attributes, and nothing is ever looked up inside it.
const BODY: &str = "body";
const HASH: &str = "hash";

impl StoredRequest {
    fn item(&self, id: &ApprovalId) -> Result<Item, Error> {
        let key = keys::request(id);
        let body = serde_json::to_string(&self.request).map_err(|_| Error::Corrupt { key: key.to_string() })?;
        let mut item = blank(&key, "request", 1);
        item.insert(BODY.into(), AttributeValue::S(body));
        item.insert(HASH.into(), AttributeValue::S(self.body_hash.clone()));
        Ok(item)
    }

    fn from_item(item: &Item) -> Result<Self, Error> {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).ok_or_else(|| corrupt(item));
        let request = serde_json::from_str(text(BODY)?).map_err(|_| corrupt(item))?;
        Ok(Self { body_hash: text(HASH)?.clone(), request })
    }
}

impl Store {
    /// Writes a request, once. Where one is there already it stays, and is returned.
    ///
    /// # Errors
    /// [`Error::TooLarge`], or the table's own.
    pub async fn create_request(
        &self,
        id: &ApprovalId,
        request: &StoredRequest,
    ) -> Result<Option<StoredRequest>, Error> {
        match self.put_new(request.item(id)?).await {
            Ok(()) => Ok(None),
            Err(Error::AlreadyExists { current }) => match current.into_item() {
                Some(item) => StoredRequest::from_item(&item).map(Some),
                None => self.request(id).await.map(Some),
            },
            Err(error) => Err(error),
        }
    }

    /// Writes a request that is submitted again with the same body, after its approval failed.
    ///
    /// # Errors
    /// [`Error::TooLarge`], or the table's own.
    pub async fn replace_request(&self, id: &ApprovalId, request: &StoredRequest) -> Result<(), Error> {
        self.put_item(request.item(id)?).await
    }

    /// The first of these approvals of which there is a request, and the request. One read, however many are named.
    ///
    /// # Errors
    /// [`Error::Corrupt`], or the table's own.
    pub async fn first_request(&self, ids: &[ApprovalId]) -> Result<Option<(ApprovalId, StoredRequest)>, Error> {
        let wanted: Vec<Key> = ids.iter().map(keys::request).collect();
        let items = self.batch_get(&wanted, Consistency::Strong).await?;
        let Some(item) = items.first() else { return Ok(None) };
        let id = Key::of(item).and_then(|key| key.id().parse().ok()).ok_or_else(|| corrupt(item))?;
        Ok(Some((id, StoredRequest::from_item(item)?)))
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`Error::NotFound`], or the table's own.
    pub async fn request(&self, id: &ApprovalId) -> Result<StoredRequest, Error> {
        let item = self.get_item(&keys::request(id), Consistency::Strong).await?.ok_or(Error::NotFound)?;
        StoredRequest::from_item(&item)
    }
}
