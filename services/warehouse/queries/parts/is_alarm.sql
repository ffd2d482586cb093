(kind = 'alarm_raised' AND class NOT IN ('test', 'information')
        OR kind = 'fault_raised' AND class IN ('hold_up', 'duress', 'fire', 'sprinkler', 'medical', 'lone_worker', 'gas', 'tamper', 'jamming', 'substitution', 'technical_critical')
        OR kind = 'tamper' AND NOT restored
        OR kind = 'data_received')
