//! A replication connection: start-up, authentication, and the stream of the log.
//!
//! After "Streaming Replication Protocol" in PostgreSQL's manual. What it needs and an ordinary client does not give is
//! the log's position on request: a status with a wish for an answer.

use std::io;
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use postgres_protocol::message::backend;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::postgres::database::Database;

/// How values are written, the same for loads and for the log.
pub const VALUES: &str =
    "-c timezone=UTC -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=1 -c bytea_output=hex";

/// What a replication connection failed by.
#[derive(Debug)]
pub struct WireError {
    /// The SQLSTATE, when the server said it.
    pub code: Option<String>,
    /// What happened.
    pub message: String,
}

impl From<io::Error> for WireError {
    fn from(error: io::Error) -> WireError {
        WireError { code: None, message: error.to_string() }
    }
}

fn protocol(message: &str) -> WireError {
    WireError { code: None, message: format!("the server speaks otherwise than expected: {message}") }
}

trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// A connection in replication mode.
pub struct ReplicationLink {
    stream: Box<dyn ByteStream>,
    inbox: BytesMut,
    read_at: Instant,
}

/// What the stream brings.
pub enum Frame {
    /// A message of the plugin.
    Data(Bytes),
    /// All of the log before `end` was sent, as far as it concerns this stream.
    Alive { end: u64, answer: bool },
}

impl ReplicationLink {
    /// Connects to the first host that answers.
    pub async fn connect(database: &Database) -> Result<ReplicationLink, WireError> {
        let config = &database.config;
        let limit = config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(5));
        let mut last = protocol("the url names no host");
        for (at, host) in config.get_hosts().iter().enumerate() {
            let ports = config.get_ports();
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            let connected = tokio::time::timeout(limit, async {
                let mut wire = ReplicationLink {
                    stream: open(database, host, port).await?,
                    inbox: BytesMut::new(),
                    read_at: Instant::now(),
                };
                wire.start_up(config).await?;
                Ok(wire)
            });
            match connected.await {
                Ok(Ok(wire)) => return Ok(wire),
                Ok(Err(error)) => last = error,
                Err(_) => last = WireError { code: None, message: "no connection in time".into() },
            }
        }
        Err(last)
    }

    async fn start_up(&mut self, config: &Config) -> Result<(), WireError> {
        let user = config.get_user().unwrap_or("postgres");
        let database = config.get_dbname().unwrap_or(user);
        let parameters = [
            ("user", user),
            ("database", database),
            ("replication", "database"),
            ("client_encoding", "UTF8"),
            ("application_name", "clearwell feed"),
            ("options", VALUES),
        ];
        let mut out = BytesMut::new();
        frontend::startup_message(parameters, &mut out)?;
        self.stream.write_all(&out).await?;
        self.authenticate(user, config.get_password().unwrap_or_default()).await
    }

    async fn authenticate(&mut self, user: &str, password: &[u8]) -> Result<(), WireError> {
        let mut scram = None;
        loop {
            let mut out = BytesMut::new();
            match self.message().await? {
                backend::Message::AuthenticationCleartextPassword => {
                    frontend::password_message(password, &mut out)?;
                }
                backend::Message::AuthenticationMd5Password(body) => {
                    let hash = md5_hash(user.as_bytes(), password, body.salt());
                    frontend::password_message(hash.as_bytes(), &mut out)?;
                }
                backend::Message::AuthenticationSasl(_) => {
                    let begun = ScramSha256::new(password, ChannelBinding::unsupported());
                    frontend::sasl_initial_response("SCRAM-SHA-256", begun.message(), &mut out)?;
                    scram = Some(begun);
                }
                backend::Message::AuthenticationSaslContinue(body) => {
                    let scram = scram.as_mut().ok_or_else(|| protocol("SCRAM goes on unasked"))?;
                    scram.update(body.data())?;
                    frontend::sasl_response(scram.message(), &mut out)?;
                }
                backend::Message::AuthenticationSaslFinal(body) => {
                    scram.as_mut().ok_or_else(|| protocol("SCRAM ends unasked"))?.finish(body.data())?;
                }
                backend::Message::ReadyForQuery(_) => return Ok(()),
                backend::Message::AuthenticationOk
                | backend::Message::ParameterStatus(_)
                | backend::Message::BackendKeyData(_)
                | backend::Message::NoticeResponse(_) => {}
                _ => return Err(protocol("this way to authenticate is not known")),
            }
            self.stream.write_all(&out).await?;
        }
    }

    /// Begins the stream of a slot. Both names are of letters, digits and `_`.
    pub async fn start(&mut self, slot: &str, publication: &str, from: u64) -> Result<(), WireError> {
        let sql = format!(
            "START_REPLICATION SLOT \"{slot}\" LOGICAL {} (proto_version '1', publication_names '\"{publication}\"', messages 'true')",
            lsn(from)
        );
        let mut out = BytesMut::new();
        frontend::query(&sql, &mut out)?;
        self.stream.write_all(&out).await?;
        loop {
            let (tag, mut body) = self.raw().await?;
            match tag {
                b'W' => return Ok(()),
                b'E' => return Err(refusal(&mut body)),
                _ => {}
            }
        }
    }

    /// When bytes came last.
    pub fn read_at(&self) -> Instant {
        self.read_at
    }

    /// The next of the stream. Nothing is lost when it is not waited for to its end.
    pub async fn next(&mut self) -> Result<Frame, WireError> {
        loop {
            if let Some(frame) = self.arrived()? {
                return Ok(frame);
            }
            self.more().await?;
        }
    }

    /// The next of the stream, if all of it is here.
    pub fn arrived(&mut self) -> Result<Option<Frame>, WireError> {
        while let Some((tag, mut body)) = self.whole()? {
            match tag {
                b'd' => {
                    let kind = body.try_get_u8().map_err(|_| protocol("an empty message"))?;
                    match kind {
                        b'w' if body.remaining() >= 24 => {
                            body.advance(24);
                            return Ok(Some(Frame::Data(body)));
                        }
                        b'k' if body.remaining() >= 17 => {
                            let end = body.get_u64();
                            body.advance(8);
                            return Ok(Some(Frame::Alive { end, answer: body.get_u8() == 1 }));
                        }
                        _ => return Err(protocol("an unknown message of the stream")),
                    }
                }
                b'E' => return Err(refusal(&mut body)),
                b'c' => return Err(WireError { code: None, message: "the server ended the stream".into() }),
                _ => {}
            }
        }
        Ok(None)
    }

    /// Tells the server that all before `applied` is done with; it answers where it is, when asked to.
    pub async fn status(&mut self, applied: u64, answer: bool) -> Result<(), WireError> {
        let mut out = BytesMut::with_capacity(39);
        out.put_u8(b'd');
        out.put_u32(38);
        out.put_u8(b'r');
        out.put_u64(applied);
        out.put_u64(applied);
        out.put_u64(applied);
        // The time is for the server's statistics alone.
        out.put_u64(0);
        out.put_u8(u8::from(answer));
        Ok(self.stream.write_all(&out).await?)
    }

    async fn message(&mut self) -> Result<backend::Message, WireError> {
        loop {
            if self.inbox.first() == Some(&b'E') {
                return Err(refusal(&mut self.raw().await?.1));
            }
            match backend::Message::parse(&mut self.inbox)? {
                Some(message) => return Ok(message),
                None => self.more().await?,
            }
        }
    }

    /// One message as it is: its kind and its body.
    async fn raw(&mut self) -> Result<(u8, Bytes), WireError> {
        loop {
            match self.whole()? {
                Some(message) => return Ok(message),
                None => self.more().await?,
            }
        }
    }

    /// The same, if all of it is here.
    fn whole(&mut self) -> Result<Option<(u8, Bytes)>, WireError> {
        let Some(header) = backend::Header::parse(&self.inbox)? else { return Ok(None) };
        let length = 1 + usize::try_from(header.len()).map_err(|_| protocol("a negative length"))?;
        if self.inbox.len() < length {
            self.inbox.reserve(length - self.inbox.len());
            return Ok(None);
        }
        let mut body = self.inbox.split_to(length).freeze();
        body.advance(5);
        Ok(Some((header.tag(), body)))
    }

    async fn more(&mut self) -> Result<(), WireError> {
        self.inbox.reserve(1 << 16);
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(WireError { code: None, message: "the server closed the connection".into() }),
            _ => {
                self.read_at = Instant::now();
                Ok(())
            }
        }
    }
}

async fn open(database: &Database, host: &Host, port: u16) -> Result<Box<dyn ByteStream>, WireError> {
    match host {
        Host::Tcp(name) => {
            let mut stream = tokio::net::TcpStream::connect((name.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            match offers_tls(&mut stream, database.config.get_ssl_mode()).await? {
                true => Ok(Box::new(database.tls.begin(name, stream).await?)),
                false => Ok(Box::new(stream)),
            }
        }
        #[cfg(unix)]
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
        }
    }
}

/// Asks the server for TLS, when the url wants it.
async fn offers_tls(stream: &mut tokio::net::TcpStream, mode: SslMode) -> Result<bool, WireError> {
    if mode == SslMode::Disable {
        return Ok(false);
    }
    let mut out = BytesMut::new();
    frontend::ssl_request(&mut out);
    stream.write_all(&out).await?;
    match stream.read_u8().await? {
        b'S' => Ok(true),
        _ if mode == SslMode::Prefer => Ok(false),
        _ => Err(WireError { code: None, message: "the server does not offer TLS".into() }),
    }
}

/// An LSN as PostgreSQL writes it.
pub fn lsn(lsn: u64) -> String {
    format!("{:X}/{:X}", lsn >> 32, lsn & 0xffff_ffff)
}

/// The body of an error message: fields, each a letter and a text.
fn refusal(body: &mut Bytes) -> WireError {
    let mut error = WireError { code: None, message: String::new() };
    while let Ok(kind @ 1..) = body.try_get_u8() {
        let end = body.iter().position(|byte| *byte == 0).unwrap_or(body.len());
        let text = String::from_utf8_lossy(&body.split_to(end)).into_owned();
        body.advance(usize::from(body.has_remaining()));
        error.field(kind, text);
    }
    error
}

impl WireError {
    fn field(&mut self, kind: u8, text: String) {
        match kind {
            b'C' => self.code = Some(text),
            b'M' => self.message = text,
            _ => {}
        }
    }
}
