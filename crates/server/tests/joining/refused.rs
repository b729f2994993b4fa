//! Nodes that are refused, each with what is wrong and what would be right.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::nodes::{Given, Nodes, launch, start};
use crate::support::wait_for;

const SECRET: &str = "[cluster]\nsecret = \"0123456789abcdef0123456789abcdef\"\n";

/// What a node says that ends instead of serving, or soon after.
fn refused(folder: &Path, name: &str, entrance: &[&str], given: Given<'_>) -> String {
    let mut process = launch(folder, name, entrance, given);
    let status = wait_for("the refusal", || process.ended());
    assert!(!status.success(), "{}", process.output());
    process.output()
}

fn given(config: &str) -> Given<'_> {
    Given { config: Some(config), ..Given::default() }
}

fn has_all(output: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(output.contains(part), "no {part:?} in {output}"));
}

#[test]
fn a_node_of_another_cluster_of_the_same_name_is_told_so() {
    let nodes = Nodes::given(1, given(SECRET));
    let seed = nodes.nodes[0].link.to_string();
    let other = start(nodes.folder(), "other", &["--bootstrap"], given(SECRET));
    drop(other);
    let output = refused(nodes.folder(), "other", &["--join", &seed], given(SECRET));
    has_all(
        &output,
        &[
            &seed,
            "belongs to cluster \"clearwell\" (",
            "take its address out of the seeds",
            "empty data folder",
        ],
    );
    // Nothing is changed by that: it is still a node of its own cluster.
    start(nodes.folder(), "other", &[], given(SECRET));
}

#[test]
fn a_node_with_another_name_or_secret_or_other_keyspaces_is_told_so() {
    let nodes = Nodes::given(1, given(SECRET));
    let seed = nodes.nodes[0].link.to_string();
    let join = |name: &str, config: &str| refused(nodes.folder(), name, &["--join", &seed], given(config));
    let output = join("name", &format!("{SECRET}name = \"other\"\n"));
    has_all(
        &output,
        &["belongs to cluster \"clearwell\" (", "this one to cluster \"other\" (not joined yet)"],
    );
    let output = join("secret", &SECRET.replace("0123", "3210"));
    has_all(&output, &["the secrets differ: all nodes of a cluster need the same one"]);
    let output = join("open", "[cluster]\n");
    has_all(&output, &["the secrets differ"]);
    let output =
        join("keys", &format!("{SECRET}\n[[keyspace]]\npattern = \"post:{{id}}\"\ntags = [\"posts\"]\n"));
    has_all(&output, &["keyspaces are declared differently", "give all nodes the same declarations"]);
    for output in [output, join("other", &format!("{SECRET}name = \"x\"\n"))] {
        assert!(!output.contains("RefusedLink") && !output.contains("Some("), "for people: {output}");
    }
}

#[test]
fn a_node_whose_clock_is_not_sane_is_told_so() {
    let nodes = Nodes::given(1, given(SECRET));
    let seed = nodes.nodes[0].link.to_string();
    let library = ahead_by_an_hour(nodes.folder());
    let given = Given { preload: Some(&library), ..given(SECRET) };
    let output = refused(nodes.folder(), "ahead", &["--join", &seed], given);
    has_all(&output, &["the clock shows 20", "they may differ by 300 s: set both by NTP"]);
}

#[test]
fn a_copy_of_a_data_folder_is_told_that_its_node_runs() {
    let mut nodes = Nodes::given(2, given(SECRET));
    let seed = nodes.nodes[0].link.to_string();
    let gone = nodes.nodes.remove(1);
    let (name, number, data) = (gone.name().to_owned(), gone.number, gone.data().to_owned());
    drop(gone);
    let copied = Command::new("cp").arg("-r").arg(&data).arg(nodes.folder().join("copy")).status();
    assert!(copied.expect("cp runs").success());
    let mut back = start(nodes.folder(), &name, &["--join", &seed], given(SECRET));
    wait_for("the node that is back", || (nodes.nodes[0].listed(number)["incarnation"] == 2).then_some(()));
    let output = refused(nodes.folder(), "copy", &["--join", &seed], given(SECRET));
    has_all(&output, &[&format!("node {number} runs already"), "a data folder is for one process"]);
    assert!(back.process.ended().is_none(), "{}", back.process.output());
    nodes.nodes.push(back);
    nodes.settle();
}

/// A library by which a program sees the wall clock an hour ahead.
fn ahead_by_an_hour(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("ahead.c"), folder.join("ahead.so"));
    let text = "#define _GNU_SOURCE\n#include <sys/syscall.h>\n#include <time.h>\n#include <unistd.h>\n\
                int clock_gettime(clockid_t id, struct timespec *at) {\n\
                  int failed = (int)syscall(SYS_clock_gettime, id, at);\n\
                  if (!failed && id == CLOCK_REALTIME) at->tv_sec += 3600;\n\
                  return failed;\n}\n";
    std::fs::write(&source, text).expect("the temporary folder can be written");
    let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(made.expect("a C compiler is there, as for linking").success());
    library
}
