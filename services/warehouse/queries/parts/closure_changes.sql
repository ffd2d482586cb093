(
    SELECT site, changed_at, argMax(became_closed, kafka_offset) AS closed
    FROM
    (
        SELECT site, received_at AS changed_at, kafka_offset, {is_closed_code} AS became_closed,
            lagInFrame(became_closed, 1, 0) OVER (PARTITION BY site ORDER BY kafka_offset ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
        FROM {closures}
    )
    WHERE became_closed != before
    GROUP BY site, changed_at
)
