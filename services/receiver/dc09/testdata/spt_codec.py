"""Writes encrypted frames with my-dc09-spt, and reads encrypted answers with it.

Without input: a frame a line, its key and what is in it. With input, lines of a
key, a sequence and an answer in hexadecimal: what it takes the answer for.
"""
import sys

from my_dc09_spt.msg.dc03_msg import dc03_msg
from my_dc09_spt.msg.dc05_msg import dc05_msg
from my_dc09_spt.msg.dc09_msg import dc09_msg

lines = sys.stdin.read().split("\n")[:-1]
for line in lines:
    key, sequence, answer = line.split(" ")
    kind, offset = dc09_msg("1234", bytes.fromhex(key)).dc09answer(int(sequence), bytes.fromhex(answer).decode("latin-1"))
    print(kind, "clock" if offset is not None else "no clock")

if not lines:
    for key in (bytes(range(16)), bytes(range(32))):
        for receiver, line in ((None, None), (1, 2)):
            m = dc09_msg("1234", key, receiver, line)
            extra = dc09_msg.dc09_extra({"mac": "0026b9e4268b", "lat": "52.21"})
            for number, (token, data) in enumerate([
                ("SIA-DCS", dc03_msg.dc03event("1234", {"area": 2, "code": "BA", "zone": 3}) + extra),
                ("ADM-CID", dc05_msg.dc05event("1234", {"code": 130, "q": 1, "zone": 4, "area": 1})),
                ("NULL", "]"),
            ]):
                print(key.hex(), token, number + 1, data.encode().hex(), m.dc09block(number + 1, token, data).encode("latin-1").hex())
