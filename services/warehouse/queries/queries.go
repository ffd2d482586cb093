// Package queries holds Vigie's named queries on the warehouse: one .sql file
// each, and what it takes and gives in Go. It imports nothing of Vigie, so that
// dashboards and other programs may use it without the engine.
//
// A file begins with a comment: what the query says, then one line for each
// parameter and each column (head.go). It names its tables {db}.table, its
// parameters {name:Type} as ClickHouse takes them, and what several queries must
// say in the same words {part}, a file in parts/. Run answers any query by its
// name (run.go); the typed functions are for Go.
//
// Ranges are Unix milliseconds: from is part of a range, to is not, and "now" is
// always the parameter to. A bucket begins at a multiple of its width since
// 1970; buckets in which nothing happened have a row too. An alarm is what the
// fold takes for one (parts/is_alarm.sql, which the table alarms is filled by);
// accepted ones had an effect: a retransmission that the processor marked heard
// again counts nowhere.
package queries

import (
	"embed"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed *.sql parts/*.sql
var files embed.FS

// Query is a named query as it stands in its file.
type Query struct {
	// Name is the file's, without .sql.
	Name string
	// Doc says what the query tells: the text at the head of the file.
	Doc string
	// Params and Columns are in the order of the head.
	Params  []Param
	Columns []Column
	text    string
}

// TimeSeries says whether the rows are points in time: the first column is
// called time.
func (q Query) TimeSeries() bool { return len(q.Columns) > 0 && q.Columns[0].Name == "time" }

// SQL is the text of the query for a database.
func (q Query) SQL(database string) string {
	return strings.ReplaceAll(withParts(q.text), "{db}", database)
}

// partsDepth is how deep parts stand in parts.
const partsDepth = 4

// withParts puts the text of parts/name.sql in the place of each {name}.
func withParts(text string) string {
	var pairs []string
	for _, file := range list("parts") {
		pairs = append(pairs, "{"+strings.TrimSuffix(file, ".sql")+"}", strings.TrimSpace(read("parts/"+file)))
	}
	for range partsDepth {
		text = strings.NewReplacer(pairs...).Replace(text)
	}
	return text
}

// Names lists all queries in alphabetical order.
func Names() []string {
	names := list(".")
	for i, file := range names {
		names[i] = strings.TrimSuffix(file, ".sql")
	}
	return names
}

func list(dir string) []string {
	entries, err := files.ReadDir(dir)
	if err != nil {
		panic(err) // the directory is part of the program
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func read(path string) string {
	text, err := files.ReadFile(path)
	if err != nil {
		panic(err) // the file is part of the program
	}
	return string(text)
}

// Named returns the query of a name, and whether there is one.
func Named(name string) (Query, bool) {
	path := name + ".sql"
	if strings.ContainsAny(name, "/\\") || !fs.ValidPath(path) {
		return Query{}, false
	}
	text, err := files.ReadFile(path)
	if err != nil {
		return Query{}, false
	}
	q := Query{Name: name, text: string(text)}
	q.readHead()
	return q, true
}

// Call is a query with its parameters; T is the type of its rows, whose fields
// carry the names of the columns in the tag ch.
type Call[T any] struct {
	Query Query
	// Args are the parameters in their text form.
	Args map[string]string
	// Sites are the only ones that it is asked of; all when it is nil.
	Sites []uint64
}

// SitesTable is what an answer about some sites takes beside the query: a table of
// their numbers, in the column site.
const SitesTable = "asked_sites"

// tables are the names of tables in a query.
var tables = regexp.MustCompile(`\{db\}\.\w+( FINAL)?`)

// Of is the same question about some sites: the same words, over tables that hold
// nothing else. Each table of the query must say of which site its rows are.
func (c Call[T]) Of(sites []uint64) Call[T] {
	c.Sites = append([]uint64{}, sites...)
	return c
}

// SQL is the text of the query for a database; one about some sites takes SitesTable.
func (c Call[T]) SQL(database string) string {
	if c.Sites == nil {
		return c.Query.SQL(database)
	}
	text := tables.ReplaceAllString(withParts(c.Query.text), "(SELECT * FROM $0 WHERE site IN (SELECT site FROM "+SitesTable+"))")
	return strings.ReplaceAll(text, "{db}", database)
}

func call[T any](name string, args map[string]string) Call[T] {
	q, ok := Named(name)
	if !ok {
		panic("queries: there is no " + name + ".sql")
	}
	return Call[T]{Query: q, Args: args}
}

// atMost bounds how many rows are listed.
func atMost(limit uint32, args map[string]string) map[string]string {
	args["limit"] = strconv.FormatUint(uint64(limit), 10)
	return args
}

// window is a span of time: from is part of it, to is not.
func window(from, to time.Time) map[string]string {
	return map[string]string{"from": millis(from), "to": millis(to)}
}

// buckets is a span of time cut into buckets.
func buckets(from, to time.Time, bucket time.Duration) map[string]string {
	args := window(from, to)
	args["bucket_ms"] = strconv.FormatInt(bucket.Milliseconds(), 10)
	return args
}

// until is the state as of a time.
func until(to time.Time) map[string]string { return map[string]string{"to": millis(to)} }

// lately is a span of time that ends at to.
func lately(to time.Time, window time.Duration) map[string]string {
	args := until(to)
	args["window_ms"] = strconv.FormatInt(window.Milliseconds(), 10)
	return args
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
