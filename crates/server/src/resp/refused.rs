//! What error replies say of the input, for the figures of bad input.

use clearwell_protocol::ProtocolError;

use crate::metrics::BadInput;

/// What was wrong with a request that was answered with this error (without the leading `-`); `None`: the request was good,
/// and what it asked for could not be done.
pub fn of_reply(text: &[u8]) -> Option<BadInput> {
    let (word, rest) = match text.iter().position(|&byte| byte == b' ') {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[][..]),
    };
    let begins = |start: &[u8]| rest.starts_with(start);
    match word {
        // The state of things, not the words that were sent.
        b"ERR" if begins(b"no such key") || begins(b"CONFIG SET failed") => None,
        b"ERR" if begins(b"unknown ") => Some(BadInput::Unknown),
        b"ERR" if begins(b"string exceeds maximum") => Some(BadInput::TooLarge),
        b"ERR" => Some(BadInput::Arguments),
        b"NOPROTO" => Some(BadInput::Unknown),
        b"OOM" => Some(BadInput::TooLarge),
        b"NOAUTH" | b"WRONGPASS" => Some(BadInput::Unauthenticated),
        _ => None,
    }
}

/// What bytes that are no request were. RESP has one error for a length that is no number and for one beyond the limit:
/// both count as framing.
pub fn of_bytes(error: ProtocolError) -> BadInput {
    match error {
        ProtocolError::TooBigMultibulkCount
        | ProtocolError::TooBigBulkCount
        | ProtocolError::TooBigInline
        | ProtocolError::TooBigRequest => BadInput::TooLarge,
        ProtocolError::UnauthenticatedMultibulkLength | ProtocolError::UnauthenticatedBulkLength => {
            BadInput::Unauthenticated
        }
        _ => BadInput::Framing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart_by_whose_fault_they_are() {
        let cases: [(&str, Option<BadInput>); 10] = [
            ("ERR unknown command 'FOO', with args beginning with: ", Some(BadInput::Unknown)),
            ("ERR unknown subcommand 'X'. Try CLIENT HELP.", Some(BadInput::Unknown)),
            ("ERR wrong number of arguments for 'get' command", Some(BadInput::Arguments)),
            ("ERR syntax error", Some(BadInput::Arguments)),
            ("NOAUTH Authentication required.", Some(BadInput::Unauthenticated)),
            ("WRONGPASS invalid", Some(BadInput::Unauthenticated)),
            ("OOM the entry needs 5 bytes", Some(BadInput::TooLarge)),
            ("ERR no such key", None),
            ("SOURCE the source is unreachable: gone", None),
            ("EXECABORT", None),
        ];
        for (text, expected) in cases {
            assert_eq!(of_reply(text.as_bytes()), expected, "{text}");
        }
    }
}
