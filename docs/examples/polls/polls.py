"""Counts the polls of each site from vigie.events, as they arrive.

Shows the two things that a reader of this topic must know: a value is a
LogRecord, of which one kind is an event of one site; and polls do not stand
there one by one, but packed into beats, a few a second for all sites together.

Once, for the Python classes of the schemas (pip install grpcio-tools confluent-kafka):
    python -m grpc_tools.protoc -I schemas/proto --python_out=gen schemas/proto/vigie/v1/*.proto
Then:
    PYTHONPATH=gen python docs/examples/polls/polls.py 127.0.0.1:9092 [--until-end]
"""
import argparse
import collections
import json
import sys

from confluent_kafka import Consumer, KafkaError, TopicPartition

from vigie.v1.record_pb2 import LogRecord


def polls(beat):
    """Yields (site, path, received_at in Unix ms) of each poll in a beat."""
    received = beat.base_ms
    for i, site in enumerate(beat.site):
        received += beat.received_delta_ms[i]
        yield site, beat.path[i] if beat.path else 1, received


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("brokers")
    arguments.add_argument("--topic", default="vigie.events")
    arguments.add_argument("--until-end", action="store_true", help="stop at what the topic has now")
    options = arguments.parse_args()

    # No group: this program keeps nothing, so it reads all partitions from the start.
    consumer = Consumer({
        "bootstrap.servers": options.brokers, "group.id": "example-polls", "enable.auto.commit": False,
        "enable.partition.eof": True, "isolation.level": "read_committed",
    })
    partitions = consumer.list_topics(options.topic, timeout=30).topics[options.topic].partitions
    consumer.assign([TopicPartition(options.topic, p, 0) for p in partitions])

    sites = collections.defaultdict(lambda: {"polls": 0, "events": 0, "last_heard_ms": 0})
    reading = set(partitions)
    while reading or not options.until_end:
        message = consumer.poll(30)
        if message is None:
            continue
        if message.error():
            if message.error().code() != KafkaError._PARTITION_EOF:
                print(message.error(), file=sys.stderr)
            elif options.until_end:
                reading.discard(message.partition())
            continue
        record = LogRecord.FromString(message.value())
        if record.version > 1:
            sys.exit(f"offset {message.offset()} has a newer envelope, version {record.version}: get the newer schemas")
        kind = record.WhichOneof("record")
        if kind == "event":
            site = sites[record.event.site]
            site["events"] += 1
            site["last_heard_ms"] = max(site["last_heard_ms"], record.event.received_at_ms)
        elif kind == "beat":
            for number, _, received in polls(record.beat):
                site = sites[number]
                site["polls"] += 1
                site["last_heard_ms"] = max(site["last_heard_ms"], received)
        # policy, receiver_life, broadcast: of no site, and none of this program's business.
    for number in sorted(sites):
        print(json.dumps({"site": number, **sites[number]}))
    consumer.close()


if __name__ == "__main__":
    main()
