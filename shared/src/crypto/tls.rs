//! The cryptography that TLS uses, chosen in one place: `ring`.
//!
//! It makes every function smaller than `reqwest`'s own choice does; why that matters and what it gives away is in
//! docs/adr/0021-tls-by-ring.md.

use reqwest::{Client, ClientBuilder};

/// A builder of HTTP clients. Every client of this workspace is made with it: `reqwest` by itself knows no cryptography here,
/// and panics when it builds a client.
pub fn client_builder() -> ClientBuilder {
    // An error says that there is a provider: ours of an earlier call, or that of the program we are part of.
    let _ = rustls::crypto::ring::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "this is the place that the others are sent to")]
    Client::builder()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_made_as_often_as_asked() {
        for _ in 0..2 {
            assert!(client_builder().build().is_ok());
        }
    }
}
