package seed

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/open-vigie/vigie/services/warehouse"
)

// KeepForEver takes the expiry off the tables whose rows end after days, so that
// a history of the past stays in a warehouse. It is for warehouses of tests.
func KeepForEver(ctx context.Context, db *warehouse.DB) error {
	for _, table := range []string{"beats", "heartbeats", "heartbeats_by_hour", "heartbeats_by_day"} {
		if err := db.Conn().Exec(ctx, "ALTER TABLE "+db.Database()+"."+table+" REMOVE TTL"); err != nil {
			return fmt.Errorf("take the expiry off %s: %w", table, err)
		}
	}
	return nil
}

// block is how many rows go into one insert.
const block = 50_000

// Load puts the history into an empty warehouse of this program's schema. It
// needs the right to insert. Beats and polls older than the tables keep them
// vanish: see KeepForEver. A repeat with the same history adds nothing.
func (h *History) Load(ctx context.Context, db *warehouse.DB) error {
	l := loader{ctx: ctx, db: db, token: "seed-" + strconv.FormatInt(h.End.UnixMilli(), 10) + "-" + strconv.Itoa(len(h.Events))}
	load(&l, "events", h.Events, eventColumns)
	load(&l, "outcomes", h.Outcomes, outcomeColumns)
	load(&l, "site_states", h.SiteStates, stateColumns)
	load(&l, "incidents", h.Incidents, incidentColumns)
	load(&l, "detections", h.Detections, detectionColumns)
	load(&l, "beats", h.Beats, beatColumns)
	load(&l, "heartbeats", h.Heartbeats, heartbeatColumns)
	load(&l, "rejected", h.Rejected, rejectedColumns)
	return l.err
}

type loader struct {
	ctx   context.Context
	db    *warehouse.DB
	token string
	err   error
}

func load[R any](l *loader, table string, rows []R, columns func([]R) []warehouse.Column) {
	for i := 0; i < len(rows) && l.err == nil; i += block {
		part := rows[i:min(i+block, len(rows))]
		if err := l.db.Insert(l.ctx, table, fmt.Sprint(l.token, "-", i), columns(part)); err != nil {
			l.err = fmt.Errorf("load the history: %w", err)
		}
	}
}

// column takes one figure out of each row.
func column[R, V any](name, kind string, rows []R, value func(*R) V) warehouse.Column {
	values := make([]V, len(rows))
	for i := range rows {
		values[i] = value(&rows[i])
	}
	return warehouse.Column{Name: name, Type: kind, Values: values}
}

const (
	typeTime  = "DateTime64(3, 'UTC')"
	typeName  = "LowCardinality(String)"
	typeNames = "Array(LowCardinality(String))"
	typeTexts = "Array(String)"
	typeTimes = "Array(DateTime64(3, 'UTC'))"
)

func at[R any](name string, rows []R, value func(*R) time.Time) warehouse.Column {
	return column(name, typeTime, rows, value)
}

func word[R any](name string, rows []R, value func(*R) string) warehouse.Column {
	return column(name, typeName, rows, value)
}

func text[R any](name string, rows []R, value func(*R) string) warehouse.Column {
	return column(name, "String", rows, value)
}

func number[R any](name string, rows []R, value func(*R) uint64) warehouse.Column {
	return column(name, "UInt64", rows, value)
}

func truth[R any](name string, rows []R, value func(*R) bool) warehouse.Column {
	return column(name, "Bool", rows, value)
}

func id[R any](name string, rows []R, value func(*R) uuid.UUID) warehouse.Column {
	return column(name, "UUID", rows, value)
}

func small[R any](name string, rows []R, value func(*R) uint8) warehouse.Column {
	return column(name, "UInt8", rows, value)
}

func places[R any](rows []R, place func(*R) Place) []warehouse.Column {
	return []warehouse.Column{
		column("kafka_partition", "UInt16", rows, func(r *R) uint16 { return place(r).Partition }),
		column("kafka_offset", "UInt64", rows, func(r *R) uint64 { return place(r).Offset }),
		column("kafka_index", "UInt32", rows, func(r *R) uint32 { return place(r).Index }),
	}
}
