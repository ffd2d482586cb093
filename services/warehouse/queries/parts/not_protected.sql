multiIf(communication_lost, 'communication_lost',
        {is_closed_site} AND NOT (notEmpty(area_modes) AND arrayAll(m -> m = 'armed_full', area_modes)), 'closed_not_armed',
        degraded, 'degraded',
        has(area_modes, 'armed_inhibited'), 'inhibited',
        notEmpty(path_statuses) AND arrayAll(s -> s = 'never_heard', path_statuses), 'never_heard',
        has(path_statuses, 'lost'), 'path_lost',
        '')
