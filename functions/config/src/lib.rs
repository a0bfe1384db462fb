//! `/v1` configuration resources: organisations, workspaces, members, connections, keys, sources, flows and rules.

use axum::Router;
use countersign::engine::App;
use countersign::http::ok_router;

mod connections;
mod flows;
mod keys;
mod members;
mod organizations;
mod owners;
mod rules;
mod secrets;
mod sources;
mod workspaces;
mod zones;

/// Every route that [`routes`] serves: method, and path as the gateway writes it.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/v1/connections"),
    ("POST", "/v1/connections"),
    ("GET", "/v1/connections/{id}"),
    ("PATCH", "/v1/connections/{id}"),
    ("DELETE", "/v1/connections/{id}"),
    ("POST", "/v1/connections/{id}/test"),
    ("POST", "/v1/connections/{id}/generate-keys"),
    ("POST", "/v1/connections/{id}/template"),
    ("POST", "/v1/connections/{id}/members/sync"),
    ("GET", "/v1/connections/{id}/usage"),
    ("GET", "/v1/flows"),
    ("POST", "/v1/flows"),
    ("GET", "/v1/flows/{id}"),
    ("PATCH", "/v1/flows/{id}"),
    ("DELETE", "/v1/flows/{id}"),
    ("GET", "/v1/keys"),
    ("POST", "/v1/keys"),
    ("GET", "/v1/keys/{id}"),
    ("DELETE", "/v1/keys/{id}"),
    ("GET", "/v1/members"),
    ("POST", "/v1/members"),
    ("GET", "/v1/members/{id}"),
    ("PATCH", "/v1/members/{id}"),
    ("DELETE", "/v1/members/{id}"),
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
    ("GET", "/v1/workspaces"),
    ("POST", "/v1/workspaces"),
    ("GET", "/v1/workspaces/{id}"),
    ("PATCH", "/v1/workspaces/{id}"),
    ("DELETE", "/v1/workspaces/{id}"),
    ("GET", "/v1/organizations"),
    ("POST", "/v1/organizations"),
    ("GET", "/v1/organizations/{id}"),
    ("PATCH", "/v1/organizations/{id}"),
];

/// The routes and their handlers.
pub fn routes(app: App) -> Router {
    let world = app.world.clone();
    let router = Router::new()
        .merge(connections::router())
        .merge(flows::router())
        .merge(keys::router())
        .merge(members::router())
        .merge(rules::router())
        .merge(sources::router())
        .merge(workspaces::router())
        .merge(organizations::router())
        .with_state(app);
    ok_router(router, &world)
}
