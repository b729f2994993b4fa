//! CW.WHY, CW.HELD and CW.DEPENDENCIES without a key; events and modes as they are refused.

use crate::started::{Started, ask};

#[test]
fn cw_why_tells_every_step_of_this_very_key() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "HELLO 3");
    ask(&mut raw, "CW.INVALIDATE EVERYTHING");
    assert!(ask(&mut raw, "CW.WHY k").contains("$5\r\nstate\r\n$5\r\nnever\r\n"));
    ask(&mut raw, "CW.SET k v TAGS 1 t");
    ask(&mut raw, "GET k");
    ask(&mut raw, "CW.INVALIDATE TAGS 1 t");
    let why = ask(&mut raw, "CW.WHY k");
    let mut at = 0;
    for part in [
        "$5\r\nstate\r\n$11\r\ninvalidated\r\n",
        "$8\r\ncomplete\r\n#t\r\n",
        "$5\r\nsteps\r\n*3\r\n",
        "$7\r\ncreated\r\n",
        "$8\r\naccessed\r\n",
        "$11\r\ninvalidated\r\n",
        "$5\r\nscope\r\n$3\r\ntag\r\n$4\r\nname\r\n$1\r\nt\r\n",
        "$5\r\ncause\r\n$7\r\ncommand\r\n",
        "$8\r\nposition\r\n:2\r\n",
    ] {
        at += why[at..].find(part).unwrap_or_else(|| panic!("{part:?} in {why}")) + part.len();
    }
}

#[test]
fn cw_held_lists_and_takes_back() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "SET k v");
    assert!(ask(&mut raw, "CW.INVALIDATE KEYS 1 k MODE delayed:1h").contains("held\r\n:1\r\n"));
    assert!(ask(&mut raw, "CW.INVALIDATE KEYS 1 k MODE on-event:go{zone=eu*}").contains("held\r\n:1\r\n"));
    let list = ask(&mut raw, "CW.HELD LIST");
    for part in ["delayed:1h", "on-event:go{zone=eu*}", "$2\r\nid\r\n:1\r\n", "$2\r\nid\r\n:2\r\n"] {
        assert!(list.contains(part), "{part} in {list}");
    }
    assert!(ask(&mut raw, "CW.HELD LIST COUNT 1 AFTER 1").starts_with("*1\r\n"));
    assert_eq!(ask(&mut raw, "CW.HELD CANCEL 1 9"), ":1\r\n");
    assert!(ask(&mut raw, "CW.EVENT go zone us").contains("reached\r\n:0\r\n"));
    assert_eq!(ask(&mut raw, "GET k"), "$1\r\nv\r\n");
    // Whoever invalidates by an event says that it happened.
    ask(&mut raw, "CW.INVALIDATE EVENT go ATTRIBUTES 1 zone eu1");
    assert_eq!(ask(&mut raw, "GET k"), "$-1\r\n");
    assert_eq!(ask(&mut raw, "CW.HELD LIST"), "*0\r\n");
    assert_eq!(ask(&mut raw, "CW.HELD CANCEL ALL"), ":0\r\n");
}

#[test]
fn a_malformed_event_is_refused_by_both_commands_in_the_same_words() {
    let started = Started::new();
    let mut raw = started.connect();
    for name in ["\"\"", "user_updated{user_id=3}", "\"a b\"", "user_*", "\"[\""] {
        let told = ask(&mut raw, &format!("CW.EVENT {name}"));
        let asked = ask(&mut raw, &format!("CW.INVALIDATE EVENT {name}"));
        assert!(told.starts_with("-ERR malformed event '"), "{name}: {told}");
        assert_eq!(told, asked, "{name}");
    }
    for event in ["CW.EVENT e a 1 a 2", "CW.INVALIDATE EVENT e ATTRIBUTES 2 a 1 a 2"] {
        assert_eq!(ask(&mut raw, event), "-ERR malformed event 'e': attribute \"a\" is given twice\r\n");
    }
    let refused = ask(&mut raw, "CW.INVALIDATE EVENT e ATTRIBUTES 1 a [x");
    assert_eq!(
        refused,
        "-ERR malformed event 'e': in the value of attribute \"a\": pattern opens a '[' at byte 0 that nothing closes\r\n"
    );
    assert!(ask(&mut raw, "CW.EVENT e a [x").starts_with('*'), "what happened may hold anything");
}

#[test]
fn cw_dependencies_without_a_key_lists_all() {
    let started = Started::new();
    let mut raw = started.connect();
    ask(&mut raw, "HELLO 3");
    for n in 0..5 {
        ask(&mut raw, &format!("CW.SET page:{n} v DEPENDS 1 user:{n}"));
    }
    let page = ask(&mut raw, "CW.DEPENDENCIES COUNT 3");
    assert_eq!(page.matches("$5\r\nvalid\r\n").count(), 3, "{page}");
    let (_, after) = page.split_once("$6\r\ncursor\r\n").expect("a cursor");
    let cursor = after.split("\r\n").nth(1).expect("its text").to_owned();
    let rest = ask(&mut raw, &format!("CW.DEPENDENCIES CURSOR {cursor} COUNT 100"));
    assert_eq!(rest.matches("$5\r\nvalid\r\n").count(), 2, "{rest}");
    let deep = ask(&mut raw, "CW.DEPENDENCIES user:1 TRANSITIVE");
    assert!(deep.contains("$5\r\nedges\r\n*1\r\n*2\r\n$6\r\npage:1\r\n$6\r\nuser:1\r\n"), "{deep}");
    assert!(ask(&mut raw, "CW.DEPENDENCIES CURSOR nonsense").starts_with("-ERR the cursor is not one"));
}
