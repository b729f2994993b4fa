//! A node and its Redis surface in this process.

use std::net::TcpListener;
use std::sync::{Arc, LazyLock};

use clearwell::config::Config;
use clearwell::metrics::Metrics;
use clearwell::node::{Node, Sources};
use clearwell::resp::{RespServing, serve};
use clearwell_protocol::{Limits, Parser, Step};

use crate::support::{Raw, encode};

/// A node that serves on a port of its own; stops with the test.
pub struct Started {
    pub node: Arc<Node>,
    pub serving: RespServing,
}

/// One runtime carries the loads of all nodes of this process.
pub fn tasks() -> tokio::runtime::Handle {
    static TASKS: LazyLock<tokio::runtime::Handle> = LazyLock::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        handle
    });
    TASKS.clone()
}

impl Started {
    /// A node without sources, and two workers.
    pub fn new() -> Started {
        Started::with("")
    }

    /// A node with this configuration, which names no source.
    pub fn with(config: &str) -> Started {
        let config = Config::parse(config).expect("a valid configuration");
        Started::over(Node::over(config, Sources::new(), tasks()).expect("a node"))
    }

    /// A surface over a node.
    pub fn over(node: Arc<Node>) -> Started {
        Started::served(node, &Metrics::new())
    }

    /// A node with this configuration, whose surface counts in `metrics`.
    pub fn counted(config: &str, metrics: &Metrics) -> Started {
        let config = Config::parse(config).expect("a valid configuration");
        Started::served(Node::over(config, Sources::new(), tasks()).expect("a node"), metrics)
    }

    fn served(node: Arc<Node>, metrics: &Metrics) -> Started {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let serving = serve(node.clone(), listener, None, 2, metrics).expect("threads");
        Started { node, serving }
    }

    /// Another connection.
    pub fn connect(&self) -> Raw {
        Raw::connect(self.serving.address())
    }
}

/// Sends a request written as a person types it, and returns its reply as text.
pub fn ask(raw: &mut Raw, request: &str) -> String {
    String::from_utf8_lossy(&raw.call(&words(request))).into_owned()
}

/// Splits a line as an inline request is split.
pub fn words(line: &str) -> Vec<Vec<u8>> {
    let input = format!("{line}\n").into_bytes();
    let mut parser = Parser::new();
    match parser.next(&input, &Limits::default()) {
        Ok(Step::Request { .. }) => parser.args(&input).iter().map(<[u8]>::to_vec).collect(),
        other => panic!("{line:?} is no request: {other:?}"),
    }
}

/// Several requests in one piece.
pub fn batch(requests: &[&str]) -> Vec<u8> {
    requests.iter().flat_map(|request| encode(&words(request))).collect()
}
