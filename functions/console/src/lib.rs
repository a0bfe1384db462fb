//! Signing in, and the sessions of browsers.

mod session;
mod sessions;
mod sign_in;

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
    ("GET", "/v1/sign-ins"),
    ("GET", "/sign-in/{connection}"),
    ("GET", "/sign-in/{connection}/return"),
    ("GET", "/bind/{connection}"),
];

/// The routes of this function.
pub fn routes(app: App) -> Router {
    let world = app.world.clone();
    let router = Router::new()
        .route("/v1/session", post(session::sign_in).get(session::show).delete(session::sign_out))
        .route("/v1/sessions", get(sessions::list))
        .route("/v1/sessions/{id}", delete(sessions::end))
        .route("/v1/sign-ins", get(sign_in::list))
        .route("/sign-in/{connection}", get(sign_in::begin))
        .route("/sign-in/{connection}/return", get(sign_in::back))
        .route("/bind/{connection}", get(sign_in::bind))
        .with_state(app);
    ok_router(router, &world)
}
