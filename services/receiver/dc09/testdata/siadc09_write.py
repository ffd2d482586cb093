"""Writes a frame of every kind with siadc09, one JSON object a line.

Every token and every extended field, in clear and with keys of each length. Bytes
are in hexadecimal.
"""
import datetime
import json

from siadc09 import dc09
from siadc09.account import Account
from siadc09.admcid import parse_admcid
from siadc09.message import Message
from siadc09.siadcs import parse_siadcs
from siadc09.xdata import parse_data, parse_xdata

KEYS = [None, "00112233445566778899aabbccddeeff", "0f" * 24, "a5" * 32]
STAMP = datetime.datetime(2026, 11, 23, 13, 45, 12, tzinfo=datetime.UTC)
EMPTY = ("NULL", "XNM", "ACK", "NAK", "DUH", "RSP")


def data_of(token):
    if token in EMPTY:
        return None
    if token == "SIA-DCS":
        return parse_siadcs(b"#1234AB|Nri1/BA12")
    if token == "ADM-CID":
        return parse_admcid(b"#1234AB|1130 01 003")
    return parse_data(b"1234 56")


def fields_of(token):
    """Each field alone for one format; all of them together for the others."""
    every = [parse_xdata(f["example"]) for f in dc09.XDATA.values()]
    if token == "SIA-DCS":
        return [[], *[[x] for x in every], every]
    return [[], every]


for number, token in enumerate(dc09.MESSAGES):
    for key in KEYS:
        for xdata in fields_of(token):
            account = Account(acct=0x1234AB, pref=0x5, rcvr=0xC0FFD if key else None, key=key)
            data = data_of(token)
            stamp = STAMP if key or number % 2 else None
            config = {"idtoken": token, "seqno": number + 1, "data": data, "xdata": xdata, "timestamp": stamp}
            frame = Message(account, config).encode()
            print(json.dumps({
                "token": token,
                "sequence": number + 1,
                "receiver": account.rcvr or 0,
                "key": key or "",
                "encrypted": b'"*' in frame,
                "data": data.pack(brackets=False).hex() if data else "",
                "extended": b"".join(x.pack(brackets=True) for x in xdata).hex(),
                "stamped": stamp is not None,
                "frame": frame.hex(),
            }))
