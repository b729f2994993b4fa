//! The table of figures. A new figure is a row here, and nothing else.

use super::{Figure, Label, Labelled, Moves, Snapshot, Unit, Value, human_bytes};
use crate::keyspace::ValueFigures;
use crate::metrics::{BadInput, KeyspaceFigures, StageFigures, Timed};
use crate::node::FeedReport;
use Unit::{Bytes, Count, Millis, PerSecond, Seconds, Share, Text};

/// By source.
pub(super) static SOURCE: Label = Label { name: "source", plural: "sources" };
/// By keyspace.
pub(super) static KEYSPACE: Label = Label { name: "keyspace", plural: "keyspaces" };
/// By what an operation does.
pub(super) static KIND: Label = Label { name: "kind", plural: "kinds" };
/// By what was wrong.
pub(super) static WHY: Label = Label { name: "why", plural: "refusals" };

/// By what a message between nodes is for.
pub(super) static MESSAGE: Label = Label { name: "message", plural: "messages" };

/// Every figure, in the order in which surfaces tell them.
#[rustfmt::skip]
pub static FIGURES: &[Figure] = &[
    // Reads.
    Figure::gauge("hit_rate", Share, "Hits of all reads", |s| s.of_reads(s.account.hits).into()),
    Figure::gauge("miss_rate", Share, "Misses of all reads", |s| s.of_reads(s.account.misses).into()),
    Figure::counter("hits", Count, "Reads answered from memory", |s| s.account.hits.into()),
    Figure::counter("stale_hits", Count, "Reads answered from memory with a value marked stale, which the reader allowed", |s| s.account.stale_hits.into()),
    Figure::counter("memory_hits", Count, "Reads answered from memory, with stale values or without", |s| s.account.hits.saturating_add(s.account.stale_hits).into()).info("Stats", "keyspace_hits"),
    Figure::counter("misses", Count, "Reads that memory could not answer", |s| s.account.misses.into()).info("Stats", "keyspace_misses"),

    // Loads and what became of them.
    Figure::counter("fills", Count, "Values stored after a load", |s| s.account.fills.into()),
    Figure::counter("fills_refused", Count, "Loaded values dropped because something covering them was invalidated after the load began", |s| s.account.fills_refused.into()).rest("refusedLoads"),
    Figure::counter("late_sets_refused", Count, "Plain sets dropped because they may have been late fills", |s| s.account.offers_refused.into()).rest("refusedSets").prometheus("offers_refused"),
    Figure::counter("late_fills_refused", Count, "Late fills dropped, of loads and of plain sets", |s| s.account.fills_refused.saturating_add(s.account.offers_refused).into()).rest("refusedFills"),
    Figure::counter("near_misses_refused", Count, "Writes refused because their key nearly matches a keyspace", |s| s.near_misses.0.into()),
    Figure::counter("near_misses_warned", Count, "Writes and reads of keys that nearly match a keyspace, which it warns of", |s| s.near_misses.1.into()),
    Figure::counter("early_refreshes", Count, "Loads begun before an entry expired", |s| s.account.early_refreshes.into()),
    Figure::gauge("flights", Count, "Loads in progress", |s| s.account.flights.into()),
    Figure::gauge("outstanding_misses", Count, "Misses that a plain set may still fill", |s| s.account.outstanding_misses.into()),

    // Warming.
    Figure::gauge("warm_jobs_running", Count, "Jobs that load keys before anybody asks, under way", |s| s.warming.running.into()),
    Figure::counter("warm_loaded", Count, "Keys that warming loaded", |s| s.warming.loaded.into()),
    Figure::counter("warm_present", Count, "Keys that warming found in memory and fresh", |s| s.warming.present.into()),
    Figure::counter("warm_absent", Count, "Keys that warming found no row of", |s| s.warming.absent.into()),
    Figure::counter("warm_failed", Count, "Keys that warming could not load", |s| s.warming.failed.into()),

    // Entries and memory.
    Figure::gauge("entries", Count, "Entries in memory", |s| s.account.entries.into()).rest("totalKeys"),
    Figure::gauge("negative_entries", Count, "Entries that remember an absent row", |s| s.account.negative_entries.into()),
    Figure::gauge("entries_with_ttl", Count, "Entries that expire", |s| s.account.entries_with_ttl.into()),
    Figure::gauge("memory_bytes", Bytes, "Bytes of entries and of what is kept beside them", |s| s.account.memory_bytes.into()).info("Memory", "used_memory"),
    Figure::gauge("memory_usage", Text, "The same for people", |s| Value::Text(human_bytes(s.account.memory_bytes))),
    Figure::gauge("max_memory_bytes", Bytes, "Bytes that memory_bytes may reach", |s| s.max_memory.into()).prometheus("memory_max_bytes").info("Memory", "maxmemory"),
    Figure::gauge("max_entries", Count, "Entries that there may be; 0: as many as fit", |s| s.max_entries.unwrap_or(0).into()).info("Memory", "clearwell_max_entries"),
    Figure::gauge("eviction", Text, "Who leaves first when memory or the number of entries is at its limit", |s| Value::Text(s.eviction.to_string())).info("Memory", "clearwell_eviction"),
    Figure::gauge("tags", Count, "Tags known", |s| s.account.tags.into()),
    Figure::gauge("key_marks", Count, "Invalidated keys remembered without an entry", |s| s.account.key_marks.into()),

    // Why entries went.
    Figure::counter("invalidations", Count, "Invalidations applied", |s| s.account.invalidations.into()),
    Figure::counter("evicted", Count, "Entries removed for space", |s| s.account.evicted.into()).rest("evictions").prometheus("entries_evicted").info("Stats", "evicted_keys"),
    Figure::counter("expired", Count, "Entries removed for time", |s| s.account.expired.into()).rest("expirations").prometheus("entries_expired").info("Stats", "expired_keys"),
    Figure::counter("invalidated", Count, "Entries removed because the fact changed", |s| s.account.invalidated.into()).rest("invalidatedEntries").prometheus("entries_invalidated").info("Stats", "clearwell_invalidated_keys"),
    Figure::counter("removed", Count, "Entries removed because a client asked", |s| s.account.removed.into()).rest("removals").prometheus("entries_removed").info("Stats", "clearwell_removed_keys"),
    Figure::gauge("held", Count, "Scopes held for a time or an event", |s| s.held.into()),
    Figure::counter("position", Count, "The last position of the stream of what happened", |s| s.position.into()),

    // Values.
    Figure::each(&KEYSPACE, "compressed_values", Count, Moves::Counter, "Values kept compressed, as often as they were stored", |s| of_values(s, |f| f.packed.into())),
    Figure::each(&KEYSPACE, "compressed_plain_bytes", Bytes, Moves::Counter, "Their bytes before", |s| of_values(s, |f| f.plain_bytes.into())),
    Figure::each(&KEYSPACE, "compressed_bytes", Bytes, Moves::Counter, "Their bytes after", |s| of_values(s, |f| f.packed_bytes.into())),
    Figure::each(&KEYSPACE, "compression_ratio", Share, Moves::Gauge, "What part of their bytes is left", |s| of_values(s, |f| Value::Real(f.ratio()))),
    Figure::each(&KEYSPACE, "incompressible_values", Count, Moves::Counter, "Values kept as they are because compressing them did not pay", |s| of_values(s, |f| f.incompressible.into())),
    Figure::each(&KEYSPACE, "values_refused", Count, Moves::Counter, "Values of clients that the keyspace's schema refused", |s| of_values(s, |f| f.refused.into())),
    Figure::each(&KEYSPACE, "loads_invalid", Count, Moves::Counter, "Loaded values, served all the same, that its schema would have refused", |s| of_values(s, |f| f.loaded_invalid.into())),

    // Sources.
    Figure::gauge("unverified_sources", Count, "Sources whose changes may be missed just now", unverified),
    Figure::counter("gaps", Count, "How often changes of a source may have been missed, so that everything was invalidated", |s| s.feeds.iter().map(|feed| feed.figures.gaps).sum::<u64>().into()),
    Figure::each(&SOURCE, "verified", Count, Moves::Gauge, "0 while changes in the source may be missed, or a keyspace of it is not followed; else 1", |s| of_feeds(s, |f| u64::from(f.is_verified()).into())).info("Sources", "verified"),
    Figure::each(&SOURCE, "unverified", Count, Moves::Gauge, "1 while changes in the source may be missed, or a keyspace of it is not followed; else 0", |s| of_feeds(s, |f| u64::from(!f.is_verified()).into())).info("Sources", "unverified"),
    Figure::each(&SOURCE, "unfollowed_keyspaces", Count, Moves::Gauge, "Keyspaces that no feed follows, or not in all that they load", |s| of_feeds(s, |f| (f.unfollowed.len() as u64).into())).info("Sources", "unfollowed_keyspaces"),
    Figure::each(&SOURCE, "behind_ms", Millis, Moves::Gauge, "Time since its changes were last known to be complete", |s| of_feeds(s, |f| f.behind_ms.into())).info("Sources", "behind_ms"),
    Figure::each(&SOURCE, "version", Count, Moves::Gauge, "The last of its commits that was told of, in its own order", |s| of_feeds(s, |f| f.figures.version.0.into())).info("Sources", "version"),
    Figure::each(&SOURCE, "gaps", Count, Moves::Counter, "How often its changes may have been missed, so that everything was invalidated", |s| of_feeds(s, |f| f.figures.gaps.into())).info("Sources", "gaps"),
    Figure::each(&SOURCE, "unverified_times", Count, Moves::Counter, "How often the source became unverified", |s| of_feeds(s, |f| f.figures.times.into())).info("Sources", "unverified_times"),
    Figure::each(&SOURCE, "unverified_ms", Millis, Moves::Counter, "For how long it was unverified", |s| of_feeds(s, |f| f.figures.unverified_ms.into())).info("Sources", "unverified_ms"),

    // Write-back.
    Figure::gauge("dirty_keys", Count, "Keys with a write that the source does not have yet", |s| s.write_back.dirty.into()).prometheus("write_back_dirty_keys").info("Persistence", "clearwell_write_back_dirty"),
    Figure::gauge("dirty_bytes", Bytes, "Bytes of those writes", |s| s.write_back.dirty_bytes.into()).prometheus("write_back_dirty_bytes").info("Persistence", "clearwell_write_back_dirty_bytes"),
    Figure::gauge("dirty_oldest_ms", Millis, "Age of the oldest of those writes", |s| s.write_back.oldest_ms.into()).prometheus("write_back_oldest_ms").info("Persistence", "clearwell_write_back_oldest_ms"),
    Figure::gauge("parked_writes", Count, "Writes that a source refused and that wait for a decision", |s| s.write_back.parked.into()).prometheus("write_back_parked").info("Persistence", "clearwell_write_back_parked"),
    Figure::counter("write_back_flushed", Count, "Write-back writes that their source took", |s| s.write_back.flushed.into()).info("Persistence", "clearwell_write_back_flushed"),
    Figure::counter("write_back_refused", Count, "Write-back writes that their source refused", |s| s.write_back.refused.into()).info("Persistence", "clearwell_write_back_refused"),
    Figure::counter("write_back_superseded", Count, "Parked writes that fell because the source took a newer one of their key", |s| s.write_back.superseded.into()).info("Persistence", "clearwell_write_back_superseded"),
    Figure::counter("journal_records", Count, "Records appended to the journal", |s| s.write_back.journal_records.into()).info("Persistence", "clearwell_write_back_journal_records"),
    Figure::counter("journal_syncs", Count, "Syncs of the journal", |s| s.write_back.journal_syncs.into()).info("Persistence", "clearwell_write_back_journal_syncs"),
    Figure::counter("journal_failures", Count, "Groups of writes that the journal refused", |s| s.write_back.journal_failures.into()).info("Persistence", "clearwell_write_back_journal_failures"),
    Figure::gauge("journal_bytes", Bytes, "Bytes of the journal on the disk", |s| s.write_back.journal_bytes.into()).info("Persistence", "clearwell_write_back_journal_bytes"),
    Figure::gauge("journal_damaged", Count, "Things wrong with the journal's files at the start", |s| s.write_back.journal_damaged.into()).info("Persistence", "clearwell_write_back_journal_damaged"),

    // The cluster, as this node sees it; zeros of a node alone.
    Figure::gauge("cluster_epoch", Count, "The view that this node follows; 0: none, or it is alone", |s| s.cluster.epoch.into()).info("Cluster", "clearwell_cluster_epoch"),
    Figure::gauge("cluster_members", Count, "Nodes with a place or a voice in that view", |s| s.cluster.members.into()).info("Cluster", "clearwell_cluster_members"),
    Figure::gauge("cluster_voters_answering", Count, "Nodes with a voice that answer", |s| s.cluster.voters_answering.into()).info("Cluster", "clearwell_cluster_voters_answering"),
    Figure::gauge("cluster_voters_needed", Count, "How many of them have to answer: with fewer, nothing is acknowledged here", |s| s.cluster.voters_needed.into()).info("Cluster", "clearwell_cluster_voters_needed"),
    Figure::gauge("cluster_slots_owned", Count, "Slots that the view gives to this node", |s| s.cluster.owned.into()).info("Cluster", "clearwell_cluster_slots_owned"),
    Figure::gauge("cluster_slots_served", Count, "Slots that this node serves now", |s| s.cluster.served.into()).info("Cluster", "clearwell_cluster_slots_served"),
    Figure::gauge("cluster_slots_followed", Count, "Slots that this node is a replica of", |s| s.cluster.followed.into()).info("Cluster", "clearwell_cluster_slots_followed"),
    Figure::gauge("cluster_slots_stranded", Count, "Slots that no node has that answers", |s| s.cluster.stranded.into()).info("Cluster", "clearwell_cluster_slots_stranded"),
    Figure::gauge("cluster_slots_to_give", Count, "Slots that this node has still to give to others, once for each of these", |s| s.cluster.to_give.into()).info("Cluster", "clearwell_cluster_slots_to_give"),
    Figure::gauge("cluster_lease_left_ms", Millis, "For how long this node may still act as an owner; 0: it acknowledges nothing", |s| s.cluster.lease_left_ms.into()).info("Cluster", "clearwell_cluster_lease_left_ms"),
    Figure::gauge("cluster_unconfirmed_records", Count, "Records that this node sent to others and that no word of theirs confirms", |s| s.cluster.unconfirmed.into()).info("Cluster", "clearwell_cluster_unconfirmed_records"),
    Figure::gauge("cluster_unconfirmed_ms", Millis, "For how long a node that answers has confirmed none of those that it was sent, the longest", |s| s.cluster.unconfirmed_ms.into()).info("Cluster", "clearwell_cluster_unconfirmed_ms"),
    Figure::counter("cluster_forwarded", Count, "Commands whose keys another node serves, and that were sent to it", |s| s.cluster.forwarded.into()).info("Cluster", "clearwell_cluster_forwarded"),
    Figure::each(&MESSAGE, "sent", Count, Moves::Counter, "Messages for other nodes", |s| of_messages(s, |(_, sent, _)| *sent)).prometheus("cluster_messages_sent").info("Cluster", "sent"),
    Figure::each(&MESSAGE, "dropped", Count, Moves::Counter, "Those of them that were dropped: for want of room or of a connection, or because they waited too long", |s| of_messages(s, |(_, _, dropped)| *dropped)).prometheus("cluster_messages_dropped").info("Cluster", "dropped"),

    // Keyspaces: reads and writes, loads, and how long what changed in a source stayed.
    Figure::each(&KEYSPACE, "hits", Count, Moves::Counter, "Reads answered from memory", |s| of_keyspaces(s, |f| f.totals.reads.hits.into())).of_the_window().info("Stats", "hits"),
    Figure::each(&KEYSPACE, "stale_hits", Count, Moves::Counter, "Reads answered from memory with a stale value, which the reader or an outage allowed", |s| of_keyspaces(s, |f| f.totals.reads.stale_hits.into())).of_the_window().info("Stats", "stale_hits"),
    Figure::each(&KEYSPACE, "misses", Count, Moves::Counter, "Reads that memory could not answer", |s| of_keyspaces(s, |f| f.totals.reads.misses.into())).of_the_window().info("Stats", "misses"),
    Figure::each(&KEYSPACE, "direct_reads", Count, Moves::Counter, "Reads that memory was not asked for: answered by the source, or by a write that it does not have yet", |s| of_keyspaces(s, |f| f.totals.direct.into())).of_the_window().info("Stats", "direct_reads"),
    Figure::each(&KEYSPACE, "writes", Count, Moves::Counter, "Values written, changed and removed by clients", |s| of_keyspaces(s, |f| f.totals.writes.into())).of_the_window().info("Stats", "writes"),
    Figure::each(&KEYSPACE, "hit_rate", Share, Moves::Gauge, "Reads answered from memory, of all that it was asked for in the last minute", |s| of_keyspaces(s, |f| f.recent.hit_rate().into())).of_the_window().info("Stats", "hit_rate"),
    Figure::each(&KEYSPACE, "operations_per_second", PerSecond, Moves::Gauge, "Reads and writes a second, of the last minute", |s| of_keyspaces(s, |f| f.operations_per_second().into())).of_the_window().info("Stats", "operations_per_second"),
    Figure::each(&KEYSPACE, "loads", Count, Moves::Counter, "Loads from the source", |s| of_keyspaces(s, |f| all(&f.loads).into())).of_the_window().info("Stats", "loads"),
    Figure::each(&KEYSPACE, "loads_failed", Count, Moves::Counter, "Loads that ended in an error", |s| of_keyspaces(s, |f| failed(&f.loads).into())).of_the_window().info("Stats", "loads_failed"),
    Figure::each(&KEYSPACE, "load_p50_ms", Millis, Moves::Gauge, "What half of the loads of the last minute did not exceed", |s| of_keyspaces(s, |f| f.loads.recent.p50_ms.into())).of_the_window().info("Stats", "load_p50_ms"),
    Figure::each(&KEYSPACE, "load_p99_ms", Millis, Moves::Gauge, "What 99 % of the loads of the last minute did not exceed", |s| of_keyspaces(s, |f| f.loads.recent.p99_ms.into())).of_the_window().info("Stats", "load_p99_ms"),
    Figure::each(&KEYSPACE, "load_max_ms", Millis, Moves::Gauge, "The longest load of the last minute", |s| of_keyspaces(s, |f| f.loads.recent.max_ms.into())).of_the_window().info("Stats", "load_max_ms"),
    Figure::each(&KEYSPACE, "commits", Count, Moves::Counter, "Commits in the source that can have reached its keys and invalidated something", |s| of_keyspaces(s, |f| all(&f.applied).into())).of_the_window().info("Stats", "commits"),
    Figure::each(&KEYSPACE, "recent_commits", Count, Moves::Gauge, "Those of the last minute", |s| of_keyspaces(s, |f| f.applied.recent.count.into())).of_the_window().info("Stats", "recent_commits"),
    Figure::each(&KEYSPACE, "commit_to_applied_p50_ms", Millis, Moves::Gauge, "What half of them did not exceed from the commit to its effect here", |s| of_keyspaces(s, |f| f.applied.recent.p50_ms.into())).of_the_window().info("Stats", "commit_to_applied_p50_ms"),
    Figure::each(&KEYSPACE, "commit_to_applied_p99_ms", Millis, Moves::Gauge, "What 99 % of them did not exceed from the commit to its effect here", |s| of_keyspaces(s, |f| f.applied.recent.p99_ms.into())).of_the_window().info("Stats", "commit_to_applied_p99_ms"),
    Figure::each(&KEYSPACE, "commit_to_applied_max_ms", Millis, Moves::Gauge, "The longest of them from the commit to its effect here", |s| of_keyspaces(s, |f| f.applied.recent.max_ms.into())).of_the_window().info("Stats", "commit_to_applied_max_ms"),

    // Invalidations, from the commit in a source, or from the request, to their effect.
    Figure::each(&SOURCE, "commits", Count, Moves::Counter, "Commits that invalidated something", |s| of_stages(s, |f| f.applied.into())).of_the_window().info("Sources", "commits"),
    Figure::each(&SOURCE, "recent_commits", Count, Moves::Gauge, "Those of the last minute", |s| of_stages(s, |f| f.received_to_applied.recent.count.into())).of_the_window().info("Sources", "recent_commits"),
    Figure::each(&SOURCE, "commit_to_received_p50_ms", Millis, Moves::Gauge, "What half of the commits of the last minute did not exceed from the commit to its arrival, by the clocks of the database and of this machine", |s| of_stages(s, |f| f.commit_to_received.recent.p50_ms.into())).of_the_window().info("Sources", "commit_to_received_p50_ms"),
    Figure::each(&SOURCE, "commit_to_received_p99_ms", Millis, Moves::Gauge, "What 99 % of the commits of the last minute did not exceed from the commit to its arrival, by the clocks of the database and of this machine", |s| of_stages(s, |f| f.commit_to_received.recent.p99_ms.into())).of_the_window().info("Sources", "commit_to_received_p99_ms"),
    Figure::each(&SOURCE, "commit_to_received_max_ms", Millis, Moves::Gauge, "The longest of the last minute from the commit to its arrival, by the clocks of the database and of this machine", |s| of_stages(s, |f| f.commit_to_received.recent.max_ms.into())).of_the_window().info("Sources", "commit_to_received_max_ms"),
    Figure::each(&SOURCE, "received_to_applied_p50_ms", Millis, Moves::Gauge, "What half of the commits of the last minute did not exceed from its arrival until no reader is given what was before it", |s| of_stages(s, |f| f.received_to_applied.recent.p50_ms.into())).of_the_window().info("Sources", "received_to_applied_p50_ms"),
    Figure::each(&SOURCE, "received_to_applied_p99_ms", Millis, Moves::Gauge, "What 99 % of the commits of the last minute did not exceed from its arrival until no reader is given what was before it", |s| of_stages(s, |f| f.received_to_applied.recent.p99_ms.into())).of_the_window().info("Sources", "received_to_applied_p99_ms"),
    Figure::each(&SOURCE, "received_to_applied_max_ms", Millis, Moves::Gauge, "The longest of the last minute from its arrival until no reader is given what was before it", |s| of_stages(s, |f| f.received_to_applied.recent.max_ms.into())).of_the_window().info("Sources", "received_to_applied_max_ms"),
    Figure::each(&SOURCE, "commit_to_applied_p50_ms", Millis, Moves::Gauge, "What half of the commits of the last minute did not exceed from the commit until no reader is given what was before it", |s| of_stages(s, |f| f.commit_to_applied.recent.p50_ms.into())).of_the_window().info("Sources", "commit_to_applied_p50_ms"),
    Figure::each(&SOURCE, "commit_to_applied_p99_ms", Millis, Moves::Gauge, "What 99 % of the commits of the last minute did not exceed from the commit until no reader is given what was before it", |s| of_stages(s, |f| f.commit_to_applied.recent.p99_ms.into())).of_the_window().info("Sources", "commit_to_applied_p99_ms"),
    Figure::each(&SOURCE, "commit_to_applied_max_ms", Millis, Moves::Gauge, "The longest of the last minute from the commit until no reader is given what was before it", |s| of_stages(s, |f| f.commit_to_applied.recent.max_ms.into())).of_the_window().info("Sources", "commit_to_applied_max_ms"),
    Figure::each(&SOURCE, "clock_ahead", Count, Moves::Counter, "Commits that came before they were made, by the clock of the database: they count as having come at once", |s| of_stages(s, |f| f.clock_ahead.into())).of_the_window().info("Sources", "clock_ahead"),
    Figure::counter("asked_invalidations", Count, "Requests of clients that invalidated something, those held for a time or an event left out", |s| all(&s.asked).into()).of_the_window(),
    Figure::gauge("recent_asked_invalidations", Count, "Those of the last minute", |s| s.asked.recent.count.into()).of_the_window(),
    Figure::gauge("asked_to_applied_p50_ms", Millis, "What half of them did not exceed from the request to its effect", |s| s.asked.recent.p50_ms.into()).of_the_window(),
    Figure::gauge("asked_to_applied_p99_ms", Millis, "What 99 % of them did not exceed from the request to its effect", |s| s.asked.recent.p99_ms.into()).of_the_window(),
    Figure::gauge("asked_to_applied_max_ms", Millis, "The longest of them from the request to its effect", |s| s.asked.recent.max_ms.into()).of_the_window(),

    // Operations of the last minute, over RESP and REST together.
    Figure::gauge("operations_per_second", PerSecond, "Operations a second, of the last minute", |s| s.window.operations_per_second.into()).of_the_window(),
    Figure::gauge("average_latency_ms", Millis, "The mean latency of the last minute", |s| s.window.average_latency.into()).rest("averageLatency").of_the_window(),
    Figure::gauge("p95_latency_ms", Millis, "What 95 % of the operations of the last minute did not exceed", |s| s.window.p95_latency.into()).rest("p95Latency").of_the_window(),
    Figure::gauge("p99_latency_ms", Millis, "What 99 % of the operations of the last minute did not exceed", |s| s.window.p99_latency.into()).rest("p99Latency").of_the_window(),
    Figure::gauge("error_rate", Share, "The share of operations of the last minute that ended in an error", |s| s.window.error_rate.into()).of_the_window(),
    Figure::gauge("window_seconds", Seconds, "How many seconds these figures are of: 60, or less soon after the start", |s| s.window.window_seconds.into()).of_the_window(),
    Figure::gauge("operations", Count, "Operations in the last minute", |s| s.window.operations.into()).prometheus("window_operations").of_the_window(),
    Figure::counter("operations_total", Count, "Operations since the start", |s| s.operations().into()).rest("total").prometheus("operations").of_the_window(),
    Figure::each(&KIND, "operations_failed", Count, Moves::Counter, "Operations that ended in an error, by what they do", |s| s.kinds.iter().map(|(kind, counts)| (kind.name().to_owned(), counts.failed.into())).collect()).rest("failed").prometheus("operations_failed").of_the_window(),
    Figure::counter("bad_inputs", Count, "Inputs refused before they became operations, since the start", |s| s.refused.iter().map(|(_, count)| count).sum::<u64>().into()).prometheus("bad_inputs_all").of_the_window(),
    Figure::each(&WHY, "bad_inputs", Count, Moves::Counter, "Input refused before it became an operation, by what was wrong with it", refused).rest("inputs").prometheus("bad_inputs").of_the_window(),

    // Connections and time.
    Figure::gauge("resp_connections", Count, "RESP connections open", |s| s.resp.0.into()).prometheus("resp_connections_open").of_the_window(),
    Figure::gauge("http_connections", Count, "HTTP connections open", |s| s.http.0.into()).prometheus("http_connections_open").of_the_window(),
    Figure::counter("http_connections_accepted", Count, "HTTP connections accepted", |s| s.http.1.into()).prometheus("http_connections").of_the_window(),
    Figure::gauge("uptime_seconds", Seconds, "Seconds since the node began", |s| (s.uptime_ms / 1000).into()).info("Server", "uptime_in_seconds"),
];

fn unverified(s: &Snapshot) -> Value {
    let unverified = s.feeds.iter().filter(|feed| !feed.is_verified());
    Value::Names(unverified.map(|feed| feed.source.clone()).collect())
}

fn of_messages(s: &Snapshot, read: fn(&(&'static str, u64, u64)) -> u64) -> Labelled {
    s.cluster.messages.iter().map(|kind| (kind.0.replace(' ', "_"), read(kind).into())).collect()
}

fn of_values(s: &Snapshot, read: fn(&ValueFigures) -> Value) -> Labelled {
    s.keyspaces.iter().map(|row| (row.name.to_string(), read(&row.values))).collect()
}

fn of_keyspaces(s: &Snapshot, read: fn(&KeyspaceFigures) -> Value) -> Labelled {
    s.keyspaces.iter().map(|row| (row.name.to_string(), read(&row.figures))).collect()
}

fn of_stages(s: &Snapshot, read: fn(&StageFigures) -> Value) -> Labelled {
    s.stages.iter().map(|(source, figures)| (source.to_string(), read(figures))).collect()
}

/// How many there were since the start.
fn all(timed: &Timed) -> u64 {
    timed.all.as_ref().map_or(0, |all| all.count)
}

fn failed(timed: &Timed) -> u64 {
    timed.all.as_ref().map_or(0, |all| all.failed)
}

fn of_feeds(s: &Snapshot, read: fn(&FeedReport) -> Value) -> Labelled {
    s.feeds.iter().map(|feed| (feed.source.clone(), read(feed))).collect()
}

fn refused(s: &Snapshot) -> Labelled {
    let name =
        |why: BadInput| BadInput::ALL.iter().find(|(other, _)| *other == why).map_or("", |(_, name)| name);
    s.refused.iter().map(|(why, count)| (name(*why).to_owned(), (*count).into())).collect()
}
