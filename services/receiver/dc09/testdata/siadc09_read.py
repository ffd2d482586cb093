"""Reads frames with siadc09: a frame and its key a line, in hexadecimal.

Prints what it understood, one JSON object a line, or why it did not.
"""
import json
import sys

from siadc09.message import parse_frame

for line in sys.stdin:
    frame, _, key = line.rstrip("\n").partition(" ")
    try:
        m = parse_frame(bytes.fromhex(frame), bytes.fromhex(key) if key else None)
        print(json.dumps({
            "token": m.idtoken,
            "sequence": m.seq,
            "account": m.account.acct,
            "line": m.account.pref or 0,
            "receiver": m.account.rcvr or 0,
            "encrypted": bool(m.encrypted),
            "data": m.data.pack(brackets=False).hex() if m.data else "",
            "extended": b"".join(x.pack(brackets=True) for x in m.xdata).hex(),
            "stamp": int(m.timestamp.timestamp() * 1000) if m.timestamp else 0,
        }))
    except Exception as e:
        print(json.dumps({"error": "%s: %s" % (type(e).__name__, e)}))
