"""What the late-fill race is played with: a database, the tasks, and the ledger that judges them."""

import threading

import redis


class Database:
    """Rows that count their own versions."""

    def __init__(self, keys):
        self.lock = threading.Lock()
        self.versions = [1] * keys

    def read(self, key):
        with self.lock:
            return self.versions[key]

    def commit(self, key):
        with self.lock:
            self.versions[key] += 1
            return self.versions[key]


class ShufflingPool(redis.ConnectionPool):
    """redis-py's pool, except that the seed draws which free connection is handed out.

    With one step at a time a pool hands out the connection that came back last, for ever. With real
    traffic it is whichever is free, which is what the draw stands for.
    """

    def __init__(self, draw, **options):
        super().__init__(**options)
        self.draw, self.local, self.other = draw, threading.local(), 0
        self.choosing = threading.Lock()

    def open_all(self):
        """Opens every connection that the pool may hold."""
        opened = [self.get_connection() for _ in range(self.max_connections)]
        for connection in opened:
            self.release(connection)

    def get_connection(self, command_name=None, *keys, **options):
        with self.choosing:
            free = self._available_connections
            # One time in four the pool's own choice, the connection used last, stays.
            if len(free) > 1 and self.draw.random() < 0.75:
                chosen = self.draw.randrange(len(free))
                free[chosen], free[-1] = free[-1], free[chosen]
            connection = super().get_connection()
        self.local.last = connection
        return connection

    def last(self):
        """The connection that this thread used last."""
        return self.local.last


class Ledger:
    """Knows which version was acknowledged as invalidated, and so which values are stale."""

    def __init__(self, database, client, invalidate, read):
        self.database, self.client, self.invalidate = database, client, invalidate
        self.read = client.get if read == "get" else lambda name: client.mget([name])[0]
        self.lock = threading.Lock()
        self.acknowledged = list(database.versions)
        self.figures = {"reads": 0, "hits": 0, "fills": 0, "invalidations": 0, "kept": 0, "stale": 0}
        self.examples = []

    def name(self, key):
        return f"late:{key}"

    def count(self, figure):
        with self.lock:
            self.figures[figure] += 1

    def get(self, key):
        """GET; a version is judged against what was acknowledged before the read began."""
        oldest_allowed = self.acknowledged[key]
        value = self.read(self.name(key))
        self.count("reads")
        if value is not None:
            self.count("hits")
            self.judge(key, value, oldest_allowed, "during a round")
        return value

    def fill(self, key, version, command="set"):
        """Stores what was read; `command` says with which of the commands that clients fill with."""
        name, value = self.name(key), f"{key}:{version}"
        match command:
            case "set":
                self.client.set(name, value)
            case "set ex":
                self.client.set(name, value, ex=600)
            case "setex":
                self.client.execute_command("SETEX", name, 600, value)
            case "mset":
                self.client.mset({name: value})
            case "multi":
                with self.client.pipeline(transaction=True) as pipe:
                    pipe.set(name, value).expire(name, 600).execute()
        self.count("fills")

    def drop(self, key, version):
        """Invalidates, and notes the acknowledgement."""
        if self.invalidate == "cw":
            self.client.execute_command("CW.INVALIDATE", "KEYS", 1, self.name(key))
        else:
            self.client.delete(self.name(key))
        with self.lock:
            self.figures["invalidations"] += 1
            self.acknowledged[key] = max(self.acknowledged[key], version)

    def judge(self, key, value, oldest_allowed, when):
        owner, version = value.decode().split(":")
        if int(owner) != key or int(version) < oldest_allowed:
            self.count("stale")
            if len(self.examples) < 5:
                self.examples.append(f"stale {when}: {self.name(key)} holds {value}, not before {oldest_allowed}")

    def check_settled(self, key, draw):
        """After a round nothing is in flight: the key is empty or holds the database's version."""
        current = self.database.read(key)
        if draw < 0.45:
            # A look that is no cache read, so that checking leaves no miss behind.
            value = self.client.getrange(self.name(key), 0, -1) or None
        else:
            value = self.client.get(self.name(key))
            if value is None and draw < 0.95:
                self.fill(key, current)
                value = self.client.getrange(self.name(key), 0, -1) or None
        if value is not None:
            self.count("kept")
            self.judge(key, value, current, "after a round")


FILLS = ("set", "set", "set ex", "setex", "mset", "multi")


class Task:
    """One logical task, a step at a time."""

    def __init__(self, key, ledger, pool):
        self.key, self.ledger, self.pool = key, ledger, pool
        self.next = 0

    def step(self):
        self.next += 1
        self.steps[self.next - 1](self)


class Reader(Task):
    """GET; on a miss the database is read and the value SET. One that leaks never SETs."""

    STEPS = 3

    def __init__(self, key, ledger, pool, leaks, command):
        super().__init__(key, ledger, pool)
        self.leaks, self.command = leaks, command
        self.missed, self.version, self.connection = False, None, None

    def get(self):
        self.missed = self.ledger.get(self.key) is None
        self.connection = self.pool.last()

    def read(self):
        if self.missed:
            self.version = self.ledger.database.read(self.key)

    def fill(self):
        if self.missed and not self.leaks:
            self.ledger.fill(self.key, self.version, self.command)
            self.pool.other += self.pool.last() is not self.connection

    steps = (get, read, fill)


class Writer(Task):
    """Commits to the database, then invalidates."""

    STEPS = 2

    def commit(self):
        self.version = self.ledger.database.commit(self.key)

    def invalidate(self):
        self.ledger.drop(self.key, self.version)

    steps = (commit, invalidate)
