(NOT deleted AND claimed_by = '' AND status NOT IN ('closed', 'parked'))
