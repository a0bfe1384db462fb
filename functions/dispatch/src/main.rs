//! Wiring only.

use aws_lambda_events::event::dynamodb::Event;
use countersign::engine::App;
use countersign::http::serve::{Failure, init_log};
use countersign::settings::Settings;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    init_log();
    let app = App::open(Settings::from_env()?).await;
    let app = &app;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Event>| async move {
        Ok::<_, Failure>(countersign_dispatch::handle(app, event.payload).await)
    }))
    .await
}
