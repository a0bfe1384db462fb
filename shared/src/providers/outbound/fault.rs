//! Why TLS with a server fails, and what mends it. Everybody who tells of it takes it from here.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

/// Longest text of a cause that a library names, in characters.
const MAX_NAME: usize = 60;

/// Why no TLS came about. Nothing was sent but the greeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFault {
    /// The certificate's issuer is not among those that are trusted.
    Untrusted,
    /// The certificate, or one of its issuers', has expired.
    Expired,
    /// The certificate, or one of its issuers', is not valid yet.
    NotYetValid,
    /// The certificate is for other names.
    WrongName,
    /// The certificate is wrong in another way, which rustls calls so.
    Unusable(String),
    /// There is no version or cipher that both sides speak, or the server has another reason, which the standard or rustls calls so.
    Refused(String),
    /// The server wants a certificate of ours.
    WantsCertificate,
    /// The server does not speak TLS.
    PlainText,
    /// The server closed the connection during the handshake, without a word.
    HungUp,
}

impl TlsFault {
    /// The fault behind an error of a call, if TLS is what failed.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        find(error, &|error| error.downcast_ref().map(Self::of_rustls))
    }

    /// Whether an error of connecting is that the other side hung up after it had taken the connection.
    pub(super) fn is_hang_up(error: &(dyn Error + 'static)) -> bool {
        let kinds =
            [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted, ErrorKind::BrokenPipe];
        let is_one = |error: &io::Error| kinds.contains(&error.kind());
        find(error, &|error| error.downcast_ref().filter(|error| is_one(error)).map(drop)).is_some()
    }

    /// Whether the same call may fare better at once.
    pub(super) const fn passes(&self) -> bool {
        matches!(self, Self::HungUp)
    }

    /// How to mend it.
    #[must_use]
    pub const fn fix(&self) -> &'static str {
        match self {
            Self::Untrusted => {
                "Set `ca_certificate` to the certificate of the authority that issued the server's, or have one issued by a public \
                 authority; the server must send the certificates in between as well"
            }
            Self::Expired => "Renew the server's certificate, and those in between that it sends",
            Self::NotYetValid => "Look at the clock of whoever issued the server's certificate, and at ours",
            Self::WrongName => {
                "Call the server by a name of its certificate, or have one issued that has this name as a subject alternative name"
            }
            Self::Unusable(_) => {
                "Have another certificate issued for the server: not an authority's own (no CA:TRUE), with the host as a subject \
                 alternative name, RSA of 2048 bits or more or P-256 or P-384, signed with SHA-256 or more"
            }
            Self::Refused(_) => {
                "Let the server speak TLS 1.2 or 1.3 with usual ciphers (AES-GCM, ECDHE), under this name"
            }
            Self::WantsCertificate => "Let the server do without a client certificate: there is none to show it",
            Self::PlainText => {
                "Write http:// in the place of https://, or name the port on which the server speaks TLS"
            }
            Self::HungUp => {
                "Look whether this port speaks TLS, under this name, and what stands in between: firewall, gateway"
            }
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untrusted => f.write_str("its certificate is not trusted: the issuer is unknown"),
            Self::Expired => f.write_str("its certificate has expired"),
            Self::NotYetValid => f.write_str("its certificate is not valid yet"),
            Self::WrongName => f.write_str("its certificate is for another name"),
            Self::Unusable(why) => write!(f, "its certificate cannot be used ({why})"),
            Self::Refused(why) => write!(f, "it refused the handshake ({why})"),
            Self::WantsCertificate => f.write_str("it wants a client certificate"),
            Self::PlainText => f.write_str("it speaks no TLS"),
            Self::HungUp => f.write_str("it hung up during the handshake"),
        }
    }
}

impl TlsFault {
    fn of_rustls(error: &rustls::Error) -> Self {
        use rustls::Error as E;
        match error {
            E::InvalidCertificate(error) => Self::of_certificate(error),
            E::NoCertificatesPresented => Self::Unusable("none was sent".to_owned()),
            E::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
                Self::PlainText
            }
            E::AlertReceived(AlertDescription::CertificateRequired) => Self::WantsCertificate,
            E::AlertReceived(alert) => Self::Refused(name(alert)),
            E::PeerIncompatible(PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon) => {
                Self::WantsCertificate
            }
            E::PeerIncompatible(why) => Self::Refused(name(why)),
            E::PeerMisbehaved(why) => Self::Refused(name(why)),
            other => Self::Refused(name(other)),
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        use CertificateError as E;
        match error {
            E::UnknownIssuer => Self::Untrusted,
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            E::NotValidForName | E::NotValidForNameContext { .. } => Self::WrongName,
            E::Other(why) => Self::Unusable(name(&why.0)),
            other => Self::Unusable(name(other)),
        }
    }
}

/// What this finds in an error or in what caused it. What rustls says hides inside of an [`io::Error`], which does not name it as its
/// source.
fn find<T>(error: &(dyn Error + 'static), read: &dyn Fn(&(dyn Error + 'static)) -> Option<T>) -> Option<T> {
    let inner = || error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let found = read(error).or_else(|| inner().and_then(|inner| find(inner, read)));
    found.or_else(|| error.source().and_then(|source| find(source, read)))
}

/// What a library calls it: the beginning of how it shows it.
fn name(what: &impl fmt::Debug) -> String {
    let shown = format!("{what:?}");
    let plain = shown.split([' ', '{']).next().unwrap_or_default();
    plain.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// As it comes from a call: wrapped by the TLS stream, and by the client.
    fn wrapped(error: rustls::Error) -> io::Error {
        io::Error::other(io::Error::new(ErrorKind::InvalidData, error))
    }

    #[test]
    fn what_rustls_says_is_found_inside_of_io_errors() {
        let certificate = rustls::Error::InvalidCertificate;
        for (error, fault) in [
            (certificate(CertificateError::UnknownIssuer), TlsFault::Untrusted),
            (certificate(CertificateError::Expired), TlsFault::Expired),
            (certificate(CertificateError::NotValidYet), TlsFault::NotYetValid),
            (certificate(CertificateError::NotValidForName), TlsFault::WrongName),
            (certificate(CertificateError::BadEncoding), TlsFault::Unusable("BadEncoding".into())),
            (
                rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
                TlsFault::Refused("HandshakeFailure".into()),
            ),
            (rustls::Error::AlertReceived(AlertDescription::CertificateRequired), TlsFault::WantsCertificate),
            (
                PeerIncompatible::ServerDoesNotSupportTls12Or13.into(),
                TlsFault::Refused("ServerDoesNotSupportTls12Or13".into()),
            ),
            (InvalidMessage::InvalidContentType.into(), TlsFault::PlainText),
        ] {
            assert_eq!(TlsFault::of(&wrapped(error)), Some(fault.clone()));
            assert!(!fault.fix().is_empty() && !fault.to_string().is_empty());
        }
        assert_eq!(TlsFault::of(&io::Error::from(ErrorKind::ConnectionRefused)), None);
    }

    #[test]
    fn hanging_up_is_told_from_not_being_there() {
        let eof = io::Error::new(ErrorKind::UnexpectedEof, "tls handshake eof");
        assert!(TlsFault::is_hang_up(&io::Error::other(eof)));
        assert!(!TlsFault::is_hang_up(&io::Error::from(ErrorKind::ConnectionRefused)));
    }
}
