//! What the requests to the table cost, for tests and for the figures in the documentation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::ConsumedCapacity;

/// Counts requests and consumed capacity. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    reads: AtomicU64,
    writes: AtomicU64,
    read_tenths: AtomicU64,
    write_tenths: AtomicU64,
}

/// What a [`Meter`] has counted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Requests that read.
    pub reads: u64,
    /// Requests that write, refused ones included.
    pub writes: u64,
    /// Read capacity units, indexes included.
    pub read_units: f64,
    /// Write capacity units, indexes included.
    pub write_units: f64,
}

impl Meter {
    /// Everything since the meter was made.
    #[must_use]
    pub fn spent(&self) -> Spent {
        Spent {
            reads: self.0.reads.load(Ordering::Relaxed),
            writes: self.0.writes.load(Ordering::Relaxed),
            read_units: whole(&self.0.read_tenths),
            write_units: whole(&self.0.write_tenths),
        }
    }

    pub(super) fn read(&self, consumed: &[ConsumedCapacity]) {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        self.0.read_tenths.fetch_add(tenths(consumed), Ordering::Relaxed);
    }

    pub(super) fn write(&self, consumed: &[ConsumedCapacity]) {
        self.0.writes.fetch_add(1, Ordering::Relaxed);
        self.0.write_tenths.fetch_add(tenths(consumed), Ordering::Relaxed);
    }
}

/// Units are halves at the smallest; tenths hold them exactly.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded and not negative; a saturated count of units is still a count"
)]
fn tenths(consumed: &[ConsumedCapacity]) -> u64 {
    consumed.iter().filter_map(ConsumedCapacity::capacity_units).map(|units| (units * 10.0).round() as u64).sum()
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 tenths")]
fn whole(tenths: &AtomicU64) -> f64 {
    tenths.load(Ordering::Relaxed) as f64 / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_add_up_exactly() {
        let meter = Meter::default();
        let half = ConsumedCapacity::builder().capacity_units(0.5).build();
        meter.read(std::slice::from_ref(&half));
        meter.read(&[half.clone(), half]);
        meter.write(&[]);
        assert_eq!(meter.spent(), Spent { reads: 2, writes: 1, read_units: 1.5, write_units: 0.0 });
    }
}
