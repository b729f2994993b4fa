//! The commands, a file a group: arguments into a verb of the node or its engine, and the answer into bytes.

mod clearwell;
mod client;
mod cluster;
mod config;
mod connection;
mod decimal;
mod dependencies;
mod expiry;
mod held;
mod introspection;
mod invalidation;
mod keys;
mod number;
mod operate;
pub mod pubsub;
mod range;
mod read;
mod refusals;
mod rename;
mod report;
mod scan;
mod server;
mod slow;
pub mod transactions;
mod warm;
mod why;
mod write;
mod writeback;

pub use read::encoded;

use clearwell_protocol::{Args, Command, CommandError, CommandId, Flags, keys as keys_of};

use super::dispatch::Context;
use super::step::Outcome;
use super::topology::Topology;
use crate::node::Removal;

/// Runs one command.
#[inline]
pub fn run(context: &mut Context<'_>, command: &'static Command, args: Args<'_>) -> Outcome {
    match command.id {
        CommandId::Get => read::get(context, args),
        CommandId::Set => write::set(context, args),
        _ => {
            let outcome = run_other(context, command, args);
            if command.flags.has(Flags::WRITE) {
                note_write(context, command, args);
            }
            outcome
        }
    }
}

/// Remembers which keys this connection has deleted or written itself: a SET that follows is no late fill of what it missed
/// before.
fn note_write(context: &mut Context<'_>, command: &'static Command, args: Args<'_>) {
    use CommandId as Id;
    if matches!(command.id, Id::CwWarmKeys | Id::CwWarmPattern | Id::CwWarmTags) {
        return;
    }
    context.session.place.wrote();
    let deletes = matches!(command.id, Id::Del | Id::Unlink | Id::Getdel | Id::CwDel | Id::CwInvalidate);
    if !deletes && context.session.misses.is_empty() {
        return;
    }
    for key in keys_of(command, args).filter_map(|place| args.get(place)) {
        let hash = context.node().hash_of(key);
        match deletes {
            true => context.session.misses.deleted(hash),
            false => context.session.misses.wrote(hash),
        }
    }
}

/// Every command. There is no arm for the rest: a command that nobody serves does not compile.
fn run_other(context: &mut Context<'_>, command: &'static Command, args: Args<'_>) -> Outcome {
    use CommandId as Id;
    let c = context;
    match command.id {
        Id::Get => read::get(c, args),
        Id::Mget => read::mget(c, args),
        Id::Strlen => read::strlen(c, args),
        Id::Getrange | Id::Substr => read::getrange(c, args),
        Id::Exists | Id::Touch => read::exists(c, args),
        Id::Getex => expiry::getex(c, args),
        Id::Set => write::set(c, args),
        Id::Getset => write::getset(c, args),
        Id::Getdel => write::getdel(c, args),
        Id::Setnx => write::setnx(c, args),
        Id::Setex => write::setex(c, args),
        Id::Psetex => write::psetex(c, args),
        Id::Mset => write::mset(c, args),
        Id::Msetnx => write::msetnx(c, args),
        Id::Append => range::append(c, args),
        Id::Setrange => range::setrange(c, args),
        Id::Incr => number::incr(c, args),
        Id::Decr => number::decr(c, args),
        Id::Incrby => number::incrby(c, args),
        Id::Decrby => number::decrby(c, args),
        Id::Incrbyfloat => number::incrbyfloat(c, args),
        Id::Del | Id::Unlink => keys::remove(c, args, Removal::Declared),
        Id::CwDel => keys::remove(c, args, Removal::Row(None)),
        Id::Type => keys::kind(c, args),
        Id::Randomkey => keys::randomkey(c),
        Id::Dbsize => scan::dbsize(c),
        Id::Flushdb | Id::Flushall => keys::flush(c, args),
        Id::ObjectEncoding => keys::encoding(c, args),
        Id::ObjectFreq => keys::freq(c, args),
        Id::ObjectIdletime => keys::idletime(c, args),
        Id::ObjectRefcount => keys::refcount(c, args),
        Id::MemoryUsage => keys::memory_usage(c, args),
        Id::Rename => rename::rename(c, args),
        Id::Renamenx => rename::renamenx(c, args),
        Id::Copy => rename::copy(c, args),
        Id::Keys => scan::keys(c, args),
        Id::Scan => scan::scan(c, args),
        Id::Expire | Id::Pexpire | Id::Expireat | Id::Pexpireat => expiry::expire(c, command, args),
        Id::Ttl | Id::Pttl | Id::Expiretime | Id::Pexpiretime => expiry::ttl(c, command, args),
        Id::Persist => expiry::persist(c, args),
        Id::Hello => connection::hello(c, args),
        Id::Auth => connection::auth(c, args),
        Id::Ping => connection::ping(c, args),
        Id::Echo => connection::echo(c, args),
        Id::Quit => connection::quit(c),
        Id::Reset => connection::reset(c),
        Id::Select => connection::select(c, args),
        Id::ClientId => client::id(c),
        Id::ClientGetname => client::getname(c),
        Id::ClientSetname => client::setname(c, args),
        Id::ClientSetinfo => client::setinfo(c, args),
        Id::ClientList => client::list(c, args),
        Id::ClientInfo => client::info(c),
        Id::ClientKill => client::kill(c, args),
        Id::ClientReply => client::reply(c, args),
        Id::ClientNoEvict => client::no_evict(c, args),
        Id::ClientNoTouch => client::no_touch(c, args),
        Id::ClientPause => client::pause(c, args),
        Id::ClientUnpause => client::unpause(c),
        Id::ClientCapa => client::capa(c, args),
        Id::Info => server::info(c, args),
        Id::Time => server::time(c),
        Id::Role => server::role(c),
        Id::Wait => server::wait(c, args),
        Id::Monitor => server::monitor(c),
        Id::ConfigGet => config::get(c, args),
        Id::ConfigSet => config::set(c, args),
        Id::ConfigResetstat => config::resetstat(c),
        Id::ConfigRewrite => config::rewrite(),
        Id::SlowlogGet => slow::get(c, args),
        Id::SlowlogLen => slow::len(c),
        Id::SlowlogReset => slow::reset(c),
        Id::LatencyLatest => slow::latency_latest(c),
        Id::LatencyHistogram => slow::latency_histogram(c, args),
        Id::LatencyReset => slow::latency_reset(c),
        Id::Multi => transactions::multi(c),
        Id::Exec => transactions::exec(c),
        Id::Discard => transactions::discard(c),
        Id::Watch => transactions::watch(c, args),
        Id::Unwatch => transactions::unwatch(c),
        Id::Subscribe => pubsub::subscribe(c, args, false),
        Id::Psubscribe => pubsub::subscribe(c, args, true),
        Id::Unsubscribe => pubsub::unsubscribe(c, args, false),
        Id::Punsubscribe => pubsub::unsubscribe(c, args, true),
        Id::Publish => pubsub::publish(c, args),
        Id::PubsubChannels => pubsub::channels(c, args),
        Id::PubsubNumsub => pubsub::numsub(c, args),
        Id::PubsubNumpat => pubsub::numpat(c),
        Id::ClusterSlots => cluster::tell(c, Topology::slots),
        Id::ClusterShards => cluster::tell(c, Topology::shards),
        Id::ClusterNodes => cluster::tell(c, Topology::describe),
        Id::ClusterInfo => cluster::tell(c, Topology::info),
        Id::ClusterMyid | Id::ClusterMyshardid => cluster::tell(c, Topology::my_id),
        Id::ClusterLinks => cluster::tell(c, |_, reply| reply.array(0)),
        Id::ClusterCountFailureReports => cluster::failure_reports(c, args),
        Id::ClusterKeyslot => cluster::keyslot(c, args),
        Id::ClusterCountkeysinslot => cluster::countkeysinslot(c, args),
        Id::ClusterGetkeysinslot => cluster::getkeysinslot(c, args),
        Id::Asking | Id::Readonly | Id::Readwrite => cluster::accept(c),
        Id::CwGet => clearwell::get(c, args),
        Id::CwSet => clearwell::set(c, args),
        Id::CwDependencies => dependencies::dependencies(c, args),
        Id::CwWhy => why::why(c, args),
        Id::CwClusterStatus => operate::status(c),
        Id::CwClusterLeave => operate::leave(c),
        Id::CwClusterForget => operate::forget(c, args),
        Id::CwClusterReplicas => operate::replicas(c, args),
        Id::CwClusterWeight => operate::weight(c, args),
        Id::CwClusterEpoch => operate::epoch(c),
        Id::CwHeldList => held::list(c, args),
        Id::CwHeldCancel => held::cancel(c, args),
        Id::CwEntry => clearwell::entry(c, args),
        Id::CwRefusedGet => refusals::get(c, args),
        Id::CwRefusedLen => refusals::len(c),
        Id::CwRefusedReset => refusals::reset(c),
        Id::CwStats => clearwell::stats(c),
        Id::CwWarmKeys | Id::CwWarmPattern | Id::CwWarmTags => warm::begin(c, args),
        Id::CwWarmList => warm::list(c),
        Id::CwWarmStatus => warm::status(c, args),
        Id::CwWarmCancel => warm::cancel(c, args),
        Id::CwWritebackStatus => writeback::status(c),
        Id::CwWritebackList => writeback::list(c, args),
        Id::CwWritebackRetry => writeback::retry(c, args),
        Id::CwWritebackDrop => writeback::give_up(c, args),
        Id::CwWritebackFlush => writeback::flush(c),
        Id::CwInvalidate => invalidation::invalidate(c, args),
        Id::CwEvent => invalidation::event(c, args),
        Id::Command => introspection::command(c),
        Id::CommandCount => introspection::count(c),
        Id::CommandInfo => introspection::info(c, args),
        Id::CommandDocs => introspection::docs(c, args),
        Id::CommandList => introspection::list(c, args),
        Id::CommandGetkeys => introspection::getkeys(c, args, false),
        Id::CommandGetkeysandflags => introspection::getkeys(c, args, true),
        Id::Help => introspection::help(c, args),
        // Never resolved to by themselves: their subcommands are.
        Id::Object
        | Id::Client
        | Id::Config
        | Id::Memory
        | Id::Slowlog
        | Id::Latency
        | Id::Pubsub
        | Id::CwCluster
        | Id::Cluster
        | Id::CwHeld
        | Id::CwWarm
        | Id::CwWriteback
        | Id::CwRefused => Err(CommandError::wrong_arity(command.name)),
    }
}
