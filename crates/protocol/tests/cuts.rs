//! However bytes are cut, they mean the same.

mod support;

use clearwell_protocol::{Encoder, Limits, Reader, Resp, Value};
use proptest::prelude::*;
use support::{feed, feed_whole};

/// A request as a client writes it, or what must be skipped, or what must be refused.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let multibulk = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6).prop_map(|args| {
        let mut out = format!("*{}\r\n", args.len()).into_bytes();
        for arg in args {
            out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            out.extend_from_slice(&arg);
            out.extend_from_slice(b"\r\n");
        }
        out
    });
    let inline =
        "[a-z]{1,5}( \"[a-z\\\\x]{0,6}\"| '[a-z ]{0,6}'| [a-z]{1,6}){0,4}\r?\n".prop_map(String::into_bytes);
    let odd = prop::sample::select(vec![
        "\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*1\r\n$x\r\n",
        "*07\r\n",
        "*1\r\n:1\r\n",
        "\"\n",
    ]);
    prop_oneof![6 => multibulk, 3 => inline, 1 => odd.prop_map(|text| text.as_bytes().to_vec())]
}

fn script() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(fragment(), 1..6).prop_map(|fragments| fragments.concat())
}

proptest! {
    #[test]
    fn a_script_cut_at_any_byte_gives_the_same_requests(script in script()) {
        let limits = Limits::default();
        let whole = feed_whole(&script, &limits);
        for cut in 0..=script.len() {
            let (head, tail) = script.split_at(cut);
            prop_assert_eq!(&feed(&[head, tail], &limits), &whole, "cut at {}", cut);
        }
        let bytes: Vec<&[u8]> = script.chunks(1).collect();
        prop_assert_eq!(&feed(&bytes, &limits), &whole, "byte by byte");
    }

    #[test]
    fn garbage_is_parsed_or_refused(input in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        prop_assert_eq!(feed(&bytes, &Limits::default()), feed_whole(&input, &Limits::default()));
    }

    #[test]
    fn replies_round_trip_in_resp3_however_cut(values in prop::collection::vec(value(), 1..4), cut in any::<prop::sample::Index>()) {
        let mut out = Vec::new();
        values.iter().for_each(|value| encode(&mut Encoder::new(&mut out, Resp::V3), value));
        let cut = cut.index(out.len() + 1);
        let mut reader = Reader::new();
        let (mut buffer, mut read) = (Vec::new(), Vec::new());
        for piece in [&out[..cut], &out[cut..]] {
            buffer.extend_from_slice(piece);
            while let Some((value, consumed)) = reader.next(&buffer).expect("what the encoder writes is a reply") {
                buffer.drain(..consumed);
                read.push(value);
            }
        }
        prop_assert_eq!(read, values);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn a_reader_survives_garbage(input in "[-+:$*_#,(=!%~>|0-9a-z\r\n]{0,80}") {
        let mut reader = Reader::new();
        let mut rest = input.as_bytes();
        while let Ok(Some((_, consumed))) = reader.next(rest) {
            prop_assert!(consumed > 0);
            rest = &rest[consumed..];
        }
    }
}

/// Any value that an encoder writes in RESP3.
fn value() -> impl Strategy<Value = Value> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..30);
    let leaf = prop_oneof![
        Just(Value::Null),
        "[a-z ]{0,9}".prop_map(|text| Value::Simple(text.into_bytes())),
        "[A-Z]{3} [a-z ]{0,9}".prop_map(|text| Value::Error(text.into_bytes())),
        any::<i64>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
        any::<f64>().prop_filter("NaN equals nothing", |value| !value.is_nan()).prop_map(Value::Double),
        bytes().prop_map(Value::Bulk),
        bytes().prop_map(|text| Value::Verbatim(*b"txt", text)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let items = || prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            items().prop_map(Value::Array),
            items().prop_map(Value::Set),
            items().prop_map(Value::Push),
            prop::collection::vec((inner.clone(), inner.clone()), 0..3).prop_map(Value::Map),
        ]
    })
}

fn encode(encoder: &mut Encoder<'_>, value: &Value) {
    match value {
        Value::Null => encoder.null(),
        Value::Simple(text) => encoder.simple(text),
        Value::Error(text) => encoder.error(text),
        Value::Integer(number) => encoder.integer(*number),
        Value::Boolean(truth) => encoder.boolean(*truth),
        Value::Double(number) => encoder.double(*number),
        Value::Bulk(bytes) => encoder.bulk(bytes),
        Value::Verbatim(_, text) => encoder.verbatim(text),
        Value::Array(items) => {
            encoder.array(items.len());
            items.iter().for_each(|item| encode(encoder, item));
        }
        Value::Set(items) => {
            encoder.set(items.len());
            items.iter().for_each(|item| encode(encoder, item));
        }
        Value::Push(items) => {
            encoder.push(items.len());
            items.iter().for_each(|item| encode(encoder, item));
        }
        Value::Map(pairs) => {
            encoder.map(pairs.len());
            for (key, value) in pairs {
                encode(encoder, key);
                encode(encoder, value);
            }
        }
        Value::BigNumber(_) | Value::Attributed(..) => unreachable!("not generated: no encoder for them"),
    }
}
