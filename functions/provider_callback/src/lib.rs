//! Routes.

/// Every method and path that is served here, as the gateway writes them.
pub const ROUTES: &[(&str, &str)] = &[("GET", "/callbacks/{connection}"), ("POST", "/callbacks/{connection}")];
