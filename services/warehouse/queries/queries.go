// Package queries holds Vigie's named queries on the warehouse: one .sql file
// each, and what it takes and gives in Go. It imports nothing of Vigie, so that
// dashboards and other programs may use it without the engine.
//
// A file names its tables {db}.table and its parameters {name:Type}, as
// ClickHouse takes them. Accepted events are those that had an effect: a
// retransmission that the processor marked heard again counts nowhere.
package queries

import (
	"embed"
	"strconv"
	"strings"
	"time"
)

//go:embed *.sql
var files embed.FS

// Query is a named query as it stands in its file.
type Query struct {
	// Name is the file's, without .sql.
	Name string
	// Doc is the comment at the head of the file.
	Doc  string
	text string
}

// SQL is the text of the query for a database.
func (q Query) SQL(database string) string { return strings.ReplaceAll(q.text, "{db}", database) }

// Names lists all queries in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the directory is part of the program
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".sql")
	}
	return names
}

// Named returns the query of a name, and whether there is one.
func Named(name string) (Query, bool) {
	text, err := files.ReadFile(name + ".sql")
	if err != nil {
		return Query{}, false
	}
	q := Query{Name: name, text: string(text)}
	var doc []string
	for line := range strings.Lines(q.text) {
		rest, ok := strings.CutPrefix(line, "-- ")
		if !ok {
			break
		}
		doc = append(doc, strings.TrimSpace(rest))
	}
	q.Doc = strings.Join(doc, " ")
	return q, true
}

// Call is a query with its parameters; T is the type of its rows, whose fields
// carry the names of the columns in the tag ch.
type Call[T any] struct {
	Query Query
	// Args are the parameters in their text form.
	Args map[string]string
}

func call[T any](name string, args map[string]string) Call[T] {
	q, ok := Named(name)
	if !ok {
		panic("queries: there is no " + name + ".sql")
	}
	return Call[T]{Query: q, Args: args}
}

// window is a span of time: from is part of it, to is not.
func window(from, to time.Time) map[string]string {
	return map[string]string{"from": millis(from), "to": millis(to)}
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
