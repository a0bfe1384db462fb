//! Certificates of private authorities: of those whom a customer trusts beside the public ones.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Most certificates of one connection or source.
pub const MAX_CERTIFICATES: usize = 10;
/// Longest text that they may come in, in bytes. One certificate takes some 2,000.
pub const MAX_BYTES: usize = 32 * 1024;

const BEGIN: &str = "-----BEGIN ";
const CERTIFICATE: &str = "CERTIFICATE-----";
/// Letters of a line, as PEM has them (RFC 7468, 3).
const LINE: usize = 64;

/// Certificates that were read: at least one, at most [`MAX_CERTIFICATES`].
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities(Vec<CertificateDer<'static>>);

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

impl Authorities {
    /// Reads certificates from PEM. What stands around them is passed over.
    ///
    /// # Errors
    /// What is wrong with the text, for the person who sent it. It repeats nothing of the text: there may be a key in it.
    pub fn read(pem: &str) -> Result<Self, String> {
        if pem.len() > MAX_BYTES {
            return Err(format!("must have at most {MAX_BYTES} bytes"));
        }
        let labels = || pem.split(BEGIN).skip(1);
        if labels().any(|after| after.split("-----").next().is_some_and(|label| label.ends_with("PRIVATE KEY"))) {
            return Err(
                "holds a private key, which is for nobody else: send certificates alone, and make a new key".to_owned()
            );
        }
        if labels().any(|after| !after.starts_with(CERTIFICATE)) {
            return Err("must hold only certificates (`-----BEGIN CERTIFICATE-----`)".to_owned());
        }
        let count = labels().count();
        if count == 0 {
            return Err("holds no certificate: it must be PEM, with `-----BEGIN CERTIFICATE-----`".to_owned());
        }
        if count > MAX_CERTIFICATES {
            return Err(format!("must hold at most {MAX_CERTIFICATES} certificates"));
        }
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
        let certificates = read.ok().filter(|read| read.len() == count);
        let certificates = certificates
            .ok_or("cannot be read as PEM: copy the certificates whole, each with its first and last line")?;
        let mut store = RootCertStore::empty();
        for (index, certificate) in certificates.iter().enumerate() {
            store.add(certificate.clone()).map_err(|_| format!("number {} is no certificate", index + 1))?;
        }
        Ok(Self(certificates))
    }

    /// The certificates alone, in PEM: what is stored of a text that [`Self::read`] took.
    #[must_use]
    pub fn pem(&self) -> String {
        let mut text = String::new();
        for certificate in &self.0 {
            text.push_str("-----BEGIN CERTIFICATE-----\n");
            let encoded = STANDARD.encode(certificate);
            let mut rest = encoded.as_str();
            while !rest.is_empty() {
                let (line, after) = rest.split_at(rest.len().min(LINE));
                text.push_str(line);
                text.push('\n');
                rest = after;
            }
            text.push_str("-----END CERTIFICATE-----\n");
        }
        text
    }

    /// The certificates in DER.
    pub fn der(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }
}
