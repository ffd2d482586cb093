{received_before} AND received_at >= (SELECT toDateTime64(min(opened_on), 3, 'UTC') FROM {unended_incidents_then} WHERE opened_on > '1970-01-01')
        AND (site, incident) IN (SELECT site, incident FROM {unended_incidents_then})
