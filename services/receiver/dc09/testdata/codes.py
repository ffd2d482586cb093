"""Lists the codes that siadc09 and pysiaalarm know, one a line.

Columns, by tabs: sia or cid; the code; its name in siadc09; its name in pysiaalarm,
or the SIA codes that pysiaalarm pairs a Contact ID code with. "-" is not there.
"""
from pysiaalarm.data.adm_mapping import ADM_MAPPING
from pysiaalarm.data.sia_codes import SIA_CODES
from siadc09 import dc03, dc05


def name(entry):
    return entry["name"] if entry else "-"


def plain(text):
    return text.replace("\u2013", "-").replace("\t", " ")


for code in sorted(set(dc03.EVENT) | set(SIA_CODES)):
    ours = SIA_CODES.get(code)
    print("sia", code, plain(name(dc03.EVENT.get(code))), plain(ours.type) if ours else "-", sep="\t")
for code in sorted(set(dc05.EVENT) | set(ADM_MAPPING)):
    pair = ADM_MAPPING.get(code)
    print("cid", code, plain(name(dc05.EVENT.get(code))), pair["1"] + "/" + pair["3"] if pair else "-", sep="\t")
