//! The cryptography that TLS uses and whom the machine trusts, chosen in one place: `ring`, and the system's certificates.
//!
//! `ring` makes every function smaller than `reqwest`'s own choice does; why that matters and what it gives away is in
//! docs/adr/0021-tls-by-ring.md. The system's certificates are a hundred and more; by itself each client would read and parse them
//! anew. Here that happens once in a process, for all clients.

use std::sync::{Arc, OnceLock};

use reqwest::{Client, ClientBuilder};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_platform_verifier::Verifier;

/// The system's trust, once it was read.
static SYSTEM: OnceLock<Arc<Verifier>> = OnceLock::new();

/// A builder of HTTP clients. Every client of this workspace is made with it: `reqwest` by itself knows no cryptography here,
/// and panics when it builds a client. Where the system has no certificates that can be read, building the client fails.
pub fn client_builder() -> ClientBuilder {
    let builder = builder();
    match system().and_then(|system| config(system)) {
        Ok(config) => builder.tls_backend_preconfigured(config),
        // Fails for the same reason when it is built.
        Err(_) => builder,
    }
}

/// The same for a client that trusts these authorities (DER) beside the system's; `None` where one of them is no certificate.
pub fn client_builder_trusting<'a>(authorities: impl Iterator<Item = &'a [u8]>) -> Option<ClientBuilder> {
    let builder = builder();
    let mut roots = RootCertStore::empty();
    for der in authorities {
        roots.add(CertificateDer::from(der)).ok()?;
    }
    let private = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build().ok()?;
    let both = Both { private, system: system().ok()? };
    Some(builder.tls_backend_preconfigured(config(Arc::new(both)).ok()?))
}

/// A builder that trusts nobody yet.
fn builder() -> ClientBuilder {
    // An error says that there is a provider: ours of an earlier call, or that of the program we are part of.
    let _ = ring::default_provider().install_default();
    #[expect(clippy::disallowed_methods, reason = "this is the place that the others are sent to")]
    Client::builder()
}

fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().map_or_else(|| Arc::new(ring::default_provider()), Arc::clone)
}

/// The system's trust: read by the first who asks. Of several at once each may read it; one of them is kept.
fn system() -> Result<Arc<Verifier>, Error> {
    if let Some(system) = SYSTEM.get() {
        return Ok(Arc::clone(system));
    }
    #[cfg(test)]
    tests::READ.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    let read = Arc::new(Verifier::new(provider())?);
    Ok(Arc::clone(SYSTEM.get_or_init(|| read)))
}

fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions()?;
    let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Trusts what either trusts.
#[derive(Debug)]
struct Both {
    private: Arc<dyn ServerCertVerifier>,
    system: Arc<dyn ServerCertVerifier>,
}

impl ServerCertVerifier for Both {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let by = |one: &dyn ServerCertVerifier| {
            one.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        };
        // What is wrong on the way to a private one, as the date of an issuer, need not be wrong on the way to one of the system's.
        by(&*self.private).or_else(|private| {
            by(&*self.system).map_err(|system| match private {
                // None of the private ones issued it.
                Error::InvalidCertificate(CertificateError::UnknownIssuer) => system,
                other => other,
            })
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.private.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.private.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.private.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::crypto::authorities::Authorities;

    /// How often the system's certificates were read.
    pub(super) static READ: AtomicUsize = AtomicUsize::new(0);

    /// Says the same of every certificate.
    #[derive(Debug)]
    struct Says(Option<CertificateError>);

    impl ServerCertVerifier for Says {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            self.0.clone().map_or_else(|| Ok(ServerCertVerified::assertion()), |error| Err(error.into()))
        }

        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::DecryptError)
        }

        fn verify_tls13_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::DecryptError)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            Vec::new()
        }
    }

    #[test]
    fn who_is_trusted_by_either_is_trusted_and_else_the_nearer_cause_is_told() {
        use CertificateError::{Expired, NotValidForName, UnknownIssuer};
        let told = |private: Option<CertificateError>, system: Option<CertificateError>| {
            let both = Both { private: Arc::new(Says(private)), system: Arc::new(Says(system)) };
            let name = ServerName::try_from("oa.example").unwrap();
            let verified = both.verify_server_cert(&CertificateDer::from(&b""[..]), &[], &name, &[], UnixTime::now());
            verified.map(drop).map_err(|error| error.to_string())
        };
        let error = |cause: CertificateError| Err(Error::from(cause).to_string());
        assert_eq!(told(None, Some(UnknownIssuer)), Ok(()));
        assert_eq!(told(Some(UnknownIssuer), None), Ok(()));
        assert_eq!(
            told(Some(Expired), None),
            Ok(()),
            "another way to an authority, over an issuer that is still valid"
        );
        assert_eq!(told(Some(Expired), Some(UnknownIssuer)), error(Expired));
        assert_eq!(told(Some(UnknownIssuer), Some(NotValidForName)), error(NotValidForName));
    }

    #[test]
    fn the_systems_certificates_are_read_once_for_all_clients() {
        assert!(client_builder().build().is_ok());
        let before = READ.load(Ordering::SeqCst);
        let private = Authorities::read(include_str!("../../../tests/fixtures/authority.pem")).unwrap();
        for _ in 0..8 {
            assert!(client_builder().build().is_ok());
            assert!(client_builder_trusting(private.der()).unwrap().build().is_ok());
        }
        assert_eq!(READ.load(Ordering::SeqCst), before);
        assert!(client_builder_trusting([&b"none"[..]].into_iter()).is_none());
    }
}
