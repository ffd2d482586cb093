package archiver

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/warehouse"
)

const (
	// rollupStretch is the least of a rollup that is compared at a time, and rollupRows
	// about how many rows of it and its table are: what one query groups must fit into
	// memory, and of some rollups each reads all of the table.
	rollupStretch = 24 * time.Hour
	rollupRows    = 1_000_000
	// rollupLooks and rollupPause: a view's rows come a moment after its table's, so
	// that a difference counts only when it stays.
	rollupLooks = 5
	rollupPause = 200 * time.Millisecond
	// rollupBuckets is how many buckets one statement reckons anew.
	rollupBuckets = 500
)

// rollup is the target of a materialized view over a table of ours.
type rollup struct {
	table, base string
	// selects is the view's query; columns are all of the target's.
	selects string
	columns []string
	// bucket is the column of time among keys; values are aggregates to compare.
	bucket string
	keys   []string
	values []string
}

var (
	viewTarget = regexp.MustCompile(`^CREATE MATERIALIZED VIEW \S+ TO \w+\.(\w+)`)
	viewBase   = regexp.MustCompile(`FROM \w+\.(\w+)`)
	simpleType = regexp.MustCompile(`^SimpleAggregateFunction\((\w+),`)
)

// readRollups finds them in the schema, so that a new one is proven from its first day.
func readRollups(ctx context.Context, db *warehouse.DB) ([]rollup, error) {
	rows, err := db.Conn().Query(ctx, "SELECT create_table_query, as_select FROM system.tables WHERE engine = 'MaterializedView' AND database = '"+db.Database()+"' ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("list the views: %w", err)
	}
	defer rows.Close()
	var all []rollup
	for rows.Next() {
		var create string
		var r rollup
		if err := rows.Scan(&create, &r.selects); err != nil {
			return nil, fmt.Errorf("list the views: %w", err)
		}
		target, base := viewTarget.FindStringSubmatch(create), viewBase.FindStringSubmatch(r.selects)
		if target == nil || base == nil || !slices.Contains(archivedTables(), base[1]) {
			continue
		}
		r.table, r.base = target[1], base[1]
		all = append(all, r)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list the views: %w", err)
	}
	for i := range all {
		if err := all[i].readColumns(ctx, db); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(all, func(r rollup) bool { return r.bucket == "" }), nil
}

// archivedTables are all that the archiver writes, each once.
func archivedTables() (names []string) {
	for _, topic := range Topics {
		for _, t := range tablesOf(topic) {
			if !slices.Contains(names, t.name()) {
				names = append(names, t.name())
			}
		}
	}
	return names
}

// readColumns tells keys from aggregates. States of AggregateFunction are not
// compared: of some the order of merges is seen.
func (r *rollup) readColumns(ctx context.Context, db *warehouse.DB) error {
	rows, err := db.Conn().Query(ctx, "SELECT name, type, is_in_sorting_key FROM system.columns WHERE database = '"+db.Database()+"' AND table = '"+r.table+"' ORDER BY position")
	if err != nil {
		return fmt.Errorf("columns of %s: %w", r.table, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, kind string
		var key uint8
		if err := rows.Scan(&name, &kind, &key); err != nil {
			return fmt.Errorf("columns of %s: %w", r.table, err)
		}
		r.columns = append(r.columns, name)
		simple := simpleType.FindStringSubmatch(kind)
		switch {
		case key == 1:
			r.keys = append(r.keys, name)
			if r.bucket == "" && strings.HasPrefix(kind, "Date") {
				r.bucket = name
			}
		case simple != nil:
			r.values = append(r.values, simple[1]+"("+name+")")
		case !strings.HasPrefix(kind, "AggregateFunction"):
			r.values = append(r.values, "sum("+name+")")
		}
	}
	return rows.Err()
}

// source is what the rollup should be, as something to select from.
func (r *rollup) source() string { return "(" + r.selects + ")" }

// sums are the digests of the buckets in [from, to) of the target or the source.
func (r *rollup) sums(ctx context.Context, db *warehouse.DB, what string, from, to time.Time) (map[int64]uint64, error) {
	keys := strings.Join(r.keys, ", ")
	named := make([]string, len(r.values))
	sql := "SELECT toInt64(toUnixTimestamp(" + r.bucket + ")) AS at, sum(cityHash64(" + keys
	for i, value := range r.values {
		sql += fmt.Sprintf(", v%d", i)
		named[i] = fmt.Sprintf(", %s AS v%d", value, i)
	}
	sql += fmt.Sprintf(")) FROM (SELECT %s%s FROM %s WHERE %s >= fromUnixTimestamp(%d) AND %s < fromUnixTimestamp(%d) GROUP BY %s) GROUP BY at",
		keys, strings.Join(named, ""), what, r.bucket, from.Unix(), r.bucket, to.Unix(), keys)
	rows, err := db.Conn().Query(ctx, sql)
	if err != nil {
		return nil, fmt.Errorf("sum the rollup %s: %w", r.table, err)
	}
	defer rows.Close()
	out := map[int64]uint64{}
	for rows.Next() {
		var at int64
		var sum uint64
		if err := rows.Scan(&at, &sum); err != nil {
			return nil, fmt.Errorf("sum the rollup %s: %w", r.table, err)
		}
		out[at] = sum
	}
	return out, rows.Err()
}

// differing compares the buckets of a stretch. Those whose table changes meanwhile
// count as equal: the next look sees them.
func (r *rollup) differing(ctx context.Context, db *warehouse.DB, from, to time.Time) (wrong []int64, all int, err error) {
	before, err := r.sums(ctx, db, r.source(), from, to)
	if err != nil {
		return nil, 0, err
	}
	have, err := r.sums(ctx, db, db.Database()+"."+r.table, from, to)
	if err != nil || maps.Equal(before, have) {
		return nil, len(have), err
	}
	after, err := r.sums(ctx, db, r.source(), from, to)
	if err != nil {
		return nil, 0, err
	}
	keys := maps.Clone(have)
	maps.Copy(keys, before)
	for at := range keys {
		want, there := before[at]
		got, stands := have[at]
		if (want != got || there != stands) && after[at] == want {
			wrong = append(wrong, at)
		}
	}
	slices.Sort(wrong)
	return wrong, len(keys), nil
}

// stretches are the days that the rollup or its table has rows of, several in one where
// they are few: what the table may have lost by age is left out, and what a rebuild has
// kept.
func (r *rollup) stretches(ctx context.Context, db *warehouse.DB, now time.Time) ([][2]time.Time, error) {
	at := db.Database() + "."
	var kept int64
	if err := db.Conn().QueryRow(ctx, "SELECT toInt64(toUnixTimestamp(max(newest_at))) FROM "+at+"not_rebuildable FINAL WHERE table_name = '"+r.table+"'").Scan(&kept); err != nil {
		return nil, fmt.Errorf("what of %s was kept: %w", r.table, err)
	}
	first := time.Unix(max(kept, (oldest(r.base, now)+999)/1000), 0).UTC()
	rows, err := db.Conn().Query(ctx, fmt.Sprintf("SELECT intDiv(at, 86400) AS day, count() FROM (SELECT toInt64(toUnixTimestamp(%[1]s)) AS at FROM %[2]s%[3]s UNION ALL SELECT toInt64(toUnixTimestamp(received_at)) AS at FROM %[2]s%[4]s) WHERE day >= %[5]d GROUP BY day ORDER BY day",
		r.bucket, at, r.table, r.base, first.Unix()/86400))
	if err != nil {
		return nil, fmt.Errorf("days of %s: %w", r.table, err)
	}
	defer rows.Close()
	var all [][2]time.Time
	var size uint64
	for rows.Next() {
		var day int64
		var n uint64
		if err := rows.Scan(&day, &n); err != nil {
			return nil, fmt.Errorf("days of %s: %w", r.table, err)
		}
		from := time.Unix(day*86400, 0).UTC()
		to := from.Add(rollupStretch)
		if size += n; len(all) > 0 && size <= rollupRows {
			all[len(all)-1][1] = to
			continue
		}
		size = n
		if from.Before(first) {
			from = first // the first may begin in the midst of a day
		}
		all = append(all, [2]time.Time{from, to})
	}
	return all, rows.Err()
}

// rollups compares each with the aggregate of its table.
func (v *verifier) rollups(ctx context.Context) error {
	all, err := readRollups(ctx, v.DB)
	if err != nil {
		return err
	}
	for _, r := range all {
		told := &RollupReport{Table: r.table, Of: r.base}
		v.report.Rollups = append(v.report.Rollups, told)
		stretches, err := r.stretches(ctx, v.DB, v.now)
		if err != nil {
			return err
		}
		for _, s := range stretches {
			if err := v.rollup(ctx, &r, told, s[0], s[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *verifier) rollup(ctx context.Context, r *rollup, told *RollupReport, from, to time.Time) error {
	var wrong []int64
	for look := range rollupLooks {
		if look > 0 && !wait(ctx, rollupPause) {
			return ctx.Err()
		}
		var all int
		var err error
		if wrong, all, err = r.differing(ctx, v.DB, from, to); err != nil {
			return err
		}
		if len(wrong) == 0 {
			told.Buckets += all
			return nil
		}
		if look == rollupLooks-1 {
			told.Buckets += all
		}
	}
	told.Different += len(wrong)
	if v.Repair {
		if err := v.reckon(ctx, r, wrong); err != nil {
			return err
		}
		told.Repaired += len(wrong)
	}
	v.report.fault(Fault{Kind: Rollup, Table: r.table, Topic: r.base, First: wrong[0], Last: wrong[len(wrong)-1], Rows: uint64(len(wrong)), Repaired: v.Repair})
	return nil
}

// reckon puts the aggregate of the table in the place of these buckets, while the
// archivers hold still: what they add meanwhile would count twice, or not at all.
func (v *verifier) reckon(ctx context.Context, r *rollup, buckets []int64) error {
	return holdArchivers(ctx, v.DB, "a rollup is reckoned anew", func(ctx context.Context) error {
		return r.reckon(ctx, v.DB, buckets)
	})
}

func (r *rollup) reckon(ctx context.Context, db *warehouse.DB, buckets []int64) error {
	columns := strings.Join(r.columns, ", ")
	for some := range slices.Chunk(buckets, rollupBuckets) {
		list := make([]string, len(some))
		for i, at := range some {
			list[i] = strconv.FormatInt(at, 10)
		}
		in := " WHERE toUnixTimestamp(" + r.bucket + ") IN (" + strings.Join(list, ", ") + ")"
		target := db.Database() + "." + r.table
		for _, sql := range []string{
			"DELETE FROM " + target + in,
			"INSERT INTO " + target + " (" + columns + ") SELECT " + columns + " FROM " + r.source() + in + " SETTINGS insert_deduplicate = 0",
		} {
			if err := db.Conn().Exec(ctx, sql); err != nil {
				return fmt.Errorf("reckon %d buckets of %s anew: %w", len(some), r.table, err)
			}
		}
	}
	return nil
}
