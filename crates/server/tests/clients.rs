//! Unmodified clients and tools do a cache's work. Each runs against a redis-server first, which
//! shows that the check itself is right, and then against a node.

mod clients_rust;
mod clients_tools;
mod support;

use support::{Kind, Server, node, output_of, python};

/// One test per server for a check `fn(&Server)`.
macro_rules! on_both {
    ($($name:ident => $check:path;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn redis_server() {
                $check(&Server::start(Kind::Redis));
            }

            #[test]
            fn clearwell() {
                let server = Server::start(Kind::Clearwell);
                $check(&server);
                server.assert_alive();
            }
        }
    )*};
}

on_both! {
    redis_py_resp2 => redis_py_works_2;
    redis_py_resp3 => redis_py_works_3;
    ioredis => ioredis_works;
    redis_py_listens_2 => redis_py_listens_2;
    redis_py_listens_3 => redis_py_listens_3;
    ioredis_listens => ioredis_listens;
    node_redis => node_redis_works;
    redis_rs_sync => clients_rust::sync_works;
    redis_rs_async => clients_rust::multiplexed_works;
    redis_cli_commands => clients_tools::cli_commands;
    redis_cli_modes => clients_tools::cli_modes;
    redis_cli_pipe => clients_tools::cli_pipe;
    redis_benchmark => clients_tools::benchmark;
}

fn redis_py_works_2(server: &Server) {
    output_of(python("cache_work.py", server).arg("2"), server);
}

fn redis_py_works_3(server: &Server) {
    output_of(python("cache_work.py", server).arg("3"), server);
}

fn redis_py_listens_2(server: &Server) {
    output_of(with_own_channels(python("subscriptions.py", server), server).arg("2"), server);
}

fn redis_py_listens_3(server: &Server) {
    output_of(with_own_channels(python("subscriptions.py", server), server).arg("3"), server);
}

fn ioredis_listens(server: &Server) {
    output_of(&mut with_own_channels(node("subscriptions.cjs", server), server), server);
}

/// Clearwell's own channels are tried where they are.
fn with_own_channels(mut command: std::process::Command, server: &Server) -> std::process::Command {
    command.env("OWN_CHANNELS", if server.kind == Kind::Clearwell { "1" } else { "0" });
    command
}

fn ioredis_works(server: &Server) {
    output_of(&mut node("ioredis.cjs", server), server);
}

fn node_redis_works(server: &Server) {
    output_of(&mut node("node_redis.cjs", server), server);
}
