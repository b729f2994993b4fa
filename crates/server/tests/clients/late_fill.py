"""The late-fill race, driven through a real redis-py connection pool.

    late_fill.py race --rounds N --seed S [--mode turns|free|shared] [--invalidate del|cw] [--read get|mget]

A reader misses, reads the database, and SETs what it read; a writer commits and then invalidates. In
between, every order is possible, and the value that a late SET brings must never be served after the
invalidation was acknowledged. Each value carries its version, so a stale one is seen at sight.

    turns   several threads, one step at a time, in an order that the seed draws; every step takes a
            connection out of the pool, drawn by the seed as well
    free    the same threads without turns: whatever order the machine makes
    shared  as turns, but all tasks speak through one connection

    late_fill.py hits --seconds T [--pace READS_PER_SECOND]

Sixteen hot keys are invalidated once a second while eight threads read through the pool, and then
while one thread reads through one connection: what share of the reads hit?

The last line printed is one of figures, for the test that started the script.
"""

import argparse
import json
import random
import threading
import time

import redis

from check import HOST, PORT
from late_fill_hits import hit_ratio
from late_fill_world import FILLS, Database, Ledger, Reader, ShufflingPool, Writer

THREADS = 4
KEYS = 24


def plan_round(draw, key, world, connections):
    """The tasks of one round: readers and writers of one key."""
    readers = [Reader(key, world, connections, leaks=draw.random() < 0.05, command=draw.choice(FILLS))
               for _ in range(draw.choice((1, 1, 2, 3)))]
    writers = [Writer(key, world, connections) for _ in range(draw.choice((0, 1, 1, 2)))]
    return readers + writers


def drawn_order(draw, tasks):
    """Every step of every task, in an order that keeps each task's own."""
    order = [task for task in tasks for _ in range(task.STEPS)]
    draw.shuffle(order)
    return order


class Turns:
    """Threads that hand the next step to each other: only whose turn it is runs."""

    def __init__(self, threads):
        self.locks = [threading.Lock() for _ in range(threads)]
        for lock in self.locks:
            lock.acquire()
        self.done = threading.Lock()
        self.done.acquire()
        self.steps, self.at, self.failure = [], 0, None
        for i in range(threads):
            threading.Thread(target=self._serve, args=(i,), daemon=True).start()

    def run(self, steps):
        """Runs `(thread, call)` pairs in order."""
        self.steps, self.at = steps, 0
        self.locks[steps[0][0]].release()
        self.done.acquire()
        if self.failure:
            raise self.failure

    def _serve(self, me):
        while True:
            self.locks[me].acquire()
            try:
                while self.at < len(self.steps) and self.steps[self.at][0] == me:
                    call = self.steps[self.at][1]
                    self.at += 1
                    call()
            except Exception as error:
                self.failure, self.at = error, len(self.steps)
            if self.at < len(self.steps):
                self.locks[self.steps[self.at][0]].release()
            else:
                self.done.release()


class Free:
    """Threads that run their steps as they come."""

    def __init__(self, threads):
        self.threads = threads

    def run(self, steps):
        """Runs `(thread, call)` pairs: each thread's in order, the threads at once."""
        failures = []

        def work(calls):
            try:
                for call in calls:
                    call()
            except Exception as error:
                failures.append(error)

        mine = [[call for thread, call in steps if thread == i] for i in range(self.threads)]
        workers = [threading.Thread(target=work, args=(calls,)) for calls in mine if calls]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if failures:
            raise failures[0]


def race(arguments):
    """Runs the rounds and prints the figures."""
    print(f"seed {arguments.seed}, mode {arguments.mode}, invalidation by {arguments.invalidate}", flush=True)
    draw = random.Random(arguments.seed)
    pool = ShufflingPool(draw, host=HOST, port=PORT, max_connections=1 if arguments.mode == "shared" else THREADS * 2,
                         socket_timeout=20)
    client = redis.Redis(connection_pool=pool)
    client.flushall()
    pool.open_all()
    world = Ledger(Database(KEYS), client, arguments.invalidate, arguments.read)
    runner = Free(THREADS) if arguments.mode == "free" else Turns(THREADS)
    started = time.monotonic()
    for _ in range(arguments.rounds):
        key = draw.randrange(KEYS)
        tasks = plan_round(draw, key, world, pool)
        if arguments.mode == "free":
            # A task stays on its thread, so that its own steps keep their order.
            steps = [(i % THREADS, step) for i, task in enumerate(tasks) for step in [task.step] * task.STEPS]
        else:
            steps = [(draw.randrange(THREADS), task.step) for task in drawn_order(draw, tasks)]
        runner.run(steps)
        world.check_settled(key, draw.random())
    figures = world.figures | {"rounds": arguments.rounds, "seconds": round(time.monotonic() - started, 1),
                               "other_connection": pool.other}
    for line in world.examples:
        print(line)
    print(json.dumps(figures))


def hits(arguments):
    """Prints the hit ratio of a pooled client and of a single connection on hot keys."""
    ratios = {name: hit_ratio(threads, arguments.seconds, arguments.pace) for name, threads in
              (("single", 1), ("pooled", 8))}
    print(json.dumps(ratios))


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
racing = commands.add_parser("race")
racing.add_argument("--rounds", type=int, required=True)
racing.add_argument("--seed", type=int, required=True)
racing.add_argument("--mode", choices=("turns", "free", "shared"), default="turns")
racing.add_argument("--invalidate", choices=("del", "cw"), default="del")
racing.add_argument("--read", choices=("get", "mget"), default="get")
racing.set_defaults(run=race)
hitting = commands.add_parser("hits")
hitting.add_argument("--seconds", type=float, required=True)
hitting.add_argument("--pace", type=float, default=0)
hitting.set_defaults(run=hits)
if __name__ == "__main__":
    chosen = parser.parse_args()
    chosen.run(chosen)
