"""redis-py, unmodified, doing a cache's work: `cache_work.py 2` or `cache_work.py 3`, the protocol version."""

import sys
import time

import redis

from check import HOST, PORT, check


def strings(client):
    check("SET", client.set("py:a", "1"))
    check("GET", client.get("py:a"), b"1")
    check("GET of a missing key", client.get("py:none"), None)
    check("MSET", client.mset({"py:b": "2", "py:c": b"\x00\xff\r\n"}))
    check("MGET", client.mget("py:a", "py:none", "py:b", "py:c"), [b"1", None, b"2", b"\x00\xff\r\n"])
    check("SET NX on a present key", client.set("py:a", "9", nx=True), None)
    check("SET XX on a present key", client.set("py:a", "3", xx=True))
    check("SET GET", client.set("py:a", "4", get=True), b"3")
    check("INCRBY", client.incrby("py:n", 5), 5)
    check("DECR", client.decr("py:n"), 4)
    check("INCRBYFLOAT", client.incrbyfloat("py:f", 1.5), 1.5)
    check("APPEND", client.append("py:s", "hello"), 5)
    check("STRLEN", client.strlen("py:s"), 5)
    check("GETRANGE", client.getrange("py:s", 1, 3), b"ell")
    check("SETRANGE", client.setrange("py:s", 1, "u"), 5)
    check("GETDEL", client.getdel("py:s"), b"hullo")
    check("EXISTS", client.exists("py:a", "py:b", "py:s"), 2)
    check("TYPE", client.type("py:a"), b"string")
    check("DEL", client.delete("py:a", "py:b", "py:none"), 2)
    check("UNLINK", client.unlink("py:c"), 1)


def expiry(client):
    check("SET EX", client.set("py:e", "1", ex=100))
    check("TTL", 98 <= client.ttl("py:e") <= 100)
    check("PEXPIRE", client.pexpire("py:e", 50_000))
    check("PTTL", 48_000 <= client.pttl("py:e") <= 50_000)
    check("GETEX", client.getex("py:e", ex=200), b"1")
    check("TTL after GETEX", 198 <= client.ttl("py:e") <= 200)
    check("PERSIST", client.persist("py:e"))
    check("TTL without expiry", client.ttl("py:e"), -1)
    check("TTL of a missing key", client.ttl("py:none"), -2)
    check("SETEX", client.execute_command("SETEX", "py:e", 10, "2"))
    check("EXPIRE in the past removes", (client.expire("py:e", -1), client.get("py:e")), (True, None))
    client.set("py:short", "1", px=30)
    deadline = time.monotonic() + 5
    while client.exists("py:short") and time.monotonic() < deadline:
        pass
    check("a value expires by itself", client.get("py:short"), None)


def scans(client):
    names = {b"py:scan:%d" % i for i in range(300)}
    client.mset({name: b"x" for name in names})
    check("SCAN with MATCH finds each key", set(client.scan_iter(match="py:scan:*", count=17)), names)
    check("SCAN with TYPE", set(client.scan_iter(match="py:scan:*", _type="string")), names)
    check("KEYS", set(client.keys("py:scan:1?")), {b"py:scan:%d" % i for i in range(10, 20)})
    check("DBSIZE", client.dbsize() >= 300)


def transactions(client, other):
    with client.pipeline(transaction=True) as pipe:
        pipe.set("py:t", 1).incr("py:t").get("py:t").expire("py:t", 50)
        check("MULTI .. EXEC", pipe.execute(), [True, 2, b"2", True])
    with client.pipeline(transaction=False) as pipe:
        for i in range(1000):
            pipe.set(f"py:p:{i}", i)
        for i in range(1000):
            pipe.get(f"py:p:{i}")
        check("a pipeline keeps its order", pipe.execute()[1000:], [b"%d" % i for i in range(1000)])
    with client.pipeline() as pipe:
        pipe.watch("py:w")
        other.set("py:w", "theirs")
        pipe.multi()
        pipe.set("py:w", "ours")
        try:
            pipe.execute()
            check("WATCH sees a foreign write", False)
        except redis.WatchError:
            check("WATCH sees a foreign write", client.get("py:w"), b"theirs")
    with client.pipeline() as pipe:
        pipe.watch("py:w")
        pipe.multi()
        pipe.set("py:w", "ours")
        check("WATCH lets a quiet EXEC pass", pipe.execute(), [True])
    with client.pipeline() as pipe:
        pipe.set("py:x", "word").incr("py:x").get("py:x")
        results = pipe.execute(raise_on_error=False)
        check("an error inside EXEC stays in its place", [type(r).__name__ for r in results],
              ["bool", "ResponseError", "bytes"])


def connection(client):
    check("PING", client.ping())
    check("ECHO", client.echo("hey"), b"hey")
    check("CLIENT SETNAME", client.client_setname("tester"))
    # redis-py decodes the name in RESP2 only.
    check("CLIENT GETNAME", client.client_getname() in ("tester", b"tester"))
    check("CLIENT ID", client.client_id() > 0)
    info = client.client_info()
    # Redis 7.0 does not know CLIENT SETINFO and shows no lib-name.
    check("CLIENT INFO", (info["name"], info.get("lib-name", "redis-py")), ("tester", "redis-py"))
    check("CLIENT LIST", any(c["id"] == str(info["id"]) for c in client.client_list()))
    check("INFO", (client.info()["redis_mode"], client.info("server")["redis_mode"]), ("standalone",) * 2)
    check("CONFIG GET", "maxmemory" in client.config_get("maxmemory"))
    check("TIME", abs(client.time()[0] - time.time()) < 60)
    check("COMMAND COUNT", client.command_count() > 50)
    try:
        client.execute_command("NOSUCH", "a")
        check("an unknown command is an error", False)
    except redis.ResponseError as error:
        check("an unknown command is an error", "unknown command 'NOSUCH'" in str(error))
    check("the connection goes on after an error", client.ping())


def run(protocol):
    print(f"redis-py {redis.__version__}, RESP{protocol}")
    options = {"host": HOST, "port": PORT, "protocol": protocol, "socket_timeout": 20, "health_check_interval": 1}
    pooled = redis.Redis(**options)
    pooled.flushall()
    strings(pooled)
    expiry(pooled)
    scans(pooled)
    transactions(pooled, redis.Redis(**options))
    connection(redis.Redis(**options, single_connection_client=True))
    check("a health check precedes a late command", late_command(options))
    check("FLUSHALL", (pooled.flushall(), pooled.dbsize()), (True, 0))


def late_command(options):
    """Whether a command after the health check's interval still works."""
    client = redis.Redis(**{**options, "health_check_interval": 0.01}, single_connection_client=True)
    client.ping()
    due = client.connection.next_health_check
    while time.monotonic() <= due:
        pass
    return client.set("py:h", "1")


run(int(sys.argv[1]))
