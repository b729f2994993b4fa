"""redis-py's cluster client, unmodified, doing a cache's work while one of the nodes is killed."""

import os
import signal
import sys

from redis.backoff import ExponentialWithJitterBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry

from check import check

ports = [int(port) for port in os.environ["CLUSTER_PORTS"].split(",")]
protocol = int(sys.argv[1])
client = RedisCluster(
    startup_nodes=[ClusterNode("127.0.0.1", port) for port in ports],
    protocol=protocol,
    decode_responses=True,
    # The client's own way of waiting for a failover. It asks anew without a pause where a node does not accept any more: a failover takes many of them.
    retry=Retry(ExponentialWithJitterBackoff(base=0.1, cap=1), 500),
)

names = [f"py:{number}" for number in range(300)]
check("the nodes", sorted(node.port for node in client.get_nodes()), sorted(ports))
check("three own slots", len({client.get_node_from_key(name).port for name in names}), 3)
check("set", [client.set(name, name) for name in names], [True] * len(names))
check("get", [client.get(name) for name in names], names)
check("mget_nonatomic", client.mget_nonatomic(names), names)
check("delete over slots", client.delete(*names[:50]), 50)
check("exists over slots", client.exists(*names), 250)
check("a hash tag", client.mset({"{py}a": "1", "{py}b": "2"}))
check("mget", client.mget("{py}a", "{py}none", "{py}b"), ["1", None, "2"])
check("ttl", [client.set("py:ttl", "1", ex=100), 98 <= client.ttl("py:ttl") <= 100], [True, True])
check("rename in a slot", client.rename("{py}a", "{py}c"))

pipe = client.pipeline()
for name in names[50:]:
    pipe.get(name)
check("a pipeline over nodes", pipe.execute(), names[50:])
with client.pipeline(transaction=True) as multi:
    multi.set("{py}t", "1").incr("{py}t").get("{py}t")
    check("a transaction", multi.execute(), ["OK", 2, "2"])
    multi.watch("{py}t")
    multi.multi()
    multi.incr("{py}t")
    check("a watched one", multi.execute(), [3])
check("dbsize of all", client.dbsize(target_nodes=RedisCluster.PRIMARIES), 250 + 4)
check("scan of all", sorted(client.scan_iter(match="py:*", count=50)), sorted([*names[50:], "py:ttl"]))
check("keys of all", sorted(client.keys("py:*", target_nodes=RedisCluster.PRIMARIES)), sorted([*names[50:], "py:ttl"]))

for name in names:
    client.set(name, f"{name} again")
os.kill(int(os.environ["KILL_PID"]), signal.SIGKILL)
check("what was acknowledged is there", [client.get(name) for name in names], [f"{name} again" for name in names])
check("writes go on", [client.incr(f"{name}:count") for name in names], [1] * len(names))
check("two nodes are left", len({client.get_node_from_key(name).port for name in names}), 2)
check("flushall", bool(client.flushall()))
check("nothing is left", client.exists(*names), 0)
