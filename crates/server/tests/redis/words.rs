//! Random requests of the families string, keys, expire and multi: mostly well formed, often at an edge, now and then wrong.

use fastrand::Rng;

use crate::compare::Request;

/// Few keys, so that commands meet.
const KEYS: &[&[u8]] =
    &[b"a", b"b", b"c", b"num", b"k:1", b"k:2", b"", b"two words", b"\xff\x00\r\n", b"K:1"];
/// Values and arguments where texts of numbers, lengths and encodings change.
const VALUES: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"10",
    b"42",
    b"-0",
    b"+1",
    b"01",
    b" 1",
    b"1 ",
    b"1.5",
    b"-0.1",
    b"3.0",
    b"1e5",
    b"1e-5",
    b"1e400",
    b"nan",
    b"inf",
    b"-inf",
    b"0x10",
    b"",
    b"abc",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"-9223372036854775809",
    b"99999999999999999999999",
    b"17179869184",
    b"0.1",
    b"1.7976931348623157e308",
    b".5",
    b"5.",
    b"\x00\xff\r\n",
    b"true",
];
/// Integers as offsets, increments and counts.
const INTEGERS: &[&[u8]] = &[
    b"0",
    b"1",
    b"-1",
    b"2",
    b"-2",
    b"3",
    b"5",
    b"10",
    b"-10",
    b"100",
    b"1000",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775806",
    b"536870912",
    b"536870911",
    b"4294967295",
    b"-9223372036854775807",
    b"9223372036854775808",
    b"abc",
    b"",
    b"1.5",
    b"01",
    b"+1",
    b"-0",
];
/// Times to live and points in time, in whatever unit: what ends, ends long after the run, or before the request.
const TIMES: &[&[u8]] = &[
    b"1000000",
    b"5000000",
    b"10000000",
    b"86400000",
    b"0",
    b"-1",
    b"-100",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775",
    b"9223372036854776",
    b"4102444800",
    b"4102444800000",
    b"1",
    b"abc",
    b"1.5",
    b"",
];
const PATTERNS: &[&[u8]] = &[
    b"*", b"k:*", b"?", b"[ab]", b"[^a]", b"[a-c]", b"k:[1-2]", b"\\a", b"", b"**", b"*:*", b"[", b"[a",
    b"[]", b"a\\", b"two*", b"[^", b"?*", b"[c-a]", b"K:1", b"\xff*", b"[a-]", b"[\\a]",
];

/// A source of requests.
pub struct Words {
    random: Rng,
    now_s: u64,
}

impl Words {
    /// The requests of a seed.
    pub fn new(seed: u64) -> Words {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Words { random: Rng::with_seed(seed), now_s: since.expect("a clock after 1970").as_secs() }
    }

    /// The connection that sends the next request, and the request.
    pub fn request(&mut self) -> (usize, Request) {
        let who = usize::from(self.random.u8(..8) == 0);
        let mut request = match self.random.u8(..100) {
            0..42 => self.string(),
            42..60 => self.key_family(),
            60..80 => self.expire(),
            _ => self.multi(),
        };
        match self.random.u8(..60) {
            0 if request.len() > 1 => drop(request.pop()),
            1 => request.push(self.value()),
            2 => request[0] = [&request[0][..], b"x"].concat(),
            _ => {}
        }
        self.mix_case(&mut request[0]);
        (who, request)
    }

    fn string(&mut self) -> Request {
        let key = self.key();
        match self.random.u8(..24) {
            0..4 => self.words("get", &[key]),
            4..8 => self.set(key),
            8 => self.getex(key),
            9 => self.words("getdel", &[key]),
            10 => {
                let value = self.value();
                self.words("getset", &[key, value])
            }
            11 => {
                let value = self.value();
                self.words("setnx", &[key, value])
            }
            12 => {
                let (time, value) = (self.time(), self.value());
                let name = self.one(&["setex", "psetex"]);
                self.words(name, &[key, time, value])
            }
            13 => {
                let keys = self.some(Words::key);
                self.words("mget", &keys)
            }
            14 => {
                let pairs = self.pairs();
                self.words("mset", &pairs)
            }
            15 => {
                let pairs = self.pairs();
                self.words("msetnx", &pairs)
            }
            16 => {
                let value = self.value();
                self.words("append", &[key, value])
            }
            17 => self.words("strlen", &[key]),
            18 => {
                let (from, to) = (self.integer(), self.integer());
                let name = self.one(&["getrange", "substr"]);
                self.words(name, &[key, from, to])
            }
            19 => {
                let (at, value) = (self.offset(), self.value());
                self.words("setrange", &[key, at, value])
            }
            20 => {
                let name = self.one(&["incr", "decr"]);
                self.words(name, &[key])
            }
            21 => {
                let by = self.integer();
                let name = self.one(&["incrby", "decrby"]);
                self.words(name, &[key, by])
            }
            22 => {
                let by = self.value();
                self.words("incrbyfloat", &[key, by])
            }
            _ => {
                let number = self.integer();
                self.words("set", &[b"num".to_vec(), number])
            }
        }
    }

    fn set(&mut self, key: Vec<u8>) -> Request {
        let value = self.value();
        let mut request = self.words("set", &[key, value]);
        for _ in 0..self.random.u8(..8).saturating_sub(4) {
            match self.random.u8(..10) {
                0..5 => {
                    let name = self.one(&["EX", "PX", "EXAT", "PXAT"]);
                    request.push(name.into());
                    request.push(if name.len() == 2 { self.time() } else { self.point() });
                }
                5..7 => request.push(self.one(&["NX", "XX"]).into()),
                7 => request.push(b"KEEPTTL".to_vec()),
                8 => request.push(b"GET".to_vec()),
                _ => request.push(self.one(&["px", "nope", "nx", "get", "keepttl", "EX"]).into()),
            }
        }
        request
    }

    fn getex(&mut self, key: Vec<u8>) -> Request {
        let mut request = self.words("getex", &[key]);
        match self.random.u8(..8) {
            0..2 => {}
            2 => request.push(b"PERSIST".to_vec()),
            3 => request.extend([b"EX".to_vec(), b"100".to_vec(), b"PERSIST".to_vec()]),
            _ => {
                let name = self.one(&["EX", "px", "EXAT", "PXAT", "nope"]);
                request.push(name.into());
                request.push(if name.len() == 2 { self.time() } else { self.point() });
            }
        }
        request
    }

    fn key_family(&mut self) -> Request {
        let key = self.key();
        match self.random.u8(..16) {
            0..3 => {
                let keys = self.some(Words::key);
                let name = self.one(&["del", "unlink"]);
                self.words(name, &keys)
            }
            3..5 => {
                let keys = self.some(Words::key);
                let name = self.one(&["exists", "touch"]);
                self.words(name, &keys)
            }
            5 => self.words("type", &[key]),
            6 => {
                let to = self.key();
                let name = self.one(&["rename", "renamenx"]);
                self.words(name, &[key, to])
            }
            7 => self.copy(key),
            8 => {
                let pattern = self.pattern();
                self.words("keys", &[pattern])
            }
            9 => self.scan(),
            10 => self.words("randomkey", &[]),
            11 => self.words("dbsize", &[]),
            12..15 => {
                let what = self.one(&["encoding", "refcount", "idletime", "ENCODING", "nope"]);
                self.words("object", &[what.into(), key])
            }
            _ => match self.random.u8(..6) {
                0 => {
                    let name = self.one(&["flushall", "flushdb"]);
                    self.words(name, &[])
                }
                1 => {
                    let name = self.one(&["flushall", "flushdb"]);
                    let how = self.one(&["ASYNC", "sync", "now"]);
                    self.words(name, &[how.into()])
                }
                _ => self.words("exists", &[key]),
            },
        }
    }

    fn copy(&mut self, key: Vec<u8>) -> Request {
        let to = self.key();
        let mut request = self.words("copy", &[key, to]);
        for _ in 0..self.random.u8(..3) {
            match self.random.u8(..4) {
                0..2 => request.push(b"REPLACE".to_vec()),
                2 => request.extend([b"DB".to_vec(), self.one(&["0", "abc", "-1", "99"]).into()]),
                _ => request.push(b"nope".to_vec()),
            }
        }
        request
    }

    fn scan(&mut self) -> Request {
        let cursor = self.one(&["0", "0", "0", "0", "abc", "-1", ""]);
        let mut request = self.words("scan", &[cursor.into()]);
        let count = self.random.u8(..4);
        for _ in 0..count {
            match self.random.u8(..4) {
                0 => request.extend([b"MATCH".to_vec(), self.pattern()]),
                1 => {
                    request.extend([b"TYPE".to_vec(), self.one(&["string", "list", "String", "nope"]).into()])
                }
                2 => request.extend([b"count".to_vec(), self.one(&["0", "-1", "abc", "1000"]).into()]),
                _ => request.push(b"nope".to_vec()),
            }
        }
        // A page that holds all there is: cursors are each server's own.
        request.extend([b"COUNT".to_vec(), b"1000".to_vec()]);
        request
    }

    fn expire(&mut self) -> Request {
        let key = self.key();
        match self.random.u8(..12) {
            0..4 => {
                let name = self.one(&["expire", "pexpire", "expireat", "pexpireat"]);
                let count = self.random.u8(..5).saturating_sub(2);
                let flags = (0..count).map(|_| self.one(&["NX", "XX", "GT", "LT", "gt", "nope"]));
                let flags: Vec<Vec<u8>> = flags.map(Into::into).collect();
                let time = if name.ends_with("at") {
                    self.point()
                } else if flags.is_empty() {
                    self.time()
                } else {
                    self.lasting()
                };
                [self.words(name, &[key, time]), flags].concat()
            }
            4..10 => {
                let name = self.one(&["ttl", "pttl", "expiretime", "pexpiretime"]);
                self.words(name, &[key])
            }
            10 => self.words("persist", &[key]),
            _ => self.words("pexpire", &[key, b"1".to_vec()]),
        }
    }

    fn multi(&mut self) -> Request {
        match self.random.u8(..10) {
            0..3 => self.words("multi", &[]),
            3..7 => self.words("exec", &[]),
            7 => self.words("discard", &[]),
            8 => {
                let keys = self.some(Words::key);
                self.words("watch", &keys)
            }
            _ => self.words("unwatch", &[]),
        }
    }

    fn words(&mut self, name: &str, rest: &[Vec<u8>]) -> Request {
        std::iter::once(name.as_bytes().to_vec()).chain(rest.iter().cloned()).collect()
    }

    fn key(&mut self) -> Vec<u8> {
        KEYS[self.random.usize(..KEYS.len())].to_vec()
    }

    fn value(&mut self) -> Vec<u8> {
        match self.random.u8(..10) {
            0 => vec![b'x'; [39, 44, 45, 100, 1000][self.random.usize(..5)]],
            1 => self.random.i64(..).to_string().into_bytes(),
            2 => format!("{:.6}", self.random.f64() * 1000.0).into_bytes(),
            _ => VALUES[self.random.usize(..VALUES.len())].to_vec(),
        }
    }

    fn integer(&mut self) -> Vec<u8> {
        INTEGERS[self.random.usize(..INTEGERS.len())].to_vec()
    }

    /// An offset at which no server has to make half a gigabyte.
    fn offset(&mut self) -> Vec<u8> {
        let integer = self.integer();
        if integer == b"536870911" { b"7".to_vec() } else { integer }
    }

    fn time(&mut self) -> Vec<u8> {
        let time = TIMES[self.random.usize(..TIMES.len())].to_vec();
        // A millisecond would end between the two servers; `expire` waits for its end.
        if time == b"1" { b"77".repeat(4) } else { time }
    }

    /// A time to live that no other one is near to: GT and LT compare deadlines, and between the two servers a clock runs on.
    fn lasting(&mut self) -> Vec<u8> {
        self.random.u64(1_000_000..4_000_000_000_000).to_string().into_bytes()
    }

    fn point(&mut self) -> Vec<u8> {
        match self.random.u8(..6) {
            0 => (self.now_s - 10).to_string().into_bytes(),
            1..3 => (self.now_s + 1000).to_string().into_bytes(),
            3..5 => format!("{}000", self.now_s + 1000).into_bytes(),
            _ => self.time(),
        }
    }

    fn pattern(&mut self) -> Vec<u8> {
        PATTERNS[self.random.usize(..PATTERNS.len())].to_vec()
    }

    fn pairs(&mut self) -> Vec<Vec<u8>> {
        let count = self.random.usize(1..4);
        (0..count).flat_map(|_| [self.key(), self.value()]).collect()
    }

    fn some(&mut self, mut make: impl FnMut(&mut Words) -> Vec<u8>) -> Vec<Vec<u8>> {
        let count = self.random.usize(1..4);
        (0..count).map(|_| make(self)).collect()
    }

    fn one<'w>(&mut self, words: &[&'w str]) -> &'w str {
        words[self.random.usize(..words.len())]
    }

    fn mix_case(&mut self, word: &mut [u8]) {
        if self.random.u8(..4) == 0 {
            for byte in word.iter_mut().filter(|_| self.random.bool()) {
                *byte = byte.to_ascii_uppercase();
            }
        }
    }
}
