"""Prints how siadc09 reads the qualifiers of Contact ID: a digit and its meaning a line."""
from siadc09 import dc05

for digit, meaning in sorted(dc05.QUALIFIER.items()):
    print(digit, meaning)
