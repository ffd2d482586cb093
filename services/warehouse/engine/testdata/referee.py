"""Asks the engine as clickhouse-connect does, and checks each answer.

Arguments: host port user password reader reader-password. Prints one line for
each rule that held; raises on the first that did not.
"""
import concurrent.futures
import datetime
import decimal
import ipaddress
import sys
import uuid

import clickhouse_connect
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

host, port, user, password, reader, reader_password = sys.argv[1:]


def client(**options):
    options = {"username": user, "password": password, **options}
    return clickhouse_connect.get_client(host=host, port=int(port), **options)


ROW = {
    "b": ("Bool", True),
    "i8": ("Int8", -128),
    "i16": ("Int16", -(2**15)),
    "i32": ("Int32", -(2**31)),
    "i64": ("Int64", -(2**63)),
    "u8": ("UInt8", 255),
    "u16": ("UInt16", 2**16 - 1),
    "u32": ("UInt32", 2**32 - 1),
    "u64": ("UInt64", 2**64 - 1),
    "i128": ("Int128", -(2**100)),
    "u128": ("UInt128", 2**128 - 1),
    "i256": ("Int256", -(2**200)),
    "u256": ("UInt256", 2**256 - 1),
    "f32": ("Float32", 0.25),
    "f": ("Float64", 1.5),
    "d": ("Decimal(18, 4)", decimal.Decimal("12.3400")),
    "d9": ("Decimal(9, 2)", decimal.Decimal("-1.25")),
    "d38": ("Decimal(38, 10)", decimal.Decimal("123456789012345678.0123456789")),
    "s": ("String", "a\n\nb'\\\t\u00e9"),
    "fs": ("FixedString(4)", b"abcd"),
    "lc": ("LowCardinality(String)", "x"),
    "ln": ("LowCardinality(Nullable(String))", None),
    "n": ("Nullable(String)", None),
    "ni": ("Nullable(Int64)", 5),
    "u": ("UUID", uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")),
    "da": ("Date", datetime.date(2026, 11, 24)),
    "da32": ("Date32", datetime.date(1950, 1, 2)),
    "ds": ("DateTime('UTC')", datetime.datetime(2026, 11, 24, 1, 2, 3)),
    "dt": ("DateTime64(3, 'UTC')", datetime.datetime(2026, 11, 24, 1, 2, 3, 456000)),
    "d6": ("DateTime64(6, 'UTC')", datetime.datetime(2026, 11, 24, 1, 2, 3, 456789)),
    "ip": ("IPv4", ipaddress.IPv4Address("10.1.2.3")),
    "ip6": ("IPv6", ipaddress.IPv6Address("2001:db8::1")),
    "e": ("Enum8('p' = 1, 'q' = 2)", "q"),
    "e16": ("Enum16('p' = 1, 'q' = 1000)", "q"),
    "a": ("Array(Array(UInt8))", [[1, 2], []]),
    "an": ("Array(Nullable(String))", ["v", None]),
    "t": ("Tuple(UInt8, String)", (7, "z")),
    "m": ("Map(String, UInt32)", {"k": 9}),
    "ma": ("Map(String, Array(UInt32))", {"k": [9, 10]}),
    "al": ("Array(LowCardinality(String))", ["v", "w", "v"]),
}


def types():
    for compress in (False, True, "lz4", "zstd", "gzip"):
        c = client(compress=compress)
        c.command("DROP TABLE IF EXISTS kinds")
        c.command("CREATE TABLE kinds (%s) ENGINE = MergeTree ORDER BY u64" % ", ".join(f"{k} {t}" for k, (t, _) in ROW.items()))
        summary = c.insert("kinds", [[v for _, v in ROW.values()]] * 3, column_names=list(ROW))
        assert summary.written_rows == 3, summary.summary
        for row in c.query("SELECT * FROM kinds").named_results():
            for name, (kind, want) in ROW.items():
                got = row[name]
                if isinstance(got, datetime.datetime):
                    got = got.replace(tzinfo=None)
                assert got == want, (compress, kind, got, want)
        c.close()
    print("types")


def states():
    c = client()
    c.command("CREATE TABLE states (k UInt8, n AggregateFunction(uniq, UInt64), q AggregateFunction(quantileTDigest(0.5), Float64)) ENGINE = AggregatingMergeTree ORDER BY k")
    for at in (0, 500):
        c.command(f"INSERT INTO states SELECT 1, uniqState(number + {at}), quantileTDigestState(toFloat64(number)) FROM numbers(1000) GROUP BY 1")
    n, q = c.query("SELECT uniqMerge(n), quantileTDigestMerge(0.5)(q) FROM states GROUP BY k").result_rows[0]
    assert n == 1500 and 490 < q < 510, (n, q)
    c.command("CREATE TABLE docs (j JSON) ENGINE = MergeTree ORDER BY tuple()")
    c.insert("docs", [[{"a": 1, "b": {"c": "x"}}]], column_names=["j"])
    assert c.query("SELECT j.a::Int64, j.b.c::String, toString(j) FROM docs").result_rows == [(1, "x", '{"a":1,"b":{"c":"x"}}')]
    print("states")


def beside():
    c = client(username=reader, password=reader_password)
    rows = ExternalData(file_name="mine", data=b"1\ta\n2\tb\n", structure=["n UInt8", "s String"])
    assert c.query("SELECT n, s FROM mine ORDER BY n", external_data=rows).result_rows == [(1, "a"), (2, "b")]
    print("beside")


def big():
    c = client(compress="lz4")
    c.command("CREATE TABLE big (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
    n = 200_000
    c.insert("big", [list(range(n)), [f"row {i}\n\n" for i in range(n)]], column_names=["n", "s"], column_oriented=True)
    assert c.query("SELECT count(), sum(n), uniqExact(s) FROM big").result_rows == [(n, n * (n - 1) // 2, n)]
    seen = 0
    with c.query_row_block_stream("SELECT n, s FROM big ORDER BY n") as blocks:
        for block in blocks:
            for number, text in block:
                assert number == seen and text == f"row {seen}\n\n"
                seen += 1
    assert seen == n
    print("big")


def token():
    c = client()
    c.command("CREATE TABLE once (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100")
    for _ in range(2):
        c.insert("once", [[1]], column_names=["n"], settings={"insert_deduplication_token": "t1", "async_insert": 0})
    c.insert("once", [[2]], column_names=["n"])
    c.insert("once", [[3]], column_names=["n"])
    assert c.query("SELECT groupArray(n) FROM (SELECT n FROM once ORDER BY n)").result_rows == [([1, 2, 3],)]
    print("token")


def parameters():
    c = client()
    got = c.query("SELECT {s:String}, {n:Int64}, {a:Array(String)}", parameters={"s": "it's\\ \n\t", "n": -5, "a": ["x'", "y"]}).result_rows
    assert got == [("it's\\ \n\t", -5, ["x'", "y"])], got
    print("parameters")


def errors():
    c = client()
    for sql, code in (("SELECT nosuch", 47), ("SELECT * FROM nosuch", 60), ("SELEC", 62), ("SELECT 1; SELECT 2", 62),
                      ("SELECT throwIf(number = 1) FROM numbers(3)", 395), ("SELECT * FROM file('/etc/passwd')", 497)):
        try:
            c.query(sql)
        except DatabaseError as e:
            assert f"Code: {code}." in str(e) or f"error code {code}" in str(e), (sql, str(e))
        else:
            raise AssertionError(f"{sql} was answered")
    assert c.query("SELECT 1").result_rows == [(1,)]
    assert c.ping()
    print("errors")


def sessions():
    c = client()
    c.command("CREATE TEMPORARY TABLE mine (n UInt8)")
    c.insert("mine", [[1]], column_names=["n"])
    assert c.query("SELECT * FROM mine").result_rows == [(1,)]
    try:
        client().query("SELECT * FROM mine")
    except DatabaseError:
        print("sessions")
    else:
        raise AssertionError("a temporary table shows in another session")


def reads_only():
    c = client(username=reader, password=reader_password)
    assert c.query("SELECT count() FROM big").result_rows == [(200_000,)]
    for sql in ("CREATE TABLE r (n UInt8) ENGINE = Memory", "DROP TABLE big", "SET readonly = 0"):
        try:
            c.command(sql)
        except DatabaseError:
            continue
        raise AssertionError(f"the reader was let {sql}")
    print("reads_only")


def one_of_many(i):
    c = client(session_id=f"worker-{i}")
    try:
        assert c.query("SELECT sum(number), {i:UInt32} FROM numbers(100000)", parameters={"i": i}).result_rows == [(4999950000, i)]
    finally:
        c.close()


def concurrency():
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(one_of_many, range(64)))
    print("concurrency")


for rule in (types, states, beside, big, token, parameters, errors, sessions, reads_only, concurrency):
    rule()
