multiIf(class != '', toString(class), kind = 'tamper', 'tamper', 'not_configured')
