//! A node over a scripted source, its HTTP listener, and a client of it.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use clearwell::metrics::Metrics;
use clearwell::node::Node;
use clearwell::rest::{RestServing, serve};
use tokio::sync::oneshot;

use crate::http::{Answer, call};
use crate::source::{CONFIG, Scripted};

pub struct World {
    pub node: Arc<Node>,
    pub source: Arc<Scripted>,
    pub metrics: Metrics,
    pub serving: RestServing,
    _tasks: oneshot::Sender<()>,
}

impl World {
    pub fn new() -> World {
        World::with("")
    }

    /// With these lines before the usual configuration.
    pub fn with(settings: &str) -> World {
        World::over(&format!("{settings}\n{CONFIG}"))
    }

    /// With this configuration.
    pub fn over(config: &str) -> World {
        let (ready, made) = std::sync::mpsc::channel();
        let (tasks, ended) = oneshot::channel::<()>();
        let config = config.to_owned();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                ready.send(Scripted::node_with(&config)).expect("the test waits");
                let _until_the_world_is_dropped = ended.await;
            });
        });
        let (node, source) = made.recv().expect("a node");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let metrics = Metrics::new();
        let serving = serve(node.clone(), listener, metrics.clone()).expect("a listener");
        World { node, source, metrics, serving, _tasks: tasks }
    }

    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    pub fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        call(self.address(), method, path, headers, body)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], b"")
    }

    pub fn post(&self, path: &str, json: &str) -> Answer {
        self.call("POST", path, &[("Content-Type", "application/json")], json.as_bytes())
    }

    pub fn set(&self, key: &str, json: &str) {
        let answer = self.post(&format!("/api/cache/{key}"), json);
        assert!(matches!(answer.status, 200 | 201), "set {key} {json}: {answer:?}");
    }

    /// The value in the entry's view, as JSON.
    pub fn value(&self, key: &str) -> String {
        let answer = self.get(&format!("/api/cache/{key}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["value"].to_string()
    }
}
