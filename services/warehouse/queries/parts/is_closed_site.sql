(NOT deleted AND closure IN ('detected', 'declared', 'end_to_confirm'))
