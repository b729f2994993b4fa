//! `clearwell replay`: a cache trace against a node, and the search for stale reads.
//!
//! Every request of the trace is a cache-aside read: GET, and on a miss a row of the tool's own database, SET. A share of
//! the requests are writes (commit to that database, then DEL or CW.INVALIDATE) and changes of a whole group of keys. A
//! read is stale when its value is older than the newest one whose invalidation was acknowledged before it was sent.

mod args;
mod checker;
mod dialect;
mod drive;
mod fills;
mod keys;
mod local;
mod progress;
mod report;
mod session;
mod tally;
mod trace;
mod value;
mod workload;
mod zipf;

use std::process::ExitCode;

use clearwell_protocol::Value;

pub use args::ReplayArgs;
use dialect::Dialect;
use report::Report;
use session::ReplaySession;
use trace::TraceReader;
use workload::{Keyed, Workload};
use zipf::Zipf;

use super::wire::{RemoteLink, pairs};

/// Runs `clearwell replay`.
///
/// # Errors
/// In words: why there is no report.
pub fn run(args: &ReplayArgs) -> Result<ExitCode, String> {
    let mix = args.mix()?;
    let (keyed, what) = match &args.file {
        Some(file) => (
            Keyed::Trace(TraceReader::open(file).map_err(|error| error.to_string())?),
            file.display().to_string(),
        ),
        None => {
            let what = format!("a Zipf workload (s = {}, {} keys)", args.zipf, args.keys);
            (Keyed::Zipf(Zipf::new(args.keys, args.zipf)), what)
        }
    };
    let workload = Workload::new(keyed, mix, args.value_size, args.seed);
    let local = if args.addr.is_none() { Some(local::start_local()?) } else { None };
    let addr =
        args.addr.clone().or_else(|| local.as_ref().map(|local| local.addr.clone())).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let (mut control, dialect, wires) =
        runtime.block_on(connect(args, &addr)).map_err(|error| error.to_string())?;
    let before = runtime.block_on(refused(&mut control, dialect));
    let session = ReplaySession::new(args.plan(fastrand::u64(..)), dialect, workload, &args.prefix);
    let mut progress = progress::Progress::new(args.json, &session);
    let driven = drive::drive(&runtime, wires, session, args.duration, &mut |session| progress.show(session));
    progress.clear();
    let (session, took) = driven?;
    let after = runtime.block_on(refused(&mut control, dialect));
    let refused = before.zip(after).map(|(before, after)| after.saturating_sub(before));
    let report = Report { what, addr, dialect, tally: &session.tally, took, refused };
    match args.json {
        true => println!("{}", report.json()),
        false => print!("{}", report.table()),
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn connect(
    args: &ReplayArgs,
    addr: &str,
) -> Result<(RemoteLink, Dialect, Vec<RemoteLink>), super::wire::RemoteError> {
    let password = args.password.as_deref();
    let mut control = RemoteLink::open(addr, password).await?;
    let dialect = Dialect::prepare(&mut control, &args.prefix).await?;
    let mut wires = Vec::new();
    for _ in 0..args.connections {
        wires.push(RemoteLink::open(addr, password).await?);
    }
    Ok((control, dialect, wires))
}

/// How many fills the server has refused so far, by its own count.
async fn refused(wire: &mut RemoteLink, dialect: Dialect) -> Option<u64> {
    if dialect == Dialect::Redis {
        return None;
    }
    let stats = pairs(wire.call(&[b"CW.STATS"]).await.ok()?);
    let counts = stats.iter().filter_map(|(name, count)| match (name.as_bytes()?, count) {
        (b"fills_refused" | b"late_sets_refused", Value::Integer(count)) => u64::try_from(*count).ok(),
        _ => None,
    });
    Some(counts.sum())
}
