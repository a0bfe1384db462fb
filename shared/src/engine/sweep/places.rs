//! So many things at the same time, and so many of them of one kind: who is slow holds up his own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for work, in all and for each name.
#[derive(Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    of_one: usize,
    named: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    _own: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Places {
    pub(super) fn new(all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), of_one, named: Mutex::default() }
    }

    /// Waits for a place. Whoever waits for one of its own name takes none of the others'.
    pub(super) async fn place(&self, name: &str) -> Place {
        let own = {
            let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(named.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.of_one))))
        };
        // Nobody closes them.
        Place { _own: own.acquire_owned().await.ok(), _all: Arc::clone(&self.all).acquire_owned().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_name_does_not_take_the_places_of_the_others() {
        let places = Arc::new(Places::new(3, 2));
        let soon = async |name: &str| tokio::time::timeout(Duration::from_millis(20), places.place(name)).await.ok();
        let (first, second) = (soon("a").await.unwrap(), soon("a").await.unwrap());
        assert!(soon("a").await.is_none(), "two of one name");
        let third = soon("b").await.unwrap();
        assert!(soon("c").await.is_none(), "three in all");
        drop(first);
        let fourth = soon("c").await.unwrap();
        drop((second, third, fourth));
    }
}
