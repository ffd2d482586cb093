"""Reads a topic with confluent-kafka, committed records only.

usage: consume.py brokers topic key
Prints the values under that key in order, one a line, in hexadecimal.
"""
import sys

from confluent_kafka import Consumer, TopicPartition

brokers, topic, key = sys.argv[1:4]
consumer = Consumer({
    "bootstrap.servers": brokers, "group.id": "third-party", "enable.auto.commit": False,
    "isolation.level": "read_committed", "auto.offset.reset": "earliest", "enable.partition.eof": True,
})
partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
open_partitions = set(partitions)
while open_partitions:
    message = consumer.poll(30)
    if message is None:
        sys.exit("nothing came within 30 s")
    if message.error():
        open_partitions.discard(message.partition())
        continue
    if message.key() == key.encode():
        print(message.value().hex())
consumer.close()
