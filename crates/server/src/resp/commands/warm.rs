//! CW.WARM: jobs that load keys before anyone asks.

use clearwell_engine::Glob;
use clearwell_protocol::options::WarmOptions;
use clearwell_protocol::{Args, CommandError, Encoder, parse_i64};

use super::read::encoded;
use crate::resp::dispatch::Context;
use crate::resp::step::{Outcome, Step};
use crate::warm::{AskedWarming, RATE, RATE_MOST, Refused, Report};

/// CW.WARM KEYS, PATTERN, TAGS: the job's number; with WAIT, how it ended.
pub fn begin(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let options = WarmOptions::parse(args)?;
    let asked = asked(&options)?;
    let job = context.node().warm(&asked).map_err(|refused| match refused {
        Refused::Unclear(why) => CommandError::new(format!("ERR {why}")),
        Refused::TooMany(why) => CommandError::new(format!("TRYAGAIN {why}")),
    })?;
    if !options.wait {
        context.reply().integer(whole(job.id));
        return Ok(Step::Done);
    }
    let resp = context.session.resp;
    Ok(Step::Wait(Box::pin(async move {
        job.ended().await;
        encoded(resp, |reply| tell(reply, &job.report()))
    })))
}

fn asked(options: &WarmOptions<'_>) -> Result<AskedWarming, CommandError> {
    let names = |names: Option<Args<'_>>| -> Vec<Box<[u8]>> {
        names.map_or_else(Vec::new, |n| n.iter().map(Box::from).collect())
    };
    let malformed = |why| CommandError::new(format!("ERR malformed PATTERN: {why}"));
    let pattern = options.pattern.map(Glob::new).transpose().map_err(malformed)?;
    let rate = match options.rate {
        None => RATE,
        Some(rate) => {
            u32::try_from(rate).ok().filter(|rate| (1..=RATE_MOST).contains(rate)).ok_or_else(|| {
                CommandError::new(format!("ERR RATE is 1 to {RATE_MOST} keys a second, not {rate}"))
            })?
        }
    };
    let asked = AskedWarming {
        keys: names(options.keys),
        pattern,
        numbers: None,
        tags: names(options.tags),
        rate,
        refresh: options.refresh,
    };
    match asked.is_empty() {
        true => Err(CommandError::literal("ERR nothing to load; give KEYS, PATTERN or TAGS")),
        false => Ok(asked),
    }
}

/// CW.WARM LIST: the newest first.
pub fn list(context: &mut Context<'_>) -> Outcome {
    let jobs = context.node().warming_jobs();
    let mut reply = context.reply();
    reply.array(jobs.len());
    jobs.iter().for_each(|job| tell(&mut reply, job));
    Ok(Step::Done)
}

/// CW.WARM STATUS: null without such a job.
pub fn status(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let job = context.node().warming_job(id(args)?);
    match job {
        Some(job) => tell(&mut context.reply(), &job),
        None => context.reply().null(),
    }
    Ok(Step::Done)
}

/// CW.WARM CANCEL: whether it was running. When it is answered, nothing of the job begins any more.
pub fn cancel(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let Some((job, true)) = context.node().cancel_warming(id(args)?) else {
        context.reply().integer(0);
        return Ok(Step::Done);
    };
    let resp = context.session.resp;
    Ok(Step::Wait(Box::pin(async move {
        job.ended().await;
        encoded(resp, |reply| reply.integer(1))
    })))
}

fn id(args: Args<'_>) -> Result<u64, CommandError> {
    let id = args.get(2).and_then(parse_i64).and_then(|id| u64::try_from(id).ok());
    id.ok_or(CommandError::literal("ERR a job has a number, as CW.WARM LIST tells it"))
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn tell(reply: &mut Encoder<'_>, job: &Report) {
    let count = |reply: &mut Encoder<'_>, name: &str, value: Option<u64>| {
        reply.bulk(name);
        match value {
            Some(value) => reply.integer(whole(value)),
            None => reply.null(),
        }
    };
    reply.map(19);
    count(reply, "id", Some(job.id));
    reply.bulk("state");
    reply.bulk(job.state.name());
    count(reply, "keys", Some(job.asked.keys));
    reply.bulk("pattern");
    reply.bulk_or_null(job.asked.pattern.as_deref());
    reply.bulk("tags");
    reply.bulks(&job.asked.tags);
    count(reply, "rate", Some(job.asked.rate.into()));
    reply.bulk("refresh");
    reply.boolean(job.asked.refresh);
    count(reply, "total", job.total);
    count(reply, "listed", Some(job.listed));
    count(reply, "loaded", Some(job.loaded));
    count(reply, "present", Some(job.present));
    count(reply, "absent", Some(job.absent));
    count(reply, "without_source", Some(job.without_source));
    count(reply, "failed", Some(job.failed));
    reply.bulk("errors");
    reply.bulks(&job.errors);
    reply.bulk("waiting");
    reply.bulk_or_null(job.waiting.as_deref());
    reply.bulk("started_ms");
    reply.integer(job.started_unix_ms);
    reply.bulk("ended_ms");
    match job.ended_unix_ms {
        Some(at) => reply.integer(at),
        None => reply.null(),
    }
    count(reply, "elapsed_ms", Some(job.elapsed_ms));
}
