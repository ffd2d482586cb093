"""Runs pysiaalarm, a third party's receiver, on a free port of 127.0.0.1.

usage: receiver.py TCP|UDP account [key]
Prints the port, then a line for each event it accepted: code, zone or partition,
message, and E for encrypted. Ends with its standard input.
"""
import os
import sys

from pysiaalarm import CommunicationsProtocol, SIAAccount, SIAClient

protocol, account, *key = sys.argv[1:]


def accepted(event):
    print(event.code, event.ri, event.message or "-", "E" if event.encrypted else "-", flush=True)


client = SIAClient("127.0.0.1", 0, [SIAAccount(account, *key)], accepted, CommunicationsProtocol[protocol])
client.start()
print(client.sia_server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)  # an orderly stop waits for its poll of half a second
