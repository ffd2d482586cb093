(answered_ms > 0 AND answered_ms <= second_ms)
