//! The one table: its attributes, indexes and settings. The deployment's template says the same, and a test compares them.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};

use super::error::Error;

/// Partition key of the table, a string.
pub const PK: &str = "pk";
/// Sort key of the table, a string.
pub const SK: &str = "sk";
/// What DynamoDB removes an item by: seconds since the Unix epoch. Never a timer: it may take two days.
pub const TTL: &str = "ttl";
/// An item's version, a number that grows by one with every write.
pub const VERSION: &str = "v";
/// What an item is, for people who look at the table.
pub const TYPE: &str = "type";

/// An index of the table. All are sparse (an item without the index's keys is not in it) and hold keys only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Index {
    /// Its name.
    pub name: &'static str,
    /// Its partition key, a string.
    pub pk: &'static str,
    /// Its sort key.
    pub sk: &'static str,
    /// Whether the sort key is a number; else it is a string.
    pub numeric: bool,
}

/// Configuration resources by organisation and kind, and approvals by organisation.
pub const LIST: Index = Index { name: "list", pk: "list_pk", sk: "list_sk", numeric: false };
/// Approvals by applicant.
pub const APPLICANT: Index = Index { name: "applicant", pk: "applicant_pk", sk: "applicant_sk", numeric: false };
/// What is due, spread over [`DUE_SHARDS`] partitions, by time in milliseconds.
pub const DUE: Index = Index { name: "due", pk: "due_pk", sk: "due_at", numeric: true };
/// Every index.
pub const INDEXES: [Index; 3] = [LIST, APPLICANT, DUE];
/// How many partitions the index of due things has.
pub const DUE_SHARDS: u8 = 16;

/// Makes the table if it is not there, waits until it can be used, and sees to it that expired items are removed.
/// Calling it again changes nothing. For local runs and tests: in the cloud the template makes the table.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Throttled`] when DynamoDB refuses.
pub async fn create_table(client: &Client, name: &str) -> Result<(), Error> {
    match define(client, name)?.send().await {
        Ok(_) => {}
        Err(error) if matches!(error.as_service_error(), Some(CreateTableError::ResourceInUseException(_))) => {}
        Err(error) => return Err(Error::from_sdk("CreateTable", error)),
    }
    wait_until_active(client, name).await?;
    enable_ttl(client, name).await
}

/// The whole definition of the table.
fn define(client: &Client, name: &str) -> Result<CreateTableFluentBuilder, Error> {
    let mut call = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute(PK, false)?)
        .attribute_definitions(attribute(SK, false)?)
        .key_schema(key(PK, KeyType::Hash)?)
        .key_schema(key(SK, KeyType::Range)?)
        .stream_specification(
            StreamSpecification::builder()
                .stream_enabled(true)
                .stream_view_type(StreamViewType::NewAndOldImages)
                .build()
                .map_err(built_badly)?,
        );
    for index in INDEXES {
        call = call
            .attribute_definitions(attribute(index.pk, false)?)
            .attribute_definitions(attribute(index.sk, index.numeric)?)
            .global_secondary_indexes(
                GlobalSecondaryIndex::builder()
                    .index_name(index.name)
                    .key_schema(key(index.pk, KeyType::Hash)?)
                    .key_schema(key(index.sk, KeyType::Range)?)
                    .projection(Projection::builder().projection_type(ProjectionType::KeysOnly).build())
                    .build()
                    .map_err(built_badly)?,
            );
    }
    Ok(call)
}

fn attribute(name: &str, numeric: bool) -> Result<AttributeDefinition, Error> {
    let kind = if numeric { ScalarAttributeType::N } else { ScalarAttributeType::S };
    AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().map_err(built_badly)
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, Error> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(built_badly)
}

/// The SDK's builders fail when a required part is missing; nothing here leaves one out.
#[expect(clippy::needless_pass_by_value, reason = "used with map_err")]
fn built_badly(error: BuildError) -> Error {
    tracing::error!(error = %error, "the table's definition is incomplete");
    Error::Unavailable
}

async fn wait_until_active(client: &Client, name: &str) -> Result<(), Error> {
    for _ in 0..120 {
        let described = client
            .describe_table()
            .table_name(name)
            .send()
            .await
            .map_err(|error| Error::from_sdk("DescribeTable", error))?;
        if described.table().and_then(|table| table.table_status()) == Some(&TableStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    Err(Error::Unavailable)
}

async fn enable_ttl(client: &Client, name: &str) -> Result<(), Error> {
    let described = client
        .describe_time_to_live()
        .table_name(name)
        .send()
        .await
        .map_err(|error| Error::from_sdk("DescribeTimeToLive", error))?;
    let status = described.time_to_live_description().and_then(|ttl| ttl.time_to_live_status());
    if matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)) {
        return Ok(());
    }
    let wanted = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL).build().map_err(built_badly)?;
    client
        .update_time_to_live()
        .table_name(name)
        .time_to_live_specification(wanted)
        .send()
        .await
        .map_err(|error| Error::from_sdk("UpdateTimeToLive", error))?;
    Ok(())
}
