//! A port of this machine that no other test is given.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Most connections that wait to be taken once it is open.
const MAX_WAITING: u32 = 1024;

/// A port that refuses connections for as long as this lives. Nobody who asks for a free port is given it meanwhile, but a process
/// that is told its number may listen on it.
#[derive(Debug)]
pub struct Port {
    socket: TcpSocket,
}

impl Port {
    /// A free port of `127.0.0.1`.
    ///
    /// # Panics
    /// When there is none.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    #[must_use]
    pub fn closed() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // So that a process of ours may listen on it beside this socket, which never does.
        socket.set_reuseaddr(true).expect("a socket takes its options");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        Self { socket }
    }

    /// Where it is.
    ///
    /// # Panics
    /// When the socket is broken.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// Takes connections from now on.
    ///
    /// # Panics
    /// When the socket is broken, and outside a runtime.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    #[must_use]
    pub fn open(self) -> TcpListener {
        self.socket.listen(MAX_WAITING).expect("a bound socket can listen")
    }
}
