//! Signing in, and the sessions of browsers.

mod session;
mod sessions;

use axum::Router;
use axum::routing::{delete, get, post};
use countersign::engine::App;
use countersign::http::ok_router;

/// What this function serves.
pub const ROUTES: &[(&str, &str)] = &[
    ("POST", "/v1/session"),
    ("GET", "/v1/session"),
    ("DELETE", "/v1/session"),
    ("GET", "/v1/sessions"),
    ("DELETE", "/v1/sessions/{id}"),
];

/// The routes of this function.
pub fn routes(app: App) -> Router {
    let world = app.world.clone();
    let router = Router::new()
        .route("/v1/session", post(session::sign_in).get(session::show).delete(session::sign_out))
        .route("/v1/sessions", get(sessions::list))
        .route("/v1/sessions/{id}", delete(sessions::end))
        .with_state(app);
    ok_router(router, &world)
}
