(answered_ms > 0 AND answered_ms <= first_ms)
