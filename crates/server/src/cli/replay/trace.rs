//! Reads a trace: `key` or `key,size` a line, plain or zstd, as a stream.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ruzstd::decoding::StreamingDecoder;

/// The longest line of a trace, in bytes.
const LINE_MOST: usize = 16 << 10;
/// The largest size of a value, in bytes; larger ones are taken for a damaged line.
pub const SIZE_MOST: usize = 64 << 20;
/// The first four bytes of a zstd frame.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Why a trace cannot be read on.
#[derive(Debug)]
pub enum TraceError {
    /// The file cannot be opened or read, or is damaged.
    File(String, std::io::Error),
    /// A line that is no request: its number, counted from 1, and what is wrong with it.
    Line(u64, String),
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TraceError::File(path, error) => write!(f, "{path}: {error}"),
            TraceError::Line(line, wrong) => write!(f, "line {line} of the trace: {wrong}"),
        }
    }
}

impl std::error::Error for TraceError {}

/// A request: the key, and the size of its value where the trace has one.
type Line<'a> = (&'a [u8], Option<usize>);

/// A trace being read. Never holds more of it than one buffer and one line.
pub struct TraceReader {
    name: String,
    lines: Box<dyn BufRead>,
    line: Vec<u8>,
    number: u64,
    read: Arc<AtomicU64>,
    length: u64,
}

impl TraceReader {
    /// Opens a file; zstd is recognised by its first bytes, whatever the name.
    ///
    /// # Errors
    /// The file cannot be opened, or begins like zstd and is not.
    pub fn open(path: &Path) -> Result<TraceReader, TraceError> {
        let name = path.display().to_string();
        let failed = |error| TraceError::File(name.clone(), error);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        TraceReader::new(name.clone(), length, file)
    }

    fn new(name: String, length: u64, input: impl Read + 'static) -> Result<TraceReader, TraceError> {
        let read = Arc::new(AtomicU64::new(0));
        let mut input = BufReader::with_capacity(1 << 16, Counted { input, read: read.clone() });
        let failed = |error| TraceError::File(name.clone(), error);
        let lines: Box<dyn BufRead> = if input.fill_buf().map_err(failed)?.starts_with(&ZSTD) {
            let frames = Frames { decoder: Some(frame(input).map_err(failed)?) };
            Box::new(BufReader::with_capacity(1 << 16, frames))
        } else {
            Box::new(input)
        };
        Ok(TraceReader { name, lines, line: Vec::new(), number: 0, read, length })
    }

    /// The next request; `None` at the end. Empty lines and those that begin with `#` are skipped.
    ///
    /// # Errors
    /// What the file says is no request, or is damaged.
    pub fn next(&mut self) -> Result<Option<Line<'_>>, TraceError> {
        loop {
            self.line.clear();
            let mut bounded = (&mut self.lines).take(LINE_MOST as u64 + 1);
            let read = bounded
                .read_until(b'\n', &mut self.line)
                .map_err(|error| TraceError::File(self.name.clone(), error))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read > LINE_MOST {
                return Err(TraceError::Line(self.number, format!("longer than {LINE_MOST} bytes")));
            }
            let end = self.line.trim_ascii_end().len();
            self.line.truncate(end);
            if end > 0 && self.line[0] != b'#' {
                break;
            }
        }
        parse(&self.line).map(Some).map_err(|wrong| TraceError::Line(self.number, wrong))
    }

    /// Bytes of the file read so far, and its length.
    pub fn progress(&self) -> (u64, u64) {
        (self.read.load(Ordering::Relaxed), self.length)
    }
}

fn parse(line: &[u8]) -> Result<Line<'_>, String> {
    let Some(comma) = line.iter().position(|&byte| byte == b',') else { return Ok((line, None)) };
    let (key, size) = (&line[..comma], &line[comma + 1..]);
    let shown = String::from_utf8_lossy(size.get(..40).unwrap_or(size));
    if key.is_empty() {
        return Err("no key before the comma".to_owned());
    }
    let digits = !size.is_empty() && size.iter().all(u8::is_ascii_digit);
    let number =
        std::str::from_utf8(size).ok().filter(|_| digits).and_then(|text| text.parse::<usize>().ok());
    match number {
        Some(size) if size <= SIZE_MOST => Ok((key, Some(size))),
        _ if digits => Err(format!("a size of {shown} bytes; at most {SIZE_MOST} are taken")),
        _ => Err(format!("expected key or key,size with a size in bytes, found '{shown}' for the size")),
    }
}

/// Counts what is read.
struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

type Decoder<R> = StreamingDecoder<BufReader<R>, ruzstd::decoding::FrameDecoder>;

fn frame<R: Read>(input: BufReader<R>) -> std::io::Result<Decoder<R>> {
    StreamingDecoder::new(input).map_err(|error| damaged(&error))
}

fn damaged(error: &dyn fmt::Display) -> std::io::Error {
    std::io::Error::new(ErrorKind::InvalidData, format!("not a readable zstd file: {error}"))
}

/// One zstd frame after the other: what `zstd` and `cat a.zst b.zst` write.
struct Frames<R: Read> {
    decoder: Option<Decoder<R>>,
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let read = decoder.read(buffer).map_err(|error| damaged(&error))?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let mut input = self.decoder.take().map(StreamingDecoder::into_inner).expect("matched above");
            if !input.fill_buf()?.is_empty() {
                self.decoder = Some(frame(input)?);
            }
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(bytes: &[u8]) -> Result<TraceReader, TraceError> {
        TraceReader::new("test".to_owned(), bytes.len() as u64, std::io::Cursor::new(bytes.to_vec()))
    }

    fn all(bytes: &[u8]) -> Result<Requests, String> {
        let mut trace = trace(bytes).map_err(|error| error.to_string())?;
        let mut requests = Vec::new();
        while let Some((key, size)) = trace.next().map_err(|error| error.to_string())? {
            requests.push((key.to_vec(), size));
        }
        Ok(requests)
    }

    type Requests = Vec<(Vec<u8>, Option<usize>)>;

    fn compressed(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn keys_with_and_without_sizes_are_read() {
        let wanted = Ok(vec![(b"0".to_vec(), Some(737)), (b"a b".to_vec(), None), (b"7".to_vec(), Some(0))]);
        assert_eq!(all(b"# a comment\n0,737\r\n\na b\n7,0"), wanted);
        assert_eq!(all(b""), Ok(Vec::new()));
    }

    #[test]
    fn zstd_is_recognised_also_in_several_frames() {
        let two = [compressed(b"1,10\n2,"), compressed(b"20\n3\n")].concat();
        let wanted = vec![(b"1".to_vec(), Some(10)), (b"2".to_vec(), Some(20)), (b"3".to_vec(), None)];
        assert_eq!(all(&two), Ok(wanted));
    }

    #[test]
    fn a_malformed_line_is_named_by_its_number() {
        let error = |bytes: &[u8]| all(bytes).unwrap_err();
        assert_eq!(
            error(b"1,2\n3,x\n"),
            "line 2 of the trace: expected key or key,size with a size in bytes, found 'x' for the size"
        );
        assert_eq!(error(b"\n,5\n"), "line 2 of the trace: no key before the comma");
        assert!(error(b"1,-5").starts_with("line 1 of the trace: expected key"));
        assert!(error(b"1,99999999999999999999999").contains("at most 67108864 are taken"));
        let long = vec![b'x'; LINE_MOST + 1];
        assert_eq!(error(&long), "line 1 of the trace: longer than 16384 bytes");
    }

    #[test]
    fn a_damaged_or_cut_zstd_file_is_an_error() {
        assert!(all(&ZSTD).unwrap_err().contains("not a readable zstd file"));
        let whole = compressed(&b"12345,678\n".repeat(1000));
        assert!(all(&whole[..whole.len() - 5]).unwrap_err().contains("not a readable zstd file"));
    }
}
