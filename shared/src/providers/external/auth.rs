//! Who may call back: three ways, by the connection's setting `auth`.
//!
//! * `access_id` (default): the form carries the connection's `accessKey`; an `accessId`, as in the vendor's own sample request,
//!   must be right as well. An id alone proves nothing: it is accepted only of a connection that was saved without a key, when
//!   that was still possible.
//! * `open_platform`: the query carries `appId`, `accessKey` and `timestamp` (milliseconds), the header `Authorization`
//!   the MD5 of the sorted parameters with the secret among them, in lower-case hex.
//! * `none`: anybody who knows the address and the form's id, for an OA behind a gateway that checks by itself. It is a choice
//!   that a connection must spell out.

use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;

use crate::crypto::open_platform::{self, Values};
use crate::providers::Account;

/// How far a signed call's time may be from ours, in milliseconds. Not documented by the vendor.
const TOLERANCE: i64 = 5 * 60 * 1000;

/// What a call back shows of who sends it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'a> {
    /// `accessId`.
    pub access_id: Option<&'a str>,
    /// `accessKey`, from the form or the query.
    pub access_key: Option<&'a str>,
    /// `appId` of the query.
    pub app_id: Option<&'a str>,
    /// `timestamp` of the query, milliseconds.
    pub timestamp: Option<&'a str>,
    /// The header `Authorization`.
    pub authorization: Option<&'a str>,
}

/// Whether the call back comes from this connection's OA. `now` is in milliseconds.
#[must_use]
pub fn authenticate(account: &Account, shown: &Credentials<'_>, now: i64) -> bool {
    match account.setting("auth").unwrap_or("access_id") {
        "none" => true,
        "open_platform" => signed(account, shown, now),
        _ => {
            let id = shown.access_id.map(|id| same(account.setting("access_id").unwrap_or_default(), id));
            let key = shown.access_key.map(|key| secrets(account).any(|secret| same(&secret, key)));
            let has_key = secrets(account).next().is_some();
            // What is shown must be right, and the key must be shown where there is one.
            id.unwrap_or(true) && key.unwrap_or(true) && if has_key { key.is_some() } else { id.is_some() }
        }
    }
}

fn same(ours: &str, theirs: &str) -> bool {
    !ours.is_empty() && bool::from(ours.as_bytes().ct_eq(theirs.as_bytes()))
}

/// The key now, and the one before while keys are being rotated.
fn secrets(account: &Account) -> impl Iterator<Item = String> + '_ {
    let sets = [Some(&account.secrets), account.old_secrets.as_ref()];
    sets.into_iter().flatten().filter_map(|set| set.get("access_key")).map(|key| key.expose_secret().to_owned())
}

fn signed(account: &Account, shown: &Credentials<'_>, now: i64) -> bool {
    let (Some(app_id), Some(timestamp), Some(authorization)) = (shown.app_id, shown.timestamp, shown.authorization)
    else {
        return false;
    };
    let fresh = timestamp.parse::<i64>().is_ok_and(|at| at.abs_diff(now) <= TOLERANCE.unsigned_abs());
    let access_key = shown.access_key.unwrap_or_default();
    let is_ours = account.setting("app_id").is_none_or(|ours| same(ours, app_id))
        && same(account.setting("access_id").unwrap_or_default(), access_key);
    fresh
        && is_ours
        && secrets(account).any(|secret| same(&signature(access_key, &secret, app_id, timestamp), authorization))
}

fn signature(access_key: &str, access_secret: &str, app_id: &str, timestamp: &str) -> String {
    let parameters = [("accessKey", access_key), ("appId", app_id), ("timestamp", timestamp)];
    open_platform::signature(parameters, access_secret, Values::Plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(auth: &str) -> Account {
        let settings = json!({"access_id": "xxxx", "app_id": "tttt", "auth": auth});
        Account {
            connection: "con_1".into(),
            settings: settings.as_object().cloned().unwrap_or_default(),
            secrets: [("access_key".to_owned(), "yyyy".into())].into(),
            old_secrets: None,
            templates: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn the_worked_example_of_the_open_platform() {
        assert_eq!(signature("xxxx", "yyyy", "tttt", "1708235644862"), "482898c9c725580c190c4df6b806f59e");
        let shown = Credentials {
            access_key: Some("xxxx"),
            app_id: Some("tttt"),
            timestamp: Some("1708235644862"),
            authorization: Some("482898c9c725580c190c4df6b806f59e"),
            ..Credentials::default()
        };
        let account = account("open_platform");
        assert!(authenticate(&account, &shown, 1_708_235_644_862 + TOLERANCE));
        assert!(!authenticate(&account, &shown, 1_708_235_644_863 + TOLERANCE), "stale");
        for wrong in [
            Credentials { authorization: Some("482898c9c725580c190c4df6b806f59f"), ..shown },
            Credentials { authorization: None, ..shown },
            Credentials { app_id: Some("other"), ..shown },
            Credentials { access_key: Some("other"), ..shown },
            Credentials { timestamp: Some("now"), ..shown },
        ] {
            assert!(!authenticate(&account, &wrong, 1_708_235_644_862), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_shown_must_be_right_and_the_key_must_be_shown() {
        let account = account("access_id");
        let shown = |access_id, access_key| Credentials { access_id, access_key, ..Credentials::default() };
        assert!(authenticate(&account, &shown(Some("xxxx"), Some("yyyy")), 0));
        assert!(authenticate(&account, &shown(None, Some("yyyy")), 0));
        for (id, key) in
            [(None, None), (Some("xxxx"), None), (Some("x"), Some("yyyy")), (Some("xxxx"), Some("x")), (None, Some(""))]
        {
            assert!(!authenticate(&account, &shown(id, key), 0), "{id:?} {key:?}");
        }
        let mut rotating = account.clone();
        rotating.old_secrets = Some([("access_key".to_owned(), "before".into())].into());
        assert!(authenticate(&rotating, &shown(Some("xxxx"), Some("before")), 0));
        assert!(!authenticate(&rotating, &shown(Some("xxxx"), None), 0));
        let mut keyless = account;
        keyless.secrets.clear();
        assert!(authenticate(&keyless, &shown(Some("xxxx"), None), 0), "saved when a key was not needed");
        for (id, key) in [(None, None), (Some("x"), None), (Some("xxxx"), Some("y")), (None, Some("yyyy"))] {
            assert!(!authenticate(&keyless, &shown(id, key), 0), "{id:?} {key:?}");
        }
    }
}
