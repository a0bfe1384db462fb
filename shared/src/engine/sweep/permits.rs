//! So many things at the same time, and so many of them of one kind: who is slow holds up his own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for work: so many in all, and so many for each name.
#[derive(Debug)]
pub(super) struct Permits {
    all: Arc<Semaphore>,
    of_one: usize,
    named: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The right to do one piece of work; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    _own: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Permits {
    pub(super) fn new(all: usize, of_one: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all)), of_one, named: Mutex::default() }
    }

    /// Waits for a permit. Whoever waits for one of its own name takes none of the others'.
    pub(super) async fn permit(&self, name: &str) -> Permit {
        let own = {
            let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(named.entry(name.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.of_one))))
        };
        // Nobody closes them.
        Permit { _own: own.acquire_owned().await.ok(), _all: Arc::clone(&self.all).acquire_owned().await.ok() }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_name_does_not_take_the_permits_of_the_others() {
        let permits = Arc::new(Permits::new(3, 2));
        let soon = async |name: &str| tokio::time::timeout(Duration::from_millis(20), permits.permit(name)).await.ok();
        let (first, second) = (soon("a").await.unwrap(), soon("a").await.unwrap());
        assert!(soon("a").await.is_none(), "two of one name");
        let third = soon("b").await.unwrap();
        assert!(soon("c").await.is_none(), "three in all");
        drop(first);
        let fourth = soon("c").await.unwrap();
        drop((second, third, fourth));
    }
}
