"""Drives my-dc09-spt over two paths, the first of which is cut and mended.

usage: dualpath.py TCP|UDP account main-address back-up-address [main-key back-up-key]
Addresses are host:port, keys hexadecimal. The main path is line 1, the back-up line 2:
the dialler names no path (field G), so the lines tell them apart. Between its steps it
prints "cut" or "mend" and waits for a line. Prints, last, the codes that it sent, each
with the line that took it.
"""
import os
import sys
import time

from my_dc09_spt import dc09_spt
from my_dc09_spt.comm.transpathtcp import TransPathTCP
from my_dc09_spt.comm.transpathudp import TransPathUDP

# A busy machine answers late; a dialler that gives up sends by its other path as well.
# Over UDP it waits a fifth of this for its one try.
TransPathTCP.__init__.__defaults__ = (10,)
TransPathUDP.__init__.__defaults__ = (25,)

transport, account, *paths = sys.argv[1:]
keys = [bytes.fromhex(k) for k in paths[2:]] or [None, None]
deadline = time.monotonic() + 150


def give_up(why):
    """The dialler's threads outlive an exception; the process must not."""
    print(why, file=sys.stderr, flush=True)
    os._exit(1)


spt = dc09_spt.dc09_spt(account)
for line, (path, address, key) in enumerate(zip(("main", "back-up"), paths, keys), 1):
    host, port = address.rsplit(":", 1)
    spt.set_path(path, "primary", host, int(port), account=account, line=line, key=key, type=transport)
spt.start_poll(1, 1, retry_delay=0.3)


def wait_for(main, backup):
    want = {"main primary path ok": main, "back-up primary path ok": backup}
    while not want.items() <= spt.state().items():
        if time.monotonic() > deadline:
            give_up("%r, want %r" % (spt.state(), want))
        time.sleep(0.05)


sent = []


def send(line, kind, message):
    try:
        spt.send_msg(kind, message)
    except Exception as e:
        give_up("%s: %s" % (message, e))
    while spt.notSent() > 0:
        if time.monotonic() > deadline:
            give_up("not acknowledged: %r" % spt.state())
        time.sleep(0.05)
    sent.append("%d:%s" % (line, message["code"]))


def ask(step):
    print(step, flush=True)
    sys.stdin.readline()


wait_for(1, 1)
send(1, "SIA-DCS", {"code": "CL", "user": 14})
ask("cut")
send(2, "SIA-DCS", {"area": 2, "code": "BA", "zone": 3})  # before it knows
wait_for(0, 1)
send(2, "ADM-CID", {"code": 130, "q": 1, "zone": 4, "area": 1})
send(2, "SIA-DCS", {"area": 2, "code": "BR", "zone": 3})
ask("mend")
wait_for(1, 1)
send(1, "SIA-DCS", {"code": "OP", "user": 14})
print(" ".join(sent), flush=True)
os._exit(0)
