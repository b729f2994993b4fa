"""Honest writers through real redis-py pools: what is acknowledged must be there.

    honest_writers.py --seconds T --seed S --pool N [--split] [--deleter]

Keys without a source that clients write as they would in Redis: writers SET values that nobody sent before, and DEL the key
in between; readers poll, and never fill. Each key has one writer, so that the value it acknowledged last is the truth, and a
value counts as dropped when the writer's own GET after it does not find it. A pool's key begins unknown: whether it is filled or written
shows after some writes. So the first writes of each key are counted apart, and of the others it is said for how long a
value was missing.

    --split     readers have a pool of their own, else all share one
    --deleter   another thread deletes as well, as one does that cleans up

The last line printed is one of figures.
"""

import argparse
import json
import random
import threading
import time

import redis

from check import HOST, PORT

WRITERS = 3
READERS = 3
KEYS = 2
FIRST = 60


class Ledger:
    """What each writer was told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.figures = {"writes": 0, "dropped": 0, "first_dropped": 0, "deletes": 0, "polls": 0, "poll_misses": 0, "longest_missing_ms": 0.0}

    def count(self, **more):
        with self.lock:
            for name, number in more.items():
                self.figures[name] += number

    def missing(self, seconds):
        with self.lock:
            self.figures["longest_missing_ms"] = max(self.figures["longest_missing_ms"], round(seconds * 1000, 1))


def client(pool):
    """A client whose pool has so many connections, which threads wait for."""
    return redis.Redis(connection_pool=redis.BlockingConnectionPool(
        host=HOST, port=PORT, max_connections=pool, timeout=60, socket_timeout=60))


def write_until(end, cache, ledger, name, deletes, seed):
    """Writes one writer's keys, and deletes them in between; the turns of a deleter are its own."""
    draw, version, missing_since, counts = random.Random(seed), 0, {}, {}
    while time.monotonic() < end:
        key = f"honest:{name}:{draw.randrange(KEYS)}"
        if draw.random() < 0.3:
            cache.delete(key)
            ledger.count(deletes=1)
            if draw.random() < 0.3:
                time.sleep(draw.random() * 0.004)
        version += 1
        value = f"{name}:{version}".encode()
        with deletes:
            cache.set(key, value)
            found = cache.get(key)
        now = time.monotonic()
        counts[key] = counts.get(key, 0) + 1
        if counts[key] <= FIRST:
            ledger.count(first_dropped=found != value)
            continue
        ledger.count(writes=1, dropped=found != value)
        if found == value:
            since = missing_since.pop(key, None)
            if since is not None:
                ledger.missing(now - since)
        else:
            missing_since.setdefault(key, now)
    for since in missing_since.values():
        ledger.missing(time.monotonic() - since)


def poll_until(end, cache, ledger, seed):
    """Reads, and never fills; pauses, or writers of a small pool would get no turn."""
    draw = random.Random(seed)
    while time.monotonic() < end:
        found = cache.get(f"honest:{draw.randrange(WRITERS)}:{draw.randrange(KEYS)}")
        ledger.count(polls=1, poll_misses=found is None)
        time.sleep(draw.random() * 0.001)


def delete_until(end, cache, ledger, turns, seed):
    """Deletes what others write, between their writes."""
    draw = random.Random(seed)
    while time.monotonic() < end:
        writer = draw.randrange(WRITERS)
        with turns[writer]:
            cache.delete(f"honest:{writer}:{draw.randrange(KEYS)}")
        ledger.count(deletes=1)
        time.sleep(draw.random() * 0.003)


parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=float, required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--pool", type=int, required=True)
parser.add_argument("--split", action="store_true")
parser.add_argument("--deleter", action="store_true")
chosen = parser.parse_args()
writing = client(chosen.pool)
reading = client(chosen.pool) if chosen.split else writing
writing.flushall()
ledger, turns = Ledger(), [threading.Lock() for _ in range(WRITERS)]
end = time.monotonic() + chosen.seconds
threads = [threading.Thread(target=write_until, args=(end, writing, ledger, n, turns[n], chosen.seed * 100 + n))
           for n in range(WRITERS)]
threads += [threading.Thread(target=poll_until, args=(end, reading, ledger, chosen.seed * 100 + 50 + n))
            for n in range(READERS)]
if chosen.deleter:
    threads.append(threading.Thread(target=delete_until, args=(end, writing, ledger, turns, chosen.seed)))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(ledger.figures))
