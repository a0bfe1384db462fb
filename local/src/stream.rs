//! The stream of a table that is not the embedded one, read as Lambda would hand it to the dispatch function.
//!
//! How far it was read is kept in a file, after the changes were dealt with: a process that dies in between deals with the
//! last ones again, which dispatch allows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record, Shard, ShardIteratorType};
use countersign::engine::App;
use countersign::engine::caught;
use countersign::engine::dispatch::{Before, Change, dispatch};
use countersign::store::Item;
use countersign_dispatch::{Failed, Numbered, run};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Pause between two readings of a stream with nothing new.
const IDLE: Duration = Duration::from_millis(100);
/// Pause after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Readings between two questions for new shards.
const READINGS: u32 = 100;
/// After so many failures a change that is likely to fail again is set aside.
pub(crate) const MAX_FAILURES: u32 = 3;

/// How far each shard was read.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The stream; another one starts from its beginning.
    pub(crate) arn: String,
    /// Last sequence number dealt with, by shard.
    pub(crate) shards: BTreeMap<String, String>,
    /// Shards that were read to their end.
    ended: BTreeSet<String>,
    /// Changes that failed so often that the stream goes on without them, as Lambda puts them into a failure queue: their
    /// approvals, by sequence number; no approval where that was made good.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) set_aside: BTreeMap<String, String>,
}

/// The reader.
pub struct Reader {
    app: App,
    client: Client,
    file: PathBuf,
    checkpoint: Checkpoint,
    iterators: BTreeMap<String, String>,
    shards: Vec<Shard>,
    /// How often changes failed that are likely to fail again, by sequence number.
    failures: BTreeMap<String, u32>,
}

impl Reader {
    /// A reader of the app's table that keeps its place in `file`.
    #[must_use]
    pub fn new(app: App, client: Client, file: PathBuf) -> Self {
        let kept = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let checkpoint = kept.unwrap_or_default();
        Self {
            app,
            client,
            file,
            checkpoint,
            iterators: BTreeMap::new(),
            shards: Vec::new(),
            failures: BTreeMap::new(),
        }
    }

    /// Reads for ever.
    pub async fn run(mut self) {
        self.take_up().await;
        let mut readings = 0;
        loop {
            let result = if readings % READINGS == 0 { self.find_shards().await } else { Ok(()) };
            readings += 1;
            match result {
                Ok(()) => match self.read().await {
                    Ok(0) => tokio::time::sleep(IDLE).await,
                    Ok(_) => {}
                    Err(error) => self.pause(&error, &mut readings).await,
                },
                Err(error) => self.pause(&error, &mut readings).await,
            }
        }
    }

    /// Reads until there is nothing new. Returns how many records there were.
    ///
    /// # Errors
    /// When the stream cannot be read, or a change cannot be dealt with.
    pub async fn drain(&mut self) -> Result<usize, Error> {
        self.find_shards().await?;
        let mut seen = 0;
        loop {
            match self.read().await? {
                0 => return Ok(seen),
                more => seen += more,
            }
        }
    }

    async fn pause(&mut self, error: &Error, readings: &mut u32) {
        tracing::warn!(%error, "the stream could not be read");
        self.iterators.clear();
        *readings = 0;
        tokio::time::sleep(AFTER_FAILURE).await;
    }

    /// Asks for the stream of the table and its shards.
    async fn find_shards(&mut self) -> Result<(), Error> {
        let streams = self.client.list_streams().table_name(self.app.store.table()).send().await;
        let streams = streams.map_err(|error| Error::sdk("ListStreams", &error))?;
        let arn = streams.streams().last().and_then(|stream| stream.stream_arn());
        let arn = arn.ok_or_else(|| Error::new("the table has no stream"))?.to_owned();
        if self.checkpoint.arn != arn {
            let set_aside = std::mem::take(&mut self.checkpoint.set_aside);
            self.checkpoint = Checkpoint { arn: arn.clone(), set_aside, ..Checkpoint::default() };
            self.iterators.clear();
        }
        let mut shards = Vec::new();
        let mut after = None;
        loop {
            let asked = self.client.describe_stream().stream_arn(&arn).set_exclusive_start_shard_id(after).send().await;
            let Some(found) = asked.map_err(|error| Error::sdk("DescribeStream", &error))?.stream_description else {
                break;
            };
            shards.extend(found.shards.unwrap_or_default());
            after = found.last_evaluated_shard_id;
            if after.is_none() {
                break;
            }
        }
        self.shards = shards;
        Ok(())
    }

    /// Looks once at each shard whose parent was read to its end. Returns how many records there were.
    async fn read(&mut self) -> Result<usize, Error> {
        let known: BTreeSet<String> = self.shards.iter().filter_map(|shard| shard.shard_id.clone()).collect();
        let mut seen = 0;
        for shard in self.shards.clone() {
            let Some(id) = shard.shard_id else { continue };
            let waits = shard
                .parent_shard_id
                .is_some_and(|parent| known.contains(&parent) && !self.checkpoint.ended.contains(&parent));
            if !waits && !self.checkpoint.ended.contains(&id) {
                seen += self.read_shard(&id).await?;
            }
        }
        Ok(seen)
    }

    async fn read_shard(&mut self, shard: &str) -> Result<usize, Error> {
        let iterator = match self.iterators.get(shard) {
            Some(iterator) => iterator.clone(),
            None => self.iterator(shard).await?,
        };
        let read = self.client.get_records().shard_iterator(iterator).limit(100).send().await;
        let read = read.map_err(|error| Error::sdk("GetRecords", &error))?;
        let records = read.records.unwrap_or_default();
        let count = records.len();
        let last = records.last().and_then(sequence);
        let mut changes: Vec<Numbered> = records.into_iter().filter_map(numbered).collect();
        changes.retain(|change| !self.checkpoint.set_aside.contains_key(&change.sequence));
        let of_approvals: BTreeMap<String, String> = changes.iter().map(of_approval).collect();
        let failed = caught(run(&self.app, changes)).await.map_err(|panicked| Error::new(panicked.to_string()))?;
        if !failed.is_empty() {
            self.set_aside(&failed, &of_approvals)?;
            // They come again from the checkpoint on, with those after them.
            self.iterators.remove(shard);
            return Err(Error::new(format!("{} changes could not be dealt with", failed.len())));
        }
        match read.next_shard_iterator {
            Some(next) => drop(self.iterators.insert(shard.to_owned(), next)),
            None => {
                self.iterators.remove(shard);
                self.checkpoint.ended.insert(shard.to_owned());
            }
        }
        if let Some(last) = last {
            self.checkpoint.shards.insert(shard.to_owned(), last);
            self.save()?;
        }
        Ok(count)
    }

    /// Sets aside what has failed too often and is likely to fail again, so that it does not hold up everybody for ever.
    fn set_aside(&mut self, failed: &[Failed], of_approvals: &BTreeMap<String, String>) -> Result<(), Error> {
        for Failed { sequence, .. } in failed.iter().filter(|failed| failed.is_lasting) {
            let times = self.failures.entry(sequence.clone()).or_default();
            *times += 1;
            if *times >= MAX_FAILURES {
                let approval = of_approvals.get(sequence).cloned().unwrap_or_default();
                tracing::error!(approval.id = approval, sequence, "a change is set aside until the next start");
                self.failures.remove(sequence);
                self.checkpoint.set_aside.insert(sequence.clone(), approval);
                self.save()?;
            }
        }
        Ok(())
    }

    /// Tells what was not told of approvals whose changes were set aside: this version may be able to.
    async fn take_up(&mut self) {
        let waiting = self.checkpoint.set_aside.clone().into_iter().filter(|(_, approval)| !approval.is_empty());
        for (sequence, approval) in waiting {
            match tell_anew(&self.app, &approval).await {
                // The stream may hand it in once more: it is done.
                Ok(()) => drop(self.checkpoint.set_aside.insert(sequence, String::new())),
                Err(error) => tracing::error!(approval.id = approval, %error, "a change stays set aside"),
            }
        }
        if let Err(error) = self.save() {
            tracing::warn!(%error, "the place in the stream could not be kept");
        }
    }

    async fn iterator(&self, shard: &str) -> Result<String, Error> {
        let ask = self.client.get_shard_iterator().stream_arn(&self.checkpoint.arn).shard_id(shard);
        let ask = match self.checkpoint.shards.get(shard) {
            Some(after) => ask.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(after),
            None => ask.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        let answer = ask.send().await.map_err(|error| Error::sdk("GetShardIterator", &error))?;
        answer.shard_iterator.ok_or_else(|| Error::new("the shard cannot be read"))
    }

    fn save(&self) -> Result<(), Error> {
        let text = serde_json::to_vec(&self.checkpoint).map_err(|error| Error::new(error.to_string()))?;
        let beside = self.file.with_extension("new");
        std::fs::write(&beside, text)?;
        Ok(std::fs::rename(&beside, &self.file)?)
    }
}

/// Tells all that an approval's deliveries lack, whatever change it was that could not be dealt with.
///
/// # Errors
/// When it cannot be told either.
pub(crate) async fn tell_anew(app: &App, approval: &str) -> Result<(), Error> {
    let told = async {
        let id = approval.parse().map_err(|_| Error::new("no approval's id"))?;
        let new = app.store.approval(&id).await.map_err(|error| Error::new(error.to_string()))?;
        let change = Change { old: Before::Unreadable, new };
        dispatch(app, &change).await.map_err(|error| Error::new(error.to_string()))
    };
    caught(told).await.map_err(|panicked| Error::new(panicked.to_string()))?
}

fn sequence(record: &Record) -> Option<String> {
    record.dynamodb.as_ref().and_then(|change| change.sequence_number.clone())
}

fn numbered(record: Record) -> Option<Numbered> {
    let sequence = sequence(&record)?;
    let change = record.dynamodb?;
    let key = item(change.keys?)?;
    let change = Change::from_images(&key, change.old_image.and_then(item), change.new_image.and_then(item))?;
    Some(Numbered { sequence, change })
}

fn of_approval(numbered: &Numbered) -> (String, String) {
    let approval = match &numbered.change {
        Ok(change) => change.new.id.to_string(),
        Err(unreadable) => unreadable.approval.clone(),
    };
    (numbered.sequence.clone(), approval)
}

/// The same item in the types of the table's own client.
fn item(image: std::collections::HashMap<String, AttributeValue>) -> Option<Item> {
    let image: serde_dynamo::Item = image.into();
    let item: Item = image.into();
    (!item.is_empty()).then_some(item)
}
