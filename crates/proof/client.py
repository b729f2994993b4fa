"""redis-py's RedisCluster as one client of a proof: it asks one thing after the other and prints, a line of JSON each, what it was answered.

Told over standard input: `pause`, `go`, `end`. Times are those of CLOCK_MONOTONIC, as the other clients have them.
"""

import json
import random
import sys
import threading
import time

from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import RedisClusterException, RedisError
from redis.retry import Retry

GIVEN = json.loads(sys.argv[1])
TAGS = GIVEN["tags"]
CHANCE = random.Random(GIVEN["seed"])
TOLD = {"word": "go"}
CHANGED = threading.Condition()


def listen():
    for line in sys.stdin:
        with CHANGED:
            TOLD["word"] = line.strip()
            CHANGED.notify_all()
    with CHANGED:
        TOLD["word"] = "end"
        CHANGED.notify_all()


def connect():
    """A client that does nothing twice: what is sent again may be done twice, the second time after somebody else's change."""
    nodes = [ClusterNode(host, port) for host, port in GIVEN["nodes"]]
    return RedisCluster(
        startup_nodes=nodes,
        socket_timeout=7,
        socket_connect_timeout=1,
        retry=Retry(NoBackoff(), 0),
        require_full_coverage=False,
        decode_responses=True,
    )


def draw(values):
    kind = CHANCE.choice(["Register"] * 5 + ["Counter"] * 2 + ["Tagged"] * 2 + ["Expiring"])
    key = {"class": kind, "number": CHANCE.randrange(GIVEN["keys"][kind])}
    choice = CHANCE.randrange(10)
    if choice < 5:
        return {"Read": [key, "Plain"]}
    if kind == "Counter":
        return {"Increment": key}
    if choice == 5 and kind in ("Register", "Tagged"):
        return {"Remove": key}
    ttl = CHANCE.randrange(300, 4000) if kind == "Expiring" else None
    return {"Write": {"key": key, "value": next(values), "ttl_ms": ttl}}


def words(did):
    (verb, of), = did.items()
    key = of[0] if verb == "Read" else of.get("key", of)
    name = f"{key['class'].lower()}:{key['number']}"
    if verb == "Read":
        return ["GET", name]
    if verb == "Increment":
        return ["INCR", name]
    if verb == "Remove":
        return ["DEL", name]
    words = ["CW.SET", name, str(of["value"])]
    if of["ttl_ms"] is not None:
        words += ["PX", str(of["ttl_ms"])]
    if key["class"] == "Tagged":
        words += ["TAGS", "1", f"tag:{key['number'] % TAGS}"]
    return words + ["WRITE", "cache-only"]


def read_reply(did, reply):
    if "Read" in did:
        return {"Saw": None if reply is None else int(reply)}
    if "Increment" in did:
        return {"Counted": reply}
    return "Done"


def ask(client, did):
    try:
        return read_reply(did, client.execute_command(*words(did)))
    # What the client did before it gave up is not known. When no node answers it fails in ways of its own.
    except (RedisError, RedisClusterException, OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        return {"Unknown": f"{type(error).__name__}: {error}"[:120]}


def now():
    return time.monotonic_ns() // 1000


def main():
    threading.Thread(target=listen, daemon=True).start()
    values = iter(range(GIVEN["first_value"], 1 << 62))
    client = None
    while True:
        with CHANGED:
            if TOLD["word"] == "pause":
                print('"paused"', flush=True)
                CHANGED.wait_for(lambda: TOLD["word"] != "pause")
            if TOLD["word"] == "end":
                return
        if client is None:
            try:
                client = connect()
            except (RedisError, RedisClusterException, OSError):
                time.sleep(0.2)
                continue
        did = draw(values)
        began = now()
        outcome = ask(client, did)
        op = {"client": "redis-py", "node": 0, "began": began, "ended": now(), "did": did, "outcome": outcome}
        print(json.dumps(op), flush=True)
        if "Unknown" in outcome:
            time.sleep(0.05)
        time.sleep(CHANCE.uniform(0.004, 0.016))


main()
