//! State in small JSON files. A file is replaced whole, by rename, so a process that is killed leaves the old or the new
//! content and never half of one.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The sandbox cannot keep or read its state, or cannot send.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file holds something else than the sandbox wrote.
    #[error("{path} is not what the sandbox wrote; move it away to start afresh: {source}")]
    Content {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The HTTP client for callbacks cannot be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// A signing secret that is not `whsec_` and base64.
    #[error("not a signing secret: it is `whsec_` and base64")]
    Secret,
}

/// A folder of JSON files.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens a folder and makes it if it is not there, for its owner only: the files hold secrets of the played apps.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Error> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(|source| Error::File { path: path.clone(), source })?;
        Ok(Self { path })
    }

    /// What the file holds; `None` when there is none.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        read(&self.path.join(name))
    }

    /// What every file holds, by file name.
    pub(crate) fn read_all<T: DeserializeOwned>(&self) -> Result<Vec<T>, Error> {
        let wrap = |source| Error::File { path: self.path.clone(), source };
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(wrap)? {
            let path = entry.map_err(wrap)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        paths.iter().filter_map(|path| read(path).transpose()).collect()
    }

    /// Replaces a file.
    pub(crate) fn write<T: Serialize>(&self, name: &str, value: &T) -> Result<(), Error> {
        let path = self.path.join(name);
        let bytes = serde_json::to_vec(value).map_err(|source| Error::Content { path: path.clone(), source })?;
        let fresh = self.path.join(format!("{name}.new"));
        replace(&fresh, &path, &bytes).map_err(|source| Error::File { path, source })
    }

    /// Removes a file; one that is not there is not an error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::File { path, source }),
            _ => Ok(()),
        }
    }
}

/// Something that has a file of its own.
pub(crate) trait Filed: Serialize + DeserializeOwned {
    /// Its id; also the name of its file.
    fn key(&self) -> &str;
}

/// Things of one kind by their ids, each in a file of its own.
pub(crate) struct Shelf<T> {
    files: Folder,
    things: BTreeMap<String, T>,
}

impl<T: Filed> Shelf<T> {
    /// Reads them back from a folder.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        let files = Folder::open(folder)?;
        let things = files.read_all::<T>()?;
        Ok(Self { files, things: things.into_iter().map(|thing| (thing.key().to_owned(), thing)).collect() })
    }

    /// Keeps one, in the place of an earlier one of its id.
    pub(crate) fn put(&mut self, thing: T) -> Result<(), Error> {
        self.files.write(&format!("{}.json", thing.key()), &thing)?;
        self.things.insert(thing.key().to_owned(), thing);
        Ok(())
    }
}

impl<T> Deref for Shelf<T> {
    type Target = BTreeMap<String, T>;

    fn deref(&self) -> &BTreeMap<String, T> {
        &self.things
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::File { path: path.to_owned(), source }),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|source| Error::Content { path: path.to_owned(), source })
}

fn replace(fresh: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(fresh)?;
    file.write_all(bytes)?;
    drop(file);
    fs::rename(fresh, path)
}
