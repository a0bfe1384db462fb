//! `/v1` resources that say which way a request goes: sources, flows and rules.

use axum::Router;
use countersign::http::{App, ok_router};

mod flows;
mod rules;
mod sources;

/// Every route that [`routes`] serves: method, and path as the gateway writes it.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/v1/flows"),
    ("POST", "/v1/flows"),
    ("GET", "/v1/flows/{id}"),
    ("PATCH", "/v1/flows/{id}"),
    ("DELETE", "/v1/flows/{id}"),
    ("GET", "/v1/rules"),
    ("POST", "/v1/rules"),
    ("POST", "/v1/rules/try"),
    ("GET", "/v1/rules/{id}"),
    ("PATCH", "/v1/rules/{id}"),
    ("DELETE", "/v1/rules/{id}"),
    ("GET", "/v1/sources"),
    ("POST", "/v1/sources"),
    ("GET", "/v1/sources/{id}"),
    ("PATCH", "/v1/sources/{id}"),
    ("DELETE", "/v1/sources/{id}"),
    ("POST", "/v1/sources/{id}/rotate-secret"),
];

/// The routes and their handlers.
pub fn routes(app: App) -> Router {
    let world = app.world.clone();
    let router = Router::new().merge(flows::router()).merge(rules::router()).merge(sources::router()).with_state(app);
    ok_router(router, &world)
}
