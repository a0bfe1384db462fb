//! What one process deals with at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::permits::Permits;
use crate::engine::App;

/// Approvals that are dealt with at the same time, and how many of them may be of one connection.
const APPROVALS_AT_ONCE: usize = 8;
const OF_ONE_CONNECTION: usize = 4;
/// Products that are asked at the same time.
const PRODUCTS_AT_ONCE: usize = 16;
/// Lanes that are run at the same time whose receivers answer, and those of which that is not known.
const ANSWERING_AT_ONCE: usize = 64;
const ASKED_AT_ONCE: usize = 64;

/// What all that is dealt with shares.
pub(super) struct Round {
    pub(super) app: App,
    /// No new thing is taken up any more.
    pub(super) is_over: Arc<AtomicBool>,
    pub(super) connections: Permits,
    pub(super) products: Permits,
    pub(super) answering: Permits,
    pub(super) asked: Permits,
}

impl Round {
    /// One that takes up new things.
    pub(super) fn new(app: &App) -> Self {
        Self {
            app: app.clone(),
            is_over: Arc::default(),
            connections: Permits::new(APPROVALS_AT_ONCE, OF_ONE_CONNECTION),
            products: Permits::new(PRODUCTS_AT_ONCE, 1),
            answering: Permits::new(ANSWERING_AT_ONCE, 1),
            asked: Permits::new(ASKED_AT_ONCE, 1),
        }
    }

    /// Whether something new may still be taken up.
    pub(super) fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::Relaxed)
    }
}
