"""redis-py, unmodified, listening: `subscriptions.py 2` or `subscriptions.py 3`, the protocol version."""

import json
import os
import sys
import time

import redis

from check import HOST, PORT, check

OWN = os.environ.get("OWN_CHANNELS") == "1"


def next_message(pubsub):
    """The next message that is no confirmation."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message = pubsub.get_message(timeout=1)
        if message and message["type"] in ("message", "pmessage"):
            return message
    return None


def plain(client):
    pubsub = client.pubsub()
    pubsub.subscribe("news")
    pubsub.psubscribe("new*")
    check("two confirmations", [pubsub.get_message(timeout=5)["data"] for _ in range(2)], [1, 2])
    check("PUBLISH reaches both subscriptions", client.publish("news", "hello"), 2)
    got = [next_message(pubsub) for _ in range(2)]
    check("a message and a message of the pattern", sorted(m["type"] for m in got), ["message", "pmessage"])
    check("both carry it", {m["data"] for m in got}, {b"hello"})
    check("PUBSUB CHANNELS", client.pubsub_channels("n*"), [b"news"])
    check("PUBSUB NUMSUB", client.pubsub_numsub("news", "none"), [(b"news", 1), (b"none", 0)])
    check("PUBSUB NUMPAT", client.pubsub_numpat(), 1)
    pubsub.ping()
    pubsub.unsubscribe()
    pubsub.punsubscribe()
    pubsub.close()


def notifications(client):
    client.config_set("notify-keyspace-events", "KEA")
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.psubscribe("__keyevent@0__:*")
    pubsub.get_message(timeout=1)
    client.set("note:1", "a")
    client.delete("note:1")
    client.set("note:2", "b", px=20)
    wanted = ["set", "del", "set", "expired"]
    got = []
    while len(got) < len(wanted):
        message = next_message(pubsub)
        if message is None:
            break
        event = message["channel"].decode().rsplit(":", 1)[1]
        # redis-server also tells of the time to live that SET gave.
        if event != "expire":
            got.append(event)
    check("set, del and expired are told", got, wanted)
    pubsub.close()
    client.config_set("notify-keyspace-events", "")


def invalidations(client):
    pubsub = client.pubsub(ignore_subscribe_messages=True)
    pubsub.psubscribe("__clearwell__:key:user:*")
    pubsub.subscribe("__clearwell__:tag:eu")
    for _ in range(2):
        pubsub.get_message(timeout=1)
    client.execute_command("CW.INVALIDATE", "KEYS", 1, "user:7")
    told = next_message(pubsub)
    check("the channel names the key", told["channel"], b"__clearwell__:key:user:7")
    told = json.loads(told["data"])
    check("the message tells what happened", (told["scope"], told["name"], told["cause"]), ("key", "user:7", "command"))
    client.execute_command("CW.INVALIDATE", "TAGS", 1, "eu")
    got = [next_message(pubsub) for _ in range(2)]
    check("a tag may concern any key", sorted(m["type"] for m in got), ["message", "pmessage"])
    pubsub.close()


client = redis.Redis(host=HOST, port=PORT, protocol=int(sys.argv[1]))
plain(client)
notifications(client)
if OWN:
    invalidations(client)
