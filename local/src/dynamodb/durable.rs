//! A write that was answered is on the disk. SQLite would wait for the disk in each transaction; here many wait for it together.
//!
//! `synchronous=NORMAL` leaves the write-ahead log unsynced but for checkpoints, and the file whole whatever happens. A thread of
//! its own brings the log to the disk as soon as somebody waits: one `fdatasync` for all that was written until then.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use tokio::sync::watch;

use crate::Error;

/// Hands out a ticket for every write, and says when it is on the disk.
#[derive(Debug)]
pub(super) struct Durable {
    last: AtomicU64,
    /// None where nothing has to be waited for.
    disk: Option<Disk>,
}

#[derive(Debug)]
struct Disk {
    wanted: mpsc::Sender<u64>,
    reached: watch::Receiver<Reached>,
}

/// What is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    UpTo(u64),
    /// The disk refused once. What was written since cannot be known to be there, whatever later calls say.
    Failed,
}

impl Durable {
    /// Where SQLite sees to it, or there is no disk.
    pub(super) fn by_itself() -> Self {
        Self { last: AtomicU64::new(0), disk: None }
    }

    /// For the write-ahead log of this database file.
    pub(super) fn of(database: &Path) -> Result<Self, Error> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        let (wanted, waiting) = mpsc::channel();
        let (reach, reached) = watch::channel(Reached::UpTo(0));
        let log = PathBuf::from(log);
        std::thread::Builder::new().name("disk".to_owned()).spawn(move || sync(&log, &waiting, &reach))?;
        Ok(Self { last: AtomicU64::new(0), disk: Some(Disk { wanted, reached }) })
    }

    /// A ticket for what was just committed. To be taken while nobody else can commit.
    pub(super) fn wrote(&self) -> u64 {
        self.last.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The last ticket.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::SeqCst)
    }

    /// Whether the disk has refused.
    pub(super) fn has_failed(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| *disk.reached.borrow() == Reached::Failed)
    }

    /// Waits until that write is on the disk; false where the disk refused.
    pub(super) async fn wait(&self, ticket: u64) -> bool {
        let Some(disk) = &self.disk else { return true };
        let is_done = |reached: &Reached| match reached {
            Reached::UpTo(last) => *last >= ticket,
            Reached::Failed => true,
        };
        let mut reached = disk.reached.clone();
        if !is_done(&reached.borrow()) && disk.wanted.send(ticket).is_err() {
            return false;
        }
        reached.wait_for(is_done).await.is_ok_and(|reached| *reached != Reached::Failed)
    }
}

/// Brings the log to the disk whenever somebody waits for it, until nobody can any more.
fn sync(log: &Path, waiting: &mpsc::Receiver<u64>, reach: &watch::Sender<Reached>) {
    let mut open = None;
    while let Ok(first) = waiting.recv() {
        let upto = waiting.try_iter().fold(first, u64::max);
        if let Err(error) = sync_once(log, &mut open) {
            tracing::error!(%error, "the disk refuses; nothing is written any more until a new start");
            reach.send_replace(Reached::Failed);
            return;
        }
        reach.send_replace(Reached::UpTo(upto));
    }
}

/// SQLite keeps one log as long as its connection is open. SQLite's locks are on other files, so closing this one frees none of them.
fn sync_once(log: &Path, open: &mut Option<File>) -> io::Result<()> {
    if let Some(file) = open {
        return file.sync_data();
    }
    let file = File::options().append(true).open(log)?;
    file.sync_data()?;
    // Its name has to be there too.
    #[cfg(unix)]
    if let Some(folder) = log.parent() {
        File::open(folder)?.sync_all()?;
    }
    *open = Some(file);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_writes_are_brought_to_the_disk_together() {
        let file = std::env::temp_dir().join(format!("countersign-durable-{}", std::process::id()));
        std::fs::write(file.with_extension("sqlite-wal"), "").unwrap();
        let durable = Durable::of(&file.with_extension("sqlite")).unwrap();
        let tickets: Vec<u64> = (0..10).map(|_| durable.wrote()).collect();
        assert_eq!(tickets, (1..=10).collect::<Vec<_>>());
        assert!(durable.wait(10).await && durable.wait(3).await);
        std::fs::remove_file(file.with_extension("sqlite-wal")).unwrap();
    }

    #[tokio::test]
    async fn a_disk_that_refused_once_is_not_believed_again() {
        let durable = Durable::of(Path::new("/nowhere/at/all.sqlite")).unwrap();
        assert!(!durable.wait(durable.wrote()).await);
        assert!(!durable.wait(durable.wrote()).await);
    }
}
