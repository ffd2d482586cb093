toUInt8(multiIf(deleted, 4, closure = 'detected', 1, closure = 'declared', 2, closure = 'end_to_confirm', 3, 0))
