//! Configurations that are right, and the exact words about those that are not.

use super::*;

const HEAD: &str = "[source.main]\nurl = \"sqlite://posts.db\"\n";

/// Each mistake: a file, the line of the mistake and the message.
const MISTAKES: &[(&str, usize, &str)] = &[
    ("max_memroy = '1GB'", 1, "unknown key \"max_memroy\" in the top level; did you mean \"max_memory\"?"),
    ("\nmax_memory = 5", 2, "max_memory in the top level must be a string, not an integer"),
    (
        "max_memory = '1 gigabyte'",
        1,
        "max_memory in the top level: \"1 gigabyte\" is not a size; write a number and B, KB, MB, GB, KiB, MiB or GiB, \
         such as \"256MB\"",
    ),
    (
        "max_memory = '5B'",
        1,
        "max_memory in the top level: \"5B\" is too little; a node needs at least \"1MiB\"",
    ),
    ("max_entries = 0", 1, "max_entries cannot be 0; leave it out for as many as fit"),
    ("max_entries = -1", 1, "max_entries in the top level must be a whole number from 0 up"),
    (
        "max_entries = 99999999999999999999",
        1,
        "max_entries in the top level must be a whole number from 0 up",
    ),
    ("max_entries = '5'", 1, "max_entries in the top level must be an integer, not a string"),
    ("eviction = 'lruu'", 1, "eviction in the top level: unknown policy \"lruu\"; did you mean \"lru\"?"),
    (
        "eviction = 'noeviction'",
        1,
        "eviction in the top level: unknown policy \"noeviction\"; known are adaptive, lru, lfu, priority",
    ),
    (
        "late_fill_window = '-1s'",
        1,
        "late_fill_window in the top level: \"-1s\" is not a duration; write a number and ms, s, m, h or d, such as \"2s\"",
    ),
    ("feed_poll = '0s'", 1, "feed_poll in the top level: \"0s\" is not from 1ms to 1m"),
    (
        "default_ttl = '0s'",
        1,
        "default_ttl in the top level: it cannot be nothing; leave it out for the default of an hour",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nttl = '1h'\nearly_refresh = 1",
        4,
        "early_refresh needs a source in the same [[keyspace]]: without one nothing is loaded",
    ),
    (
        "[[keyspace]]\npattern = 'a'\ngrace = '1s'",
        3,
        "grace needs a source in the same [[keyspace]]: without one nothing is loaded",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nnegative_ttl = '1s'",
        3,
        "negative_ttl needs a source in the same [[keyspace]]: without one nothing is loaded",
    ),
    ("[[keyspace]]\npattern = 'a'\nttl_jitter = '10%'", 3, "ttl_jitter needs ttl, of which it takes a share"),
    (
        "[[keyspace]]\npattern = 'a'\ncompress = 'zst'",
        3,
        "compress in [[keyspace]]: unknown codec \"zst\"; did you mean \"zstd\"?",
    ),
    (
        "[[keyspace]]\npattern = 'a'\ncompress_above = '1KB'",
        3,
        "compress_above needs compress, such as \"lz4\"",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nschema = 'user.json'",
        3,
        "schema in [[keyspace]]: user.json cannot be read: this text is not in a folder",
    ),
    ("password = ''", 1, "password in the top level: it cannot be empty; leave it out for none"),
    ("source = 'x'", 1, "source in the top level must be a table, not a string"),
    ("[source]\nmain = 'x'", 2, "a source is a table: begin it with [source.main]"),
    ("[source.main]\n", 1, "[source.main] needs url"),
    (
        "[source.main]\nurl = 'sqlite://x'\ntimout = '1s'",
        3,
        "unknown key \"timout\" in [source.main]; did you mean \"timeout\"?",
    ),
    (
        "[source.main]\nurl = 'sqlite://x'\ntimeout = '0ms'",
        3,
        "timeout in [source.main]: a timeout of nothing would refuse everything",
    ),
    (
        "[source.main]\nurl = 'sqlite://x'\nbehind_most = '20ms'",
        3,
        "behind_most in [source.main]: \"20ms\" is too little; a feed is asked every 100ms how far it is",
    ),
    (
        "[source.main]\nurl = 'posts.db'",
        2,
        "url in [source.main]: \"posts.db\" is not a source; write it such as \"sqlite://posts.db\" or \"postgres://user@host/database\"",
    ),
    (
        "[source.main]\nurl = 'sqlite://'",
        2,
        "url in [source.main]: the file's name is missing, such as \"sqlite://posts.db\"",
    ),
    (
        "[source.main]\nurl = '${NO_SUCH_VARIABLE}'",
        2,
        "url in [source.main]: the environment variable NO_SUCH_VARIABLE is not set",
    ),
    (
        "[source.main]\nurl = 'postgres://db/posts'\n[[keyspace]]\npattern = 'a:{id}'\nsource = 'main'\nload = 'SELECT $1'",
        6,
        "load in [[keyspace]]: parameters are written :name, not $1",
    ),
    (
        "[source.main]\nurl = 'postgres://db/posts'\nslot = 'a-b'",
        3,
        "slot in [source.main]: \"a-b\" may only have a-z, 0-9 and _, 1 to 63 of them",
    ),
    (
        "[source.main]\nurl = 'postgres://db/posts'\nseed = 'x'",
        3,
        "seed is for SQLite; fill a PostgreSQL database with psql",
    ),
    ("[source.main]\nurl = 'sqlite://x'\nslot = 'x'", 3, "slot is for PostgreSQL; this source is not"),
    (
        "[source.main]\nurl = 'sqlite://x'\nseed = ''\nseed_file = 'x'",
        4,
        "[source.main] has both seed and seed_file",
    ),
    (
        "[source.main]\nurl = 'sqlite://x'\nseed_file = 'x'",
        3,
        "seed_file in [source.main]: x cannot be read: this text is not in a folder",
    ),
    (
        "[keyspace]\npattern = 'a'",
        1,
        "keyspace in the top level must be tables, each begun with [[keyspace]], not a table",
    ),
    ("[[keyspace]]", 1, "[[keyspace]] needs pattern"),
    ("[[keyspace]]\npattern = ['a']", 2, "pattern in [[keyspace]] must be a string, not a list"),
    (
        "[[keyspace]]\npattern = 'post:{id:itn}'",
        2,
        "pattern in [[keyspace]]: unknown type \"itn\" in {id:itn}; did you mean \"int\"?",
    ),
    (
        "[[keyspace]]\npattern = 'post:{id'",
        2,
        "pattern in [[keyspace]]: a { is never closed (write {{ for the brace itself)",
    ),
    (
        "[[keyspace]]\npattern = 'a:{x}'\n[[keyspace]]\npattern = 'a:{y:str}'",
        4,
        "this pattern has the same keys as \"a:{x}\" before it",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nunverified = 'bypas'",
        3,
        "unverified in [[keyspace]]: unknown policy \"bypas\"; did you mean \"bypass\"?",
    ),
    (
        "[source.main]\nurl = 'sqlite://x'\n[[keyspace]]\npattern = 'a:{id}'\nsource = 'main'\nload = 'SELECT v FROM t WHERE id = :id'\ndel = 'rows'",
        7,
        "del in [[keyspace]]: unknown meaning \"rows\"; did you mean \"row\"?",
    ),
    (
        "[source.main]\nurl = 'sqlite://x'\n[[keyspace]]\npattern = 'a:{id}'\nsource = 'main'\nload = 'SELECT v FROM t WHERE id = :id'\ndel = 'row'",
        7,
        "del = \"row\" needs delete, the statement that removes a row",
    ),
    (
        "[source.main]\nurl = 'sqlite://x'\n[[keyspace]]\npattern = 'a:{id}'\nsource = 'main'\nload = 'SELECT v FROM t WHERE id = :id'\n\
         delete = 'DELETE FROM t WHERE id = :id'\nwrite = 'cache-only'\ndel = 'row'",
        9,
        "del = \"row\" needs a strategy that writes: write = \"cache-only\" leaves the rows alone",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nnear_miss = 'refused'",
        3,
        "near_miss in [[keyspace]]: unknown policy \"refused\"; did you mean \"refuse\"?",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nunverified = 'refuse'",
        3,
        "unverified needs a source in the same [[keyspace]]",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nsorce = 'main'",
        3,
        "unknown key \"sorce\" in [[keyspace]]; did you mean \"source\"?",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nzzz = 1",
        3,
        "unknown key \"zzz\" in [[keyspace]]; known are pattern, source, load, store, delete, keys, del, near_miss, write, read, ttl, ttl_jitter, negative_ttl, early_refresh, grace, tags, depends_on, events, priority, compress, compress_above, schema, flush_every, flush_batch, flush_most, unverified, unfollowed, outage, feed",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nsource = 'main'",
        3,
        "source in [[keyspace]]: unknown source \"main\"; there is no [source.NAME]",
    ),
    ("[[keyspace]]\npattern = 'a'\nload = 'SELECT 1'", 3, "load needs a source in the same [[keyspace]]"),
    (
        "[[keyspace]]\npattern = 'a'\nwrite = 'write-through'",
        3,
        "write-through needs a source in the same [[keyspace]]",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nwrite = 'write-back'",
        3,
        "write-back needs a source in the same [[keyspace]]",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nwrite = 'write-trough'",
        3,
        "write in [[keyspace]]: unknown strategy \"write-trough\"; did you mean \"write-through\"?",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nread = 'strnog'",
        3,
        "read in [[keyspace]]: unknown level \"strnog\"; did you mean \"strong\"?",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nread = 'bounded'",
        3,
        "read in [[keyspace]]: the level bounded needs its bound, such as \"bounded(2s)\"",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nread = 'bounded(2)'",
        3,
        "read in [[keyspace]]: \"2\" is not a duration; write a number and ms, s, m, h or d, such as \"2s\"",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nttl = '0s'",
        3,
        "ttl in [[keyspace]]: it cannot be nothing; leave it out for entries that live for ever",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nttl_jitter = '110%'",
        3,
        "ttl_jitter in [[keyspace]]: \"110%\" is not a percentage from 0% to 100%; write it such as \"10%\"",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nearly_refresh = '1'",
        3,
        "early_refresh in [[keyspace]] must be a number, not a string",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nearly_refresh = nan",
        3,
        "early_refresh in [[keyspace]] must be from 0 to 1000000",
    ),
    ("[[keyspace]]\npattern = 'a'\npriority = 256", 3, "priority in [[keyspace]] must be from 0 to 255"),
    (
        "[[keyspace]]\npattern = 'a'\ntags = 'x'",
        3,
        "tags in [[keyspace]] must be a list of strings, not a string",
    ),
    (
        "[[keyspace]]\npattern = 'a'\ntags = ['x',\n 5]",
        4,
        "tags in [[keyspace]] must be a list of strings, not an integer",
    ),
    (
        "[[keyspace]]\npattern = 'a:{id}'\ntags = ['x', \n 'y:{idd}']",
        4,
        "tags in [[keyspace]]: \"y:{idd}\": {idd} is not captured by the pattern, and there is no load for columns; did you \
         mean \"id\"?",
    ),
    (
        "[[keyspace]]\npattern = 'a'\nevents = ['e{x}']",
        3,
        "events in [[keyspace]]: \"e{x}\": \"x\" is not an attribute: write name=value",
    ),
    (
        "[[keyspace]]\npattern = 'a'\n[[keyspace.feed]]\ntable = 't'",
        3,
        "a feed needs a source in the same [[keyspace]]",
    ),
    ("a = 1\na = 2", 2, "duplicate key"),
    ("a = \n", 1, "string values must be quoted, expected literal string"),
];

/// The same after a source and a keyspace that is right as far as it goes (line 6 is the first of the given text).
const KEYSPACE_MISTAKES: &[(&str, usize, &str)] = &[
    ("", 5, "a [[keyspace]] with a source needs load"),
    ("load = ' '", 6, "load in [[keyspace]]: it cannot be empty"),
    (
        "load = 'SELECT :ID'",
        6,
        "load in [[keyspace]]: parameter :ID is not captured by the pattern; did you mean \"id\"?",
    ),
    (
        "load = 'SELECT :value'",
        6,
        "load in [[keyspace]]: parameter :value is not captured by the pattern; known are id",
    ),
    ("load = 'SELECT ?'", 6, "load in [[keyspace]]: parameters are written :name, not ?"),
    (
        "load = 'SELECT :id'\nstore = 'UPDATE t SET x = 1 WHERE id = :id'",
        7,
        "store in [[keyspace]]: it does not use :value, the value to be stored",
    ),
    (
        "load = 'SELECT :id'\ndelete = 'DELETE FROM t'",
        7,
        "delete in [[keyspace]]: it does not use :id, so that it would change the rows of other keys",
    ),
    (
        "load = 'SELECT :id'\nwrite = 'write-through'",
        7,
        "write-through needs store, the statement that writes a value",
    ),
    (
        "load = 'SELECT :id'\nfeed = 5",
        7,
        "feed in [[keyspace]] must be tables, each begun with [[keyspace.feed]], not an integer",
    ),
    ("load = 'SELECT :id'\n[[keyspace.feed]]\nkeys = ['a']", 7, "[[keyspace.feed]] needs table"),
    (
        "load = 'SELECT :id'\n[[keyspace.feed]]\ntable = 't'",
        8,
        "[[keyspace.feed]] invalidates nothing: it needs keys, tags or events",
    ),
    (
        "load = 'SELECT :id'\n[[keyspace.feed]]\ntable = 't'\nkey = ['a']",
        9,
        "unknown key \"key\" in [[keyspace.feed]]; did you mean \"keys\"?",
    ),
    (
        "load = 'SELECT :id'\n[[keyspace.feed]]\ntable = 't'\nkeys = ['a:{']",
        9,
        "keys in [[keyspace.feed]]: \"a:{\": a { is never closed (write {{ for the brace itself)",
    ),
    (
        "load = 'SELECT :id'\n[[keyspace.feed]]\ntable = 'Clearwell_changes'\nkeys = ['a']",
        8,
        "tables that begin with clearwell_ are the node's own",
    ),
];

fn mistake(text: &str) -> String {
    match Config::parse(text) {
        Err(error) => error.to_string(),
        Ok(_) => format!("nothing was refused in {text}"),
    }
}

#[test]
fn each_mistake_is_told_with_its_line() {
    let head = format!("{HEAD}[[keyspace]]\npattern = 'post:{{id:int}}'\nsource = 'main'\n");
    let whole = MISTAKES.iter().map(|(text, line, message)| (text.to_string(), line, message));
    let begun =
        KEYSPACE_MISTAKES.iter().map(|(text, line, message)| (format!("{head}{text}"), line, message));
    let (mut told, mut expected) = (Vec::new(), Vec::new());
    for (text, line, message) in whole.chain(begun) {
        told.push(mistake(&text));
        expected.push(format!("clearwell.toml:{line}: {message}"));
    }
    assert_eq!(told, expected);
}

#[test]
fn a_source_that_is_not_there_is_told_with_the_nearest() {
    let text = format!("{HEAD}[[keyspace]]\npattern = 'a'\nsource = 'mian'\nload = 'SELECT 1'");
    let expected =
        "clearwell.toml:5: source in [[keyspace]]: unknown source \"mian\"; did you mean \"main\"?";
    assert_eq!(mistake(&text), expected);
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = Config::parse("[[keyspace]]\npattern = 'a:{id}'").unwrap();
    assert_eq!(
        (config.max_memory, config.late_fill_window_ms, config.feed_poll_ms),
        (256_000_000, 10_000, 5)
    );
    assert_eq!((config.default_ttl_ms, config.password.as_deref()), (3_600_000, None));
    let keyspace = &config.keyspaces[0];
    assert_eq!((keyspace.write, keyspace.read), (Strategy::CacheOnly, Level::Eventual));
    assert_eq!((keyspace.ttl_ms, keyspace.negative_ttl_ms, keyspace.grace_ms), (None, 30_000, 0));
    assert!(Config::parse("").unwrap().keyspaces.is_empty());
}

#[test]
fn everything_can_be_said() {
    let text = "
        max_memory = '1GiB'
        max_entries = 1_000
        eviction = 'lfu'
        late_fill_window = '3s'
        feed_poll = '10ms'
        default_ttl = '1d'
        password = 'secret'
        [source.main]
        url = 'sqlite:///var/lib/posts.db'
        seed = 'CREATE TABLE t (id)'
        timeout = '500ms'
        [[keyspace]]
        pattern = 't:{id:int}'
        source = 'main'
        load = 'SELECT x, y FROM t WHERE id = :id'
        store = 'UPDATE t SET x = :value WHERE id = :id'
        delete = 'DELETE FROM t WHERE id = :id'
        write = 'write-invalidate'
        read = 'bounded(2s)'
        ttl = '1h'
        ttl_jitter = '10%'
        negative_ttl = '5s'
        early_refresh = 1
        grace = '30s'
        tags = ['y:{y}']
        depends_on = ['z:{y}']
        events = ['changed{id={id}}']
        priority = 9
        [[keyspace.feed]]
        table = 't'
        keys = ['t:{id}']
        tags = ['y:{y}']
        events = ['changed{id={id}}']";
    let config = Config::parse(text).unwrap();
    assert_eq!((config.max_memory, config.feed_poll_ms, config.default_ttl_ms), (1 << 30, 10, 86_400_000));
    assert_eq!((config.max_entries, config.eviction), (Some(1_000), super::Eviction::Lfu));
    let source = &config.sources["main"];
    assert_eq!((source.path.as_path(), source.timeout_ms), (Path::new("/var/lib/posts.db"), 500));
    let keyspace = &config.keyspaces[0];
    assert_eq!((keyspace.write, keyspace.read), (Strategy::Invalidate, Level::Bounded(2000)));
    assert_eq!((keyspace.ttl_ms, keyspace.ttl_jitter, keyspace.early_refresh), (Some(3_600_000), 0.1, 1.0));
    assert_eq!((keyspace.priority, keyspace.feeds.len()), (9, 1));
}

#[test]
fn the_sample_is_right_and_its_seed_is_beside_it() {
    let config = Config::default_sample();
    assert_eq!(config.keyspaces.len(), 2);
    assert!(config.sources["main"].seed.as_ref().unwrap().contains("CREATE TABLE posts"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sample.toml");
    assert_eq!(Config::load(&folder).unwrap().sources["main"].seed, config.sources["main"].seed);
}

#[test]
fn a_file_that_is_not_there_is_told_without_a_line() {
    let error = Config::load(Path::new("no-such-folder/clearwell.toml")).unwrap_err();
    assert_eq!(error.line, None);
    assert!(error.to_string().starts_with("no-such-folder/clearwell.toml: "), "{error}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parsers_panic(text in "\\PC*", words in r#"([a-z:{}\[\]'"`?@$/*\- \n=.ü]|\{\{|id|int)*"#) {
        for text in [&text, &words] {
            let _any = (Config::parse(text).is_ok(), crate::syntax::parameters(text).is_ok());
            let _any = crate::syntax::EventTemplate::parse(text).is_ok();
            if let Ok(pattern) = crate::syntax::Pattern::parse(text) {
                for key in [text.as_bytes(), words.as_bytes()] {
                    proptest::prop_assert_eq!(pattern.matches(key), pattern.capture(key).is_some());
                }
            }
        }
    }

    #[test]
    fn a_damaged_sample_is_read_or_refused(at in 0usize..2000, cut in 0usize..40, put in "[a-z\\[\\]{}=\"' \n]{0,3}") {
        let sample = include_str!("../../config/sample.toml").replace("seed_file", "seed");
        let (from, to) = (at.min(sample.len()), (at + cut).min(sample.len()));
        let text = format!("{}{put}{}", &sample[..from], &sample[to..]);
        if let Err(error) = Config::parse(&text) {
            proptest::prop_assert!(error.line.is_some_and(|line| line <= 1 + text.lines().count()), "{}", error);
        }
    }

    #[test]
    fn a_key_made_from_values_is_captured_as_them(id: i64, name in "[^:]{1,8}") {
        let pattern = crate::syntax::Pattern::parse("a:{name}:{id:int}:z").unwrap();
        let captures = pattern.capture(format!("a:{name}:{id}:z").as_bytes()).unwrap();
        let cells: Vec<_> = captures.0.into_iter().map(|(_, cell)| cell).collect();
        proptest::prop_assert_eq!(cells, [clearwell_source::Cell::Text(name.as_str().into()), clearwell_source::Cell::Integer(id)]);
    }
}
