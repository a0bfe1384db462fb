//! The routing function: wiring only.

use countersign::http::serve::Failure;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    countersign::http::serve::function(countersign_routing::routes).await
}
