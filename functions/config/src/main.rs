//! The configuration function: wiring only.

use countersign::engine::App;
use countersign::http::serve::{Failure, init_log, serve_lambda};
use countersign::resources::bootstrap;
use countersign::settings::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    init_log();
    let app = App::open(Settings::from_env()?).await;
    // Without a key from the operator none is made: a new one would have to be written to the log.
    if let Some(key) = &app.settings.owner_key {
        bootstrap(&app.store, &app.world, Some(key)).await?;
    }
    let world = app.world.clone();
    serve_lambda(countersign_config::routes(app), &world).await
}
