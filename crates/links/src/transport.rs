//! The sockets: plain, or inside TLS.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// How bytes go from node to node.
#[derive(Debug, Clone, Default)]
pub enum Transport {
    /// As they are: whoever can read the network reads them, and whoever can change it changes them.
    #[default]
    Plain,
    /// Inside TLS, with certificates of both sides.
    Tls(MutualTls),
}

/// Certificates of a node, and whose it believes.
#[derive(Debug, Clone)]
pub struct MutualTls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl MutualTls {
    /// Reads files in PEM: the authorities whose certificates are believed, this node's certificate with what it was signed by, and its
    /// key. A certificate names the host under which its node is dialed, and is used in both directions.
    ///
    /// # Errors
    /// In words, with the file.
    pub fn read(authorities: &Path, certificate: &Path, key: &Path) -> Result<MutualTls, String> {
        let failed = |file: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
        let mut roots = RootCertStore::empty();
        for root in certificates(authorities)? {
            roots.add(root).map_err(|error| failed(authorities, &error))?;
        }
        let roots = Arc::new(roots);
        let chain = certificates(certificate)?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, &error))?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let own = |error: rustls::Error| failed(certificate, &error);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| failed(authorities, &error))?;
        let versions = [&rustls::version::TLS13];
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .map_err(own)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(own)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .map_err(own)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(own)?;
        Ok(MutualTls { client: Arc::new(client), server: Arc::new(server) })
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
    let all = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|error| failed(&error))?;
    if all.is_empty() { Err(failed(&"there is no certificate in it")) } else { Ok(all) }
}

impl Transport {
    /// Whether it proves by itself that both sides belong to one cluster.
    pub fn proves(&self) -> bool {
        matches!(self, Transport::Tls(_))
    }

    /// Opens a connection to an address, of a host of this name.
    pub(crate) async fn connect(
        &self,
        host: &str,
        address: SocketAddr,
        dead_ms: u64,
    ) -> io::Result<LinkStream> {
        let stream = TcpStream::connect(address).await?;
        watch_over(&stream, dead_ms)?;
        match self {
            Transport::Plain => Ok(LinkStream::Plain(stream)),
            Transport::Tls(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
                let stream = TlsConnector::from(tls.client.clone()).connect(name, stream).await?;
                Ok(LinkStream::Tls(Box::new(TlsStream::Client(stream))))
            }
        }
    }

    /// Takes a connection that somebody opened.
    pub(crate) async fn accept(&self, stream: TcpStream, dead_ms: u64) -> io::Result<LinkStream> {
        watch_over(&stream, dead_ms)?;
        match self {
            Transport::Plain => Ok(LinkStream::Plain(stream)),
            Transport::Tls(tls) => {
                let stream = TlsAcceptor::from(tls.server.clone()).accept(stream).await?;
                Ok(LinkStream::Tls(Box::new(TlsStream::Server(stream))))
            }
        }
    }
}

/// Nothing waits for more to send, and a peer that has gone without a word is noticed in `dead_ms` or little more.
fn watch_over(stream: &TcpStream, dead_ms: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // The system counts whole seconds: silence of half the time, and then a probe each second.
    let silence = Duration::from_millis(dead_ms / 2).max(Duration::from_secs(1));
    let probes = TcpKeepalive::new().with_time(silence).with_interval(Duration::from_secs(1));
    socket.set_tcp_keepalive(&probes)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(Duration::from_millis(dead_ms)))?;
    Ok(())
}

/// A connection.
#[derive(Debug)]
pub enum LinkStream {
    /// Plain.
    Plain(TcpStream),
    /// Inside TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl LinkStream {
    /// Moves it to the thread that calls: the system tells that one from now on when there is something to read.
    pub(crate) fn come_here(mut self) -> io::Result<LinkStream> {
        let socket = match &mut self {
            LinkStream::Plain(socket) => socket,
            LinkStream::Tls(stream) => match &mut **stream {
                TlsStream::Client(stream) => stream.get_mut().0,
                TlsStream::Server(stream) => stream.get_mut().0,
            },
        };
        #[expect(clippy::disallowed_types, reason = "the way from one reactor to another")]
        let same: std::net::TcpStream = SockRef::from(&*socket).try_clone()?.into();
        *socket = TcpStream::from_std(same)?;
        Ok(self)
    }
}

impl AsyncRead for LinkStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            LinkStream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            LinkStream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for LinkStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            LinkStream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            LinkStream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            LinkStream::Plain(stream) => Pin::new(stream).poll_flush(context),
            LinkStream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            LinkStream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            LinkStream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
