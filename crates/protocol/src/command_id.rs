//! Which command it is: what dispatch matches on, without a wildcard. An id without a row in the table does not compile
//! (`table.rs`), nor does one that nobody serves.

macro_rules! ids {
    ($(#[$about:meta])* pub enum $name:ident { $($(#[$doc:meta])* $id:ident,)* }) => {
        $(#[$about])*
        pub enum $name { $($(#[$doc])* $id,)* }

        impl $name {
            /// How many there are.
            pub const COUNT: usize = [$($name::$id),*].len();
        }
    };
}

ids! {
/// Every command and subcommand. A container's own id (`Client`) is never dispatched unless the container is a command
/// by itself (`Command`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CommandId {
    /// GET: returns the value of a key.
    Get,
    /// SET: gives a key a value; the old one and its time to live go.
    Set,
    /// GETEX: returns the value of a key and changes its time to live.
    Getex,
    /// GETDEL: returns the value of a key and removes it.
    Getdel,
    /// GETSET: gives a key a value and returns the old one.
    Getset,
    /// SETNX: gives a key a value if it has none.
    Setnx,
    /// SETEX: gives a key a value for some seconds.
    Setex,
    /// PSETEX: gives a key a value for some milliseconds.
    Psetex,
    /// MGET: returns the values of several keys.
    Mget,
    /// MSET: gives several keys their values.
    Mset,
    /// MSETNX: gives several keys their values if none of them has one.
    Msetnx,
    /// APPEND: lengthens the value of a key.
    Append,
    /// STRLEN: returns how many bytes the value of a key has.
    Strlen,
    /// GETRANGE: returns a part of the value of a key.
    Getrange,
    /// SUBSTR: returns a part of the value of a key; the old name of GETRANGE.
    Substr,
    /// SETRANGE: overwrites a part of the value of a key.
    Setrange,
    /// INCR: adds one to an integer.
    Incr,
    /// INCRBY: adds to an integer.
    Incrby,
    /// INCRBYFLOAT: adds to a floating-point number.
    Incrbyfloat,
    /// DECR: subtracts one from an integer.
    Decr,
    /// DECRBY: subtracts from an integer.
    Decrby,
    /// DEL: removes keys.
    Del,
    /// UNLINK: removes keys; their memory is given back later.
    Unlink,
    /// EXISTS: counts which of the keys exist.
    Exists,
    /// TYPE: returns the type of a value.
    Type,
    /// TOUCH: counts which of the keys exist and notes that they were used.
    Touch,
    /// RENAME: gives a value another key, in place of what that one held.
    Rename,
    /// RENAMENX: gives a value another key if that one holds nothing.
    Renamenx,
    /// COPY: gives a second key the same value.
    Copy,
    /// KEYS: returns all keys that a glob pattern matches.
    Keys,
    /// SCAN: returns some keys and a cursor to go on with.
    Scan,
    /// RANDOMKEY: returns some key.
    Randomkey,
    /// EXPIRE: sets a time to live in seconds.
    Expire,
    /// PEXPIRE: sets a time to live in milliseconds.
    Pexpire,
    /// EXPIREAT: sets the second at which a key expires.
    Expireat,
    /// PEXPIREAT: sets the millisecond at which a key expires.
    Pexpireat,
    /// TTL: returns how many seconds a key has to live.
    Ttl,
    /// PTTL: returns how many milliseconds a key has to live.
    Pttl,
    /// EXPIRETIME: returns the second at which a key expires.
    Expiretime,
    /// PEXPIRETIME: returns the millisecond at which a key expires.
    Pexpiretime,
    /// PERSIST: takes the time to live away.
    Persist,
    /// OBJECT: tells how a value is kept.
    Object,
    /// OBJECT ENCODING: returns the form in which a value is kept.
    ObjectEncoding,
    /// OBJECT FREQ: returns how often a key is used, on a logarithmic scale.
    ObjectFreq,
    /// OBJECT IDLETIME: returns the seconds since a key was last used.
    ObjectIdletime,
    /// OBJECT REFCOUNT: returns how many references a value has.
    ObjectRefcount,
    /// HELP of any container.
    Help,
    /// HELLO: chooses the protocol, logs in and tells about the server.
    Hello,
    /// AUTH: logs in.
    Auth,
    /// PING: answers PONG or the message.
    Ping,
    /// ECHO: answers the message.
    Echo,
    /// QUIT: answers OK and closes the connection.
    Quit,
    /// RESET: makes the connection as new.
    Reset,
    /// SELECT: changes the database.
    Select,
    /// CLIENT: tells about connections and sets them up.
    Client,
    /// CLIENT ID: returns this connection's number.
    ClientId,
    /// CLIENT GETNAME: returns this connection's name.
    ClientGetname,
    /// CLIENT SETNAME: names this connection.
    ClientSetname,
    /// CLIENT SETINFO: notes which client library this connection uses.
    ClientSetinfo,
    /// CLIENT LIST: describes connections, one a line.
    ClientList,
    /// CLIENT INFO: describes this connection.
    ClientInfo,
    /// CLIENT KILL: closes connections.
    ClientKill,
    /// CLIENT REPLY: says whether this connection wants replies.
    ClientReply,
    /// CLIENT NO-EVICT: says whether this connection may be closed to save memory.
    ClientNoEvict,
    /// CLIENT NO-TOUCH: says whether this connection's reads count as use.
    ClientNoTouch,
    /// CLIENT PAUSE: lets commands wait for some milliseconds.
    ClientPause,
    /// CLIENT UNPAUSE: ends a pause.
    ClientUnpause,
    /// CLIENT CAPA: says what this connection's client can do.
    ClientCapa,
    /// DBSIZE: counts the keys.
    Dbsize,
    /// FLUSHDB: removes every key of this database.
    Flushdb,
    /// FLUSHALL: removes every key.
    Flushall,
    /// INFO: tells about the server, by section.
    Info,
    /// TIME: returns the server's time as seconds and microseconds.
    Time,
    /// ROLE: returns what this node is to its peers.
    Role,
    /// WAIT: waits until replicas have this connection's writes.
    Wait,
    /// MONITOR: shows every command as it comes.
    Monitor,
    /// CONFIG: reads and changes settings.
    Config,
    /// CONFIG GET: returns the settings that glob patterns match.
    ConfigGet,
    /// CONFIG SET: changes settings.
    ConfigSet,
    /// CONFIG RESETSTAT: sets the statistics back to zero.
    ConfigResetstat,
    /// CONFIG REWRITE: writes the settings to their file.
    ConfigRewrite,
    /// MEMORY: tells what memory is used for.
    Memory,
    /// MEMORY USAGE: returns the bytes that a key and its value take.
    MemoryUsage,
    /// SLOWLOG: tells which commands were slow.
    Slowlog,
    /// SLOWLOG GET: returns the newest slow commands.
    SlowlogGet,
    /// SLOWLOG LEN: counts the slow commands kept.
    SlowlogLen,
    /// SLOWLOG RESET: forgets the slow commands.
    SlowlogReset,
    /// LATENCY: tells where time is lost.
    Latency,
    /// LATENCY LATEST: returns the latest spike of each event.
    LatencyLatest,
    /// LATENCY HISTOGRAM: returns how long commands took, as histograms.
    LatencyHistogram,
    /// LATENCY RESET: forgets spikes.
    LatencyReset,
    /// COMMAND: describes every command.
    Command,
    /// COMMAND COUNT: counts the commands.
    CommandCount,
    /// COMMAND INFO: describes commands by arity, flags and keys.
    CommandInfo,
    /// COMMAND DOCS: describes commands as a manual does.
    CommandDocs,
    /// COMMAND LIST: names the commands.
    CommandList,
    /// COMMAND GETKEYS: returns the keys in a whole command.
    CommandGetkeys,
    /// COMMAND GETKEYSANDFLAGS: returns the keys in a whole command and what happens to them.
    CommandGetkeysandflags,
    /// MULTI: begins a transaction.
    Multi,
    /// EXEC: runs the transaction.
    Exec,
    /// DISCARD: drops the transaction.
    Discard,
    /// WATCH: lets the next transaction fail if the keys change first.
    Watch,
    /// UNWATCH: forgets what WATCH noted.
    Unwatch,
    /// SUBSCRIBE: listens to channels.
    Subscribe,
    /// UNSUBSCRIBE: listens to channels no longer.
    Unsubscribe,
    /// PSUBSCRIBE: listens to all channels that glob patterns match.
    Psubscribe,
    /// PUNSUBSCRIBE: listens to patterns no longer.
    Punsubscribe,
    /// PUBLISH: sends a message to who listens to a channel.
    Publish,
    /// PUBSUB: tells who listens to what.
    Pubsub,
    /// PUBSUB CHANNELS: returns the channels that somebody listens to.
    PubsubChannels,
    /// PUBSUB NUMSUB: counts who listens to each of the channels.
    PubsubNumsub,
    /// PUBSUB NUMPAT: counts the patterns that somebody listens to.
    PubsubNumpat,
    /// CLUSTER: tells of the cluster.
    Cluster,
    /// CLUSTER SLOTS: returns ranges of slots and the nodes that have them.
    ClusterSlots,
    /// CLUSTER SHARDS: returns nodes with their slots.
    ClusterShards,
    /// CLUSTER NODES: returns a line for each node.
    ClusterNodes,
    /// CLUSTER INFO: returns the state of the cluster.
    ClusterInfo,
    /// CLUSTER MYID: returns the name of the node.
    ClusterMyid,
    /// CLUSTER MYSHARDID: returns the name of the node's shard.
    ClusterMyshardid,
    /// CLUSTER LINKS: returns Redis's own links between nodes.
    ClusterLinks,
    /// CLUSTER COUNT-FAILURE-REPORTS: counts who reports a node as failed.
    ClusterCountFailureReports,
    /// CLUSTER KEYSLOT: returns the slot of a key.
    ClusterKeyslot,
    /// CLUSTER COUNTKEYSINSLOT: counts the keys of a slot at this node.
    ClusterCountkeysinslot,
    /// CLUSTER GETKEYSINSLOT: returns keys of a slot at this node.
    ClusterGetkeysinslot,
    /// ASKING: lets the next command run at a node that is being given its slot.
    Asking,
    /// READONLY: lets a connection read slots that the node follows.
    Readonly,
    /// READWRITE: takes READONLY back.
    Readwrite,
    /// CW.GET: reads a key at a level, and tells what is known about the value.
    CwGet,
    /// CW.SET: gives a key a value with what it depends on.
    CwSet,
    /// CW.DEL: removes rows from their source.
    CwDel,
    /// CW.INVALIDATE: states that what was read before now is old.
    CwInvalidate,
    /// CW.EVENT: states that something happened.
    CwEvent,
    /// CW.DEPENDENCIES: returns what depends on what.
    CwDependencies,
    /// CW.WHY: tells what became of a key, and why.
    CwWhy,
    /// CW.HELD: tells of and takes back invalidations that wait for a time or an event.
    CwHeld,
    /// CW.HELD LIST: returns what is held.
    CwHeldList,
    /// CW.HELD CANCEL: takes held invalidations back.
    CwHeldCancel,
    /// CW.CLUSTER: tells of the cluster, and changes it.
    CwCluster,
    /// CW.CLUSTER STATUS: tells how the cluster stands, as this node sees it.
    CwClusterStatus,
    /// CW.CLUSTER LEAVE: this node hands over what it has, and leaves.
    CwClusterLeave,
    /// CW.CLUSTER FORGET: a node will not come back.
    CwClusterForget,
    /// CW.CLUSTER REPLICAS: each slot is to have so many replicas.
    CwClusterReplicas,
    /// CW.CLUSTER WEIGHT: this node's share of slots.
    CwClusterWeight,
    /// CW.CLUSTER EPOCH: tells the number of the view that this node follows.
    CwClusterEpoch,
    /// CW.ENTRY: tells everything about an entry but its value.
    CwEntry,
    /// CW.REFUSED: tells of SETs that were dropped as late fills.
    CwRefused,
    /// CW.REFUSED GET: returns the last refused.
    CwRefusedGet,
    /// CW.REFUSED LEN: counts those that are kept.
    CwRefusedLen,
    /// CW.REFUSED RESET: forgets them.
    CwRefusedReset,
    /// CW.STATS: returns the counts of this node.
    CwStats,
    /// CW.WARM: loads keys before anyone asks.
    CwWarm,
    /// CW.WARM KEYS: begins a job that loads keys.
    CwWarmKeys,
    /// CW.WARM PATTERN: the same for keys that a glob matches.
    CwWarmPattern,
    /// CW.WARM TAGS: the same for keys that carry a tag.
    CwWarmTags,
    /// CW.WARM LIST: returns the jobs.
    CwWarmList,
    /// CW.WARM STATUS: returns one job.
    CwWarmStatus,
    /// CW.WARM CANCEL: ends a job.
    CwWarmCancel,
    /// CW.WRITEBACK: tells and decides about writes that the sources do not have yet.
    CwWriteback,
    /// CW.WRITEBACK STATUS: returns the figures of write-back.
    CwWritebackStatus,
    /// CW.WRITEBACK LIST: returns the writes that a source refused.
    CwWritebackList,
    /// CW.WRITEBACK RETRY: writes refused writes again.
    CwWritebackRetry,
    /// CW.WRITEBACK DROP: gives refused writes up.
    CwWritebackDrop,
    /// CW.WRITEBACK FLUSH: waits until the sources have what was acknowledged.
    CwWritebackFlush,
}
}
