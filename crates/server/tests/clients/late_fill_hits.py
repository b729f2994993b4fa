"""Hot keys under steady invalidation: what the protection against late fills costs in hits."""

import random
import threading
import time

import redis

from check import HOST, PORT
from late_fill_world import Database

HOT_KEYS = 16
QUERY_SECONDS = 0.002


def hit_ratio(threads, seconds, pace, leaks):
    """The hit ratio of `threads` readers together.

    `pace` is their reads a second, 0 for no limit; `leaks` the share of misses that nobody fills.
    """
    client = redis.Redis(host=HOST, port=PORT, max_connections=threads + 1, socket_timeout=20)
    client.flushall()
    database = Database(HOT_KEYS)
    end = time.monotonic() + seconds
    counts = [[0, 0] for _ in range(threads)]
    workers = [threading.Thread(target=read_until, args=(client, database, end, pace / threads, leaks, count, seed))
               for seed, count in enumerate(counts)]
    workers.append(threading.Thread(target=invalidate_until, args=(database, end)))
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    reads, hits = (sum(column) for column in zip(*counts))
    print(f"{threads} threads: {hits} of {reads} reads hit, {reads - hits} missed", flush=True)
    return hits / reads


def read_until(client, database, end, pace, leaks, count, seed):
    """Reads random hot keys; a miss asks the database and SETs."""
    draw = random.Random(seed)
    due = time.monotonic()
    while (now := time.monotonic()) < end:
        if pace:
            due += draw.expovariate(pace)
            time.sleep(max(0, due - now))
        key = draw.randrange(HOT_KEYS)
        value = client.get(f"hot:{key}")
        count[0] += 1
        if value is not None:
            count[1] += 1
            continue
        time.sleep(QUERY_SECONDS)
        if draw.random() < leaks:
            continue
        client.set(f"hot:{key}", f"{key}:{database.read(key)}")


def invalidate_until(database, end):
    """Commits to and invalidates every hot key once a second, spread over the second."""
    client = redis.Redis(host=HOST, port=PORT, single_connection_client=True, socket_timeout=20)
    key, due = 0, time.monotonic()
    while due < end:
        time.sleep(max(0, due - time.monotonic()))
        database.commit(key)
        client.delete(f"hot:{key}")
        key, due = (key + 1) % HOT_KEYS, due + 1 / HOT_KEYS
