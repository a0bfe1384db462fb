//! Times as people read them, and random names.

use countersign::clock::World;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// A moment in Beijing time, in `strftime` form.
pub(crate) fn beijing(at: i64, format: &str) -> String {
    let zone = TimeZone::fixed(Offset::constant(8));
    let moment = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(zone);
    moment.strftime(format).to_string()
}

/// A moment as RFC 3339, in UTC.
pub(crate) fn rfc3339(at: i64) -> String {
    Timestamp::from_millisecond(at).unwrap_or_default().to_string()
}

/// Random characters of an alphabet of at most 256 characters, evenly enough for ids that need not be secret.
pub(crate) fn random_name(world: &World, alphabet: &[u8], length: usize) -> String {
    let bytes: [u8; 64] = world.random();
    bytes.iter().cycle().take(length).map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}
