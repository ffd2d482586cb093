(SELECT site, since, {is_closed_code} AS closed FROM {closures})
