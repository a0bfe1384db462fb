//! The data key that seals secrets, and where it comes from: a key file locally, KMS in the cloud.

use std::sync::Arc;

use aws_sdk_dynamodb::primitives::Blob as ItemBlob;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_kms::Client as Kms;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::{Consistency, Error, Item, Store, blank, corrupt, keys};
use crate::crypto::seal::{KEY_BYTES, Sealer};

/// Attribute with the data key as KMS encrypted it.
const WRAPPED: &str = "wrapped";
/// Bound to the data key in KMS: a grant can be limited to it, and the audit log shows it.
const CONTEXT: (&str, &str) = ("countersign", "data-key");

/// Where the sealer comes from. A function that never asks for it needs no right to any key.
#[derive(Debug, Clone)]
pub struct DataKey(Arc<Source>);

#[derive(Debug)]
enum Source {
    /// It is here.
    Ready(Sealer),
    /// In the table, encrypted by KMS; decrypted once, when the process starts or when it is first needed.
    Kms { client: Kms, key: String, store: Store, cell: OnceCell<Sealer> },
    /// This function has none.
    Absent,
}

impl DataKey {
    /// A sealer that is there already, as with a key file.
    #[must_use]
    pub fn ready(sealer: Sealer) -> Self {
        Self(Arc::new(Source::Ready(sealer)))
    }

    /// The data key in the table, under a KMS key (id or ARN). Nothing is called yet.
    #[must_use]
    pub fn kms(client: Kms, key: impl Into<String>, store: Store) -> Self {
        Self(Arc::new(Source::Kms { client, key: key.into(), store, cell: OnceCell::new() }))
    }

    /// None: asking for the sealer fails.
    #[must_use]
    pub fn absent() -> Self {
        Self(Arc::new(Source::Absent))
    }

    /// Opens the data key that is in the table before anybody asks for it. Where there is none yet, or it cannot be opened now, that is
    /// left to whoever asks first.
    ///
    /// # Errors
    /// As [`DataKey::sealer`]; nothing is worse than before.
    pub async fn open(&self) -> Result<(), Error> {
        let Source::Kms { client, key, store, cell } = &*self.0 else { return Ok(()) };
        let Some(item) = store.get_item(&keys::data_key(), Consistency::Eventual).await? else { return Ok(()) };
        cell.get_or_try_init(|| unwrap(client, key, &item)).await.map(drop)
    }

    /// The sealer. With KMS the first call makes or reads the data key; a failure is tried again by the next call.
    ///
    /// # Errors
    /// [`Error::Unavailable`] or [`Error::Throttled`] when KMS or the table does not answer, or there is no key here;
    /// [`Error::Corrupt`] when the stored data key cannot be used.
    pub async fn sealer(&self) -> Result<&Sealer, Error> {
        match &*self.0 {
            Source::Ready(sealer) => Ok(sealer),
            Source::Kms { client, key, store, cell } => cell.get_or_try_init(|| load(client, key, store)).await,
            Source::Absent => {
                tracing::error!("a secret is needed, but COUNTERSIGN_KMS_KEY is not set");
                Err(Error::Unavailable)
            }
        }
    }
}

/// Reads the data key; makes it if there is none. Of several processes that make it at once, one wins and all use its.
async fn load(client: &Kms, key: &str, store: &Store) -> Result<Sealer, Error> {
    let at = keys::data_key();
    if let Some(item) = store.get_item(&at, Consistency::Strong).await? {
        return unwrap(client, key, &item).await;
    }
    let made = client
        .generate_data_key()
        .key_id(key)
        .key_spec(DataKeySpec::Aes256)
        .encryption_context(CONTEXT.0, CONTEXT.1)
        .send()
        .await
        .map_err(|error| kms_failed("GenerateDataKey", &error))?;
    let wrapped = made.ciphertext_blob().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
    let mut item = blank(&at, "DATAKEY", 1);
    item.insert(WRAPPED.to_owned(), AttributeValue::B(ItemBlob::new(wrapped)));
    match store.put_new(item).await {
        Ok(()) => sealer(made.plaintext, &keys::data_key().to_string()),
        Err(Error::AlreadyExists { .. }) => {
            let item = store.get_item(&at, Consistency::Strong).await?.ok_or(Error::Unavailable)?;
            unwrap(client, key, &item).await
        }
        Err(error) => Err(error),
    }
}

async fn unwrap(client: &Kms, key: &str, item: &Item) -> Result<Sealer, Error> {
    let wrapped = item.get(WRAPPED).and_then(|value| value.as_b().ok()).ok_or_else(|| corrupt(item))?;
    let opened = client
        .decrypt()
        .key_id(key)
        .ciphertext_blob(Blob::new(wrapped.as_ref()))
        .encryption_context(CONTEXT.0, CONTEXT.1)
        .send()
        .await
        .map_err(|error| kms_failed("Decrypt", &error))?;
    sealer(opened.plaintext, &keys::data_key().to_string())
}

fn sealer(plaintext: Option<Blob>, key: &str) -> Result<Sealer, Error> {
    let bytes = Zeroizing::new(plaintext.map(Blob::into_inner).unwrap_or_default());
    let bytes: &[u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| Error::Corrupt { key: key.to_owned() })?;
    Ok(Sealer::new(bytes))
}

fn kms_failed<E>(operation: &'static str, error: &aws_sdk_kms::error::SdkError<E>) -> Error
where
    E: std::error::Error + 'static,
{
    let detail = aws_sdk_kms::error::DisplayErrorContext(error);
    tracing::error!(operation, %detail, "KMS did not answer as it should");
    Error::Unavailable
}
