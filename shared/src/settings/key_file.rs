//! The data key of a local run: a file that only its owner may read.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use zeroize::Zeroizing;

use crate::clock::World;
use crate::crypto::seal::{KEY_BYTES, Sealer};

/// Why there is no data key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be made or read.
    #[error("the key file {path} cannot be used: {source}")]
    Io {
        /// Where it is.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others may read it.
    #[error("the key file {path} can be read by others; run: chmod 600 {path}")]
    Exposed {
        /// Where it is.
        path: String,
    },
    /// It does not hold a key.
    #[error("the key file {path} does not hold {KEY_BYTES} bytes; without the right key no stored secret opens")]
    NotAKey {
        /// Where it is.
        path: String,
    },
}

/// Reads the data key of a file; makes the file (mode 600) if it is not there.
///
/// # Errors
/// See [`Error`].
pub fn open(path: &Path, world: &World) -> Result<Sealer, Error> {
    let shown = || path.display().to_string();
    let failed = |source| Error::Io { path: shown(), source };
    match read(path) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
        other => return other,
    }
    // Written beside and then linked into place, so that nobody ever sees half a key and of two that start at once one wins.
    let fresh = path.with_extension(format!("{:016x}", u64::from_be_bytes(world.random())));
    let key = Zeroizing::new(world.random::<KEY_BYTES>());
    let written = create(&fresh).and_then(|mut file| {
        file.write_all(&*key)?;
        file.sync_all()
    });
    let placed = written.and_then(|()| match std::fs::hard_link(&fresh, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = std::fs::remove_file(&fresh);
    placed.map_err(failed)?;
    removed.map_err(failed)?;
    read(path)
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn read(path: &Path) -> Result<Sealer, Error> {
    let shown = || path.display().to_string();
    let failed = |source| Error::Io { path: shown(), source };
    let file = File::open(path).map_err(failed)?;
    if exposed(&file).map_err(failed)? {
        return Err(Error::Exposed { path: shown() });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + 1));
    file.take(KEY_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    let key: &[u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| Error::NotAKey { path: shown() })?;
    Ok(Sealer::new(key))
}

#[cfg(unix)]
fn exposed(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.mode() & 0o077 != 0)
}

/// Elsewhere the directory's own protection has to do.
#[cfg(not(unix))]
fn exposed(_: &File) -> std::io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_file_is_made_once_and_refused_when_others_can_read_it() {
        let world = World::system();
        let directory = std::env::temp_dir().join(format!("countersign-key-{:x}", u64::from_be_bytes(world.random())));
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("data.key");
        let sealed = open(&path, &world).unwrap().seal(&"x".into(), "a", &world).unwrap();
        assert!(open(&path, &world).unwrap().open(&sealed, "a").is_ok(), "the same key again");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
            assert!(open(&path, &world).unwrap_err().to_string().contains("chmod 600"));
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(open(&path, &world), Err(Error::NotAKey { .. })));
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(matches!(open(&path, &world), Err(Error::Io { .. })));
    }
}
