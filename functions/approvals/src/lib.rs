//! Routes.

/// Every method and path that is served here, as the gateway writes them.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/v1/approvals"),
    ("GET", "/v1/approvals/{id}"),
    ("POST", "/v1/approvals/{id}/withdraw"),
    ("GET", "/v1/approvals/{id}/deliveries"),
    ("GET", "/health"),
];
