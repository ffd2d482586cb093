"""Drives my-dc09-spt, a third party's DC-09 dialler, against a receiver.

usage: dialler.py host:port TCP|UDP account
Texts are plain ASCII: version 0.2.2 counts characters, not bytes, and a frame
with an accent announces a wrong length, which a receiver must refuse.
Prints the codes that it sent, one a line, once all of them were acknowledged.
"""
import os
import sys
import time

from my_dc09_spt import dc09_spt

address, transport, account = sys.argv[1:4]
host, port = address.rsplit(":", 1)

spt = dc09_spt.dc09_spt(account)
spt.set_path("main", "primary", host, int(port), account=account, type=transport)
spt.start_poll(1)



def give_up(why):
    """The dialler's threads outlive an exception; the process must not."""
    print(why, file=sys.stderr, flush=True)
    os._exit(1)


deadline = time.monotonic() + 60
while not spt.isConnected() or spt.state().get("poll count", 0) < 2:
    if time.monotonic() > deadline:
        give_up("no poll was acknowledged: %r" % spt.state())
    time.sleep(0.1)

sent = []
for kind, message in [
    ("SIA-DCS", {"code": "CL", "user": 14}),
    ("SIA-DCS", {"area": 2, "code": "BA", "zone": 3, "zonename": "Entree", "text": "Detecteur"}),
    ("ADM-CID", {"code": 130, "q": 1, "zone": 4, "area": 1}),
    ("SIA-DCS", {"area": 2, "code": "BR", "zone": 3}),
    ("ADM-CID", {"code": 130, "q": 3, "zone": 4, "area": 1}),
    ("SIA-DCS", {"code": "OP", "user": 14}),
]:
    try:
        spt.send_msg(kind, message)
    except Exception as e:
        give_up("%s: %s" % (message, e))
    while spt.notSent() > 0:
        if time.monotonic() > deadline:
            give_up("not acknowledged: %r" % spt.state())
        time.sleep(0.05)
    sent.append(str(message["code"]))

spt.stop_poll()
print("\n".join(sent), flush=True)
os._exit(0)
