//! The data folder: for its owner only, and for one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use crate::{Error, dynamodb};

/// What a process holds that uses the folder.
const LOCK: &str = "lock";

/// The data folder, which no other process uses as long as this lives.
#[derive(Debug)]
pub struct DataFolder {
    _lock: File,
}

impl DataFolder {
    /// Makes the folder where there is none, and takes it for this process. A folder that is made, and the table's files in any, are for
    /// their owner only.
    ///
    /// # Errors
    /// When another process uses it, or it cannot be written.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::new(format!("cannot use {}: {error}", path.display()));
        make(path).map_err(failed)?;
        let lock = private(&path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let folder = path.display();
                return Err(Error::new(format!(
                    "another process uses {folder}: stop it first, or name another folder with --data-dir"
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // SQLite gives its other files the mode of this one.
        private(&path.join(dynamodb::FILE)).map_err(failed)?;
        for end in ["-wal", "-shm"] {
            let beside = path.join(format!("{}{end}", dynamodb::FILE));
            if beside.exists() {
                private(&beside).map_err(failed)?;
            }
        }
        Ok(Self { _lock: lock })
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens a file, or makes it, so that only its owner can read it.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o077 != 0 {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    }
    Ok(file)
}
