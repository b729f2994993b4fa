//! Slots, as Redis Cluster counts them.

/// A unit of ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Slot(pub u16);

/// How many there are on real clusters. Simulations use fewer, which changes nothing but the size of the tables.
pub const SLOTS: u16 = 16384;

/// The slot of a key: CRC16 (XMODEM) of the key, or of the part between the first `{` and the next `}` when that is not
/// empty, modulo the number of slots.
pub fn slot_of(key: &[u8], slots: u16) -> Slot {
    Slot(crc16(hashed_part(key)) % slots.max(1))
}

fn hashed_part(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let rest = &key[open + 1..];
    match rest.iter().position(|&byte| byte == b'}') {
        None | Some(0) => key,
        Some(close) => &rest[..close],
    }
}

/// CRC-16/XMODEM: polynomial 0x1021, no reflection, starting from 0. Four bytes at a time, which do not wait for one another.
fn crc16(bytes: &[u8]) -> u16 {
    let [one, two, three, four] = &TABLES;
    let (fours, rest) = bytes.as_chunks::<4>();
    let crc = fours.iter().fold(0u16, |crc, &[a, b, c, d]| {
        let [high, low] = crc.to_be_bytes();
        four[usize::from(a ^ high)] ^ three[usize::from(b ^ low)] ^ two[usize::from(c)] ^ one[usize::from(d)]
    });
    rest.iter().fold(crc, |crc, &byte| (crc << 8) ^ one[usize::from((crc >> 8) as u8 ^ byte)])
}

/// What a byte makes of the sum when none, one, two or three bytes follow it.
static TABLES: [[u16; 256]; 4] = {
    let one = table();
    let two = followed(&one, &one);
    let three = followed(&two, &one);
    let four = followed(&three, &one);
    [one, two, three, four]
};

/// The same with a zero byte more behind.
const fn followed(sums: &[u16; 256], one: &[u16; 256]) -> [u16; 256] {
    let mut longer = [0u16; 256];
    let mut index = 0;
    while index < 256 {
        longer[index] = (sums[index] << 8) ^ one[(sums[index] >> 8) as usize];
        index += 1;
    }
    longer
}

const fn table() -> [u16; 256] {
    let mut table = [0u16; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of CRC-16/XMODEM, and slots that `CLUSTER KEYSLOT` of redis-server 7.0 answered.
    #[test]
    fn slots_are_those_of_redis_cluster() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"123456789", SLOTS), Slot(12739));
        assert_eq!(slot_of(b"foo", SLOTS), Slot(12182));
        assert_eq!(slot_of(b"", SLOTS), Slot(0));
        let (mut crc, mut text) = (0u16, Vec::new());
        for byte in b"any length, and each of its bytes by itself" {
            text.push(*byte);
            crc = (crc << 8) ^ TABLES[0][usize::from((crc >> 8) as u8 ^ byte)];
            assert_eq!(crc16(&text), crc);
        }
    }

    #[test]
    fn a_hash_tag_decides_and_an_empty_one_does_not() {
        assert_eq!(slot_of(b"{user1000}.following", SLOTS), slot_of(b"user1000", SLOTS));
        assert_eq!(slot_of(b"foo{bar}{zap}", SLOTS), slot_of(b"bar", SLOTS));
        assert_eq!(slot_of(b"foo{{bar}}zap", SLOTS), slot_of(b"{bar", SLOTS));
        assert_ne!(slot_of(b"foo{}{bar}", SLOTS), slot_of(b"bar", SLOTS));
        assert_ne!(slot_of(b"foo{bar", SLOTS), slot_of(b"bar", SLOTS));
    }
}
