"""Asks ClickHouse with clickhouse-connect.

usage: query.py url user password database site
Prints the site's events as "kind code", in the order of the log.
"""
import sys
from urllib.parse import urlparse

import clickhouse_connect

url, user, password, database, site = sys.argv[1:6]
address = urlparse(url)
client = clickhouse_connect.get_client(
    host=address.hostname, port=address.port, username=user, password=password, database=database)
rows = client.query(
    "SELECT kind, code FROM events WHERE site = {site:UInt64} ORDER BY kafka_partition, kafka_offset, kafka_index",
    parameters={"site": int(site)}).result_rows
for kind, code in rows:
    print(kind, code)
