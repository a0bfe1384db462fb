//! Wiring only.

use countersign::engine::App;
use countersign::http::serve::{Failure, init_log};
use countersign::settings::Settings;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    init_log();
    let app = App::open(Settings::from_env()?).await;
    let app = &app;
    lambda_runtime::run(service_fn(|_: LambdaEvent<Value>| async move {
        let done = countersign_sweep::run(app).await?;
        tracing::info!(done, "swept");
        Ok::<_, Failure>(json!({ "done": done }))
    }))
    .await
}
