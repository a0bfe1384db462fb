//! Wiring only.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), countersign::http::serve::Failure> {
    countersign::http::serve::function(countersign_console::routes).await
}
