//! The packets of a handshake: `u16 length, bytes`, and what they are made of. Numbers have their low byte first, a text its
//! length in two bytes before it.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest packet. Whoever claims more is none of ours: two letters, as other protocols begin with, are more.
pub const PACKET_MOST: usize = 4096;

/// The longest text.
pub const TEXT_MOST: usize = 255;

/// Reads one packet; `None` where its length is one that no packet has.
///
/// # Errors
/// The connection's.
pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<Vec<u8>>> {
    let length = usize::from(stream.read_u16_le().await?);
    if length == 0 || length > PACKET_MOST {
        return Ok(None);
    }
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet).await?;
    Ok(Some(packet))
}

/// Writes one packet.
///
/// # Errors
/// The connection's.
pub async fn write<S: AsyncWrite + Unpin>(stream: &mut S, packet: &[u8]) -> io::Result<()> {
    let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
    let mut whole = Vec::with_capacity(2 + packet.len());
    whole.extend_from_slice(&length.to_le_bytes());
    whole.extend_from_slice(packet);
    stream.write_all(&whole).await?;
    stream.flush().await
}

/// Appends a text. One that is too long ends where it must.
pub fn put_text(text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(TEXT_MOST)];
    // `TEXT_MOST` fits into two bytes.
    out.extend_from_slice(&(text.len() as u16).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Takes a packet apart. What it does not have is `None`.
#[derive(Debug)]
pub struct PacketReader<'a>(&'a [u8]);

impl<'a> PacketReader<'a> {
    pub fn new(packet: &'a [u8]) -> PacketReader<'a> {
        PacketReader(packet)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn text(&mut self) -> Option<String> {
        let length = usize::from(self.u16()?);
        let (text, rest) = self.0.split_at_checked(length).filter(|_| length <= TEXT_MOST)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
