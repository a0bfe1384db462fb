//! Servers whose TLS is right, and wrong in each way of its own, with certificates that are made here.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The alert `protocol_version`, as a server sends it that speaks only older versions (RFC 8446, 6).
const OLD_PROTOCOL: &[u8] = &[0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];
/// What a web server says that was spoken to in TLS and speaks none.
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A private authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, as `ca_certificate` takes it.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Its private key, which nobody is to be given.
    pub(crate) fn key_pem(&self) -> String {
        self.0.key().serialize_pem()
    }
}

/// What a server does with who calls it in TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// A certificate that is right, of the authority.
    Right,
    /// One that has expired.
    Expired,
    /// One that is not valid yet.
    Early,
    /// One for another host.
    OtherName,
    /// One that calls itself an authority's, as `openssl req -x509` makes them.
    OfAuthority,
    /// It speaks older versions only.
    OldProtocol,
    /// It speaks no TLS.
    PlainText,
    /// It hangs up.
    HangsUp,
}

/// Each manner that fails although the authority is trusted: what is said of it, and a word of its remedy.
pub(crate) const FAILURES: [(Manner, &str, &str); 7] = [
    (Manner::Expired, "has expired", "renew"),
    (Manner::Early, "is not valid yet", "clock"),
    (Manner::OtherName, "is for another name", "subject alternative name"),
    (Manner::OfAuthority, "cannot be used", "subject alternative name"),
    (Manner::OldProtocol, "refused the handshake (ProtocolVersion)", "TLS 1.2 or 1.3"),
    (Manner::PlainText, "speaks no TLS", "http://"),
    (Manner::HangsUp, "hung up during the handshake", "port"),
];

/// A server. It ends with the process.
pub(crate) struct Server {
    /// Where it is, with no slash at the end.
    pub(crate) url: String,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Serves so, and answers every request with 200 and this body.
    pub(crate) fn start(manner: Manner, authority: &Authority, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let (config, counter) = (config(manner, authority), Arc::clone(&connections));
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                let config = Arc::clone(&config);
                std::thread::spawn(move || serve(manner, config, socket, body));
            }
        });
        Self { url, connections }
    }

    /// How often it was called.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn config(manner: Manner, authority: &Authority) -> Arc<ServerConfig> {
    let name = if manner == Manner::OtherName { "other.example" } else { "127.0.0.1" };
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    match manner {
        Manner::Expired => params.not_after = date_time_ymd(2020, 1, 1),
        Manner::Early => params.not_before = date_time_ymd(2999, 1, 1),
        Manner::OfAuthority => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
        _ => {}
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.0).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let builder = ServerConfig::builder_with_provider(default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
}

fn serve(manner: Manner, config: Arc<ServerConfig>, mut socket: TcpStream, body: &str) {
    let said = match manner {
        Manner::OldProtocol => OLD_PROTOCOL,
        Manner::PlainText => BAD_REQUEST,
        Manner::HangsUp => b"",
        _ => return answer(StreamOwned::new(ServerConnection::new(config).unwrap(), socket), body),
    };
    // All of what it was greeted with, so that hanging up is no reset.
    let mut greeting = [0; 16 * 1024];
    let _ = socket.read(&mut greeting);
    let _ = socket.write_all(said);
}

/// One request and its answer. Whoever does not trust it breaks off.
fn answer(mut stream: StreamOwned<ServerConnection, TcpStream>, body: &str) {
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    while !is_whole(&request) {
        match stream.read(&mut piece) {
            Ok(length) if length > 0 => request.extend_from_slice(&piece[..length]),
            _ => return,
        }
    }
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
    stream.conn.send_close_notify();
    let _ = stream.flush();
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}
