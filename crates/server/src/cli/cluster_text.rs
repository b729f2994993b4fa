//! The state of a cluster for people.

use serde_json::Value as Json;

use super::table::{TextTable, cell};

/// A head, the sentences, and a table of the nodes.
pub fn shown(status: &Json) -> String {
    let number = |name: &str| status[name].as_u64().unwrap_or_default();
    let says = status["says"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let says: String = says.map(|say| format!("- {}\n", folded(say))).collect();
    format!(
        "cluster {}, view {}: {}\n{} slots with {} {} each; this node serves {} of them, for {}\n\n{says}\n{}",
        cell(&status["name"]),
        number("epoch"),
        if number("settled") == 1 { "settled" } else { "slots are on their way" },
        number("slots"),
        number("replicas"),
        if number("replicas") == 1 { "replica" } else { "replicas" },
        number("serves"),
        milliseconds(&status["lease_left_ms"]),
        nodes(status).text(),
    )
}

fn nodes(status: &Json) -> TextTable {
    let mut table = TextTable::new(&[
        "NODE",
        "STATE",
        "VOTER",
        "WEIGHT",
        "OWNS",
        "FOLLOWS",
        "GAINS",
        "VIEW",
        "LEASE",
        "TO GIVE",
        "UNCONFIRMED",
        "LINK",
        "RESP",
        "HTTP",
    ]);
    for node in status["nodes"].as_array().into_iter().flatten() {
        let own = &node["own"];
        let unconfirmed = match (own["unconfirmed"].as_u64(), own["unconfirmed_ms"].as_u64()) {
            (Some(0), _) => "0".to_owned(),
            (Some(count), Some(ms)) => format!("{count}, {ms} ms"),
            _ => "-".to_owned(),
        };
        let voter = if node["voter"].as_u64() == Some(1) { "yes" } else { "no" };
        table.row([
            cell(&node["node"]),
            cell(&node["state"]),
            voter.to_owned(),
            cell(&node["weight"]),
            cell(&node["owns"]),
            cell(&node["follows"]),
            cell(&node["gains"]),
            cell(&own["epoch"]),
            milliseconds(&own["lease_left_ms"]),
            cell(&own["to_give"]),
            unconfirmed,
            cell(&node["link"]),
            cell(&node["resp"]),
            cell(&node["http"]),
        ]);
    }
    table
}

fn milliseconds(value: &Json) -> String {
    value.as_u64().map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"))
}

/// A sentence in lines of a terminal's width.
fn folded(text: &str) -> String {
    const WIDTH: usize = 100;
    let (mut folded, mut line) = (String::new(), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if line > 0 && line + 1 + length > WIDTH {
            folded.push_str("\n  ");
            line = 0;
        } else if line > 0 {
            folded.push(' ');
            line += 1;
        }
        folded.push_str(word);
        line += length;
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_a_head_sentences_and_a_table() {
        let node = |number: u64, own: Json| {
            serde_json::json!({
                "node": number.to_string(), "state": "up", "voter": 1, "weight": 100, "owns": 8192, "follows": 8192, "gains": 0,
                "link": "127.0.0.1:7381", "resp": "127.0.0.1:7379", "http": "127.0.0.1:7380", "own": own,
            })
        };
        let own = serde_json::json!({"epoch": 3, "lease_left_ms": 900, "to_give": 0, "unconfirmed": 2, "unconfirmed_ms": 7});
        let status = serde_json::json!({
            "name": "posts", "node": "1", "epoch": 3, "voters": ["1"], "slots": 16384, "replicas": 1, "settled": 1, "serves": 8192,
            "lease_left_ms": 900, "says": ["All is well.", "word ".repeat(40).trim()], "nodes": [node(1, own), node(2, Json::Null)],
        });
        let shown = shown(&status);
        let head = "cluster posts, view 3: settled\n16384 slots with 1 replica each; this node serves 8192 of them, for 900 ms\n\n- All is well.\n- word";
        assert!(shown.starts_with(head), "{shown}");
        let mut says = shown.lines().take_while(|line| !line.starts_with("NODE"));
        assert!(says.all(|line| line.len() <= 102), "{shown}");
        assert!(shown.contains("2, 7 ms") && shown.contains("   -  "), "{shown}");
    }
}
