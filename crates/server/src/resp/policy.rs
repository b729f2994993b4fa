//! Eviction in Redis's words (decision 0008): `allkeys-`, because any entry may leave, and the policy's name. Two of these
//! words are Redis's own and mean the same there.

use clearwell_engine::Eviction;

const WORDS: [(&str, Eviction); 4] = [
    ("allkeys-lru", Eviction::Lru),
    ("allkeys-lfu", Eviction::Lfu),
    ("allkeys-adaptive", Eviction::Adaptive),
    ("allkeys-priority", Eviction::Priority),
];

/// The word for a policy.
pub fn word(eviction: Eviction) -> String {
    format!("allkeys-{eviction}")
}

/// The policy of a word, or of its name in `clearwell.toml`.
///
/// # Errors
/// Words for what a node does not do: spare entries without a TTL, refuse writes, evict by chance.
pub fn named(text: &str) -> Result<Eviction, String> {
    let lower = text.to_ascii_lowercase();
    let word = WORDS.iter().find(|(word, _)| *word == lower).map(|&(_, eviction)| eviction);
    word.or_else(|| Eviction::named(&lower)).ok_or_else(|| {
        let known = WORDS.map(|(word, _)| word).join(", ");
        format!(
            "argument must be one of the following: {known}; any entry may leave a cache, and none by chance"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_has_a_word_and_no_word_promises_what_is_not_kept() {
        for eviction in Eviction::ALL {
            assert_eq!(named(&word(eviction)), Ok(eviction));
            assert_eq!(named(eviction.name()), Ok(eviction));
        }
        assert_eq!(named("AllKeys-LRU"), Ok(Eviction::Lru));
        for other in ["noeviction", "volatile-lru", "volatile-ttl", "allkeys-random", "", "allkeys-"] {
            assert!(named(other).is_err(), "{other}");
        }
    }
}
