(code IN (1, 2, 3))
