//! Whatever words follow a name, nothing panics, and every key position is one of the request's arguments.

mod support;

use clearwell_protocol::options::*;
use clearwell_protocol::{Args, Encoder, OwnedArgs, Reader, Resp, introspect, keys, resolve, table};
use proptest::prelude::{
    ProptestConfig, Strategy, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

const WORDS: &[&str] = &[
    "KEYS",
    "TAGS",
    "DEPENDENCIES",
    "ATTRIBUTES",
    "EVENT",
    "MODE",
    "delayed",
    "on-event",
    "PATTERN",
    "CASCADE",
    "yes",
    "EX",
    "PX",
    "EXAT",
    "KEEPTTL",
    "NX",
    "XX",
    "GET",
    "GT",
    "LT",
    "PERSIST",
    "COUNT",
    "MATCH",
    "TYPE",
    "DB",
    "AUTH",
    "SETNAME",
    "ID",
    "SKIPME",
    "LEVEL",
    "bounded(1d)",
    "bounded(",
    "WRITE",
    "PRIORITY",
    "LEASE",
    "SAMPLES",
    "help",
    "0",
    "1",
    "2",
    "3",
    "-1",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "",
    "\u{fffd}",
];

fn request() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let names: Vec<&str> = table::all_with_subcommands().map(|command| command.name).collect();
    let word = prop_oneof![
        9 => prop::sample::select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..9),
    ];
    (prop::sample::select(names), prop::collection::vec(word, 0..9)).prop_map(|(name, words)| {
        let names = name.split('|').map(|part| part.as_bytes().to_vec());
        names.chain(words).collect()
    })
}

/// Gives `args` to every parser, whatever command it is for.
fn parse_all(args: Args<'_>) {
    const NOW: i64 = 1_800_000_000_000;
    if let Ok(SetOptions { ttl: SetTtl::Set(expiry), .. }) = SetOptions::parse(args) {
        expiry.resolve_positive(NOW, "set").ok();
    }
    if let Ok(options) = ExpireOptions::parse(args, TimeUnit::Seconds, false) {
        options.expiry.resolve(NOW, "expire").ok();
    }
    GetExOptions::parse(args).ok();
    SetOptions::parse_setex(args, TimeUnit::Milliseconds).ok();
    ScanOptions::parse(args).ok();
    CopyOptions::parse(args).ok();
    check_flush(args).ok();
    HelloOptions::parse(args).ok();
    AuthOptions::parse(args).ok();
    SetInfo::parse(args).ok();
    KillOptions::parse(args).ok();
    ListOptions::parse(args).ok();
    ReplyMode::parse_switch(args).ok();
    PauseOptions::parse(args).ok();
    WaitOptions::parse(args).ok();
    parse_memory_samples(args).ok();
    parse_slowlog_count(args).ok();
    check_pairs(args, 1, "mset").ok();
    CwGetOptions::parse(args).ok();
    CwSetOptions::parse(args).ok();
    InvalidateOptions::parse(args).ok();
    EventOptions::parse(args).ok();
    WarmOptions::parse(args).ok();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_panics_and_keys_are_arguments(request in request()) {
        let owned: OwnedArgs = request.iter().collect();
        let args = owned.as_args();
        parse_all(args);
        if let Ok(command) = resolve(args) {
            for place in keys(command, args) {
                prop_assert!((1..args.len()).contains(&place), "{} of {:?}", place, args);
            }
            if command.name == "cw.invalidate" && let Ok(options) = InvalidateOptions::parse(args) {
                let told: Vec<&[u8]> = keys(command, args).map(|place| &request[place][..]).collect();
                let parsed: Vec<&[u8]> = options.keys.map(|keys| keys.iter().collect()).unwrap_or_default();
                prop_assert_eq!(told, parsed);
            }
        }
    }

    #[test]
    fn refusals_are_one_line(request in request(), name in prop::collection::vec(any::<u8>(), 0..200)) {
        let owned: OwnedArgs = std::iter::once(&name).chain(&request).collect();
        let mut out = Vec::new();
        if let Err(refused) = resolve(owned.as_args()) {
            Encoder::new(&mut out, Resp::V2).error(refused);
            let read = Reader::new().next(&out).expect("a reply").expect("a whole one");
            prop_assert_eq!(read.1, out.len());
        }
        let listing = std::iter::repeat_n(&b"command"[..], 2).chain(request.iter().map(Vec::as_slice));
        let owned: OwnedArgs = listing.collect();
        introspect::get_keys(&mut Encoder::new(&mut out, Resp::V3), owned.as_args(), true).ok();
    }
}
