package engine

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/open-vigie/vigie/services/internal/child"
)

// prepare makes an engine for the test, in a process of its own, that is not started.
func prepare(t *testing.T, dir string, prefix ...string) *Local {
	t.Helper()
	lib, err := FindLib("")
	if err != nil {
		t.Fatal(err)
	}
	command := append(prefix, os.Args[0], childArg)
	l, err := NewChild(ChildConfig{
		Executable: command[0], Prefix: command[1:], Lib: lib, Data: dir,
		LogFile: filepath.Join(dir, "engine.log"), Log: slog.Default(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// run starts an engine; stop, which the test's end calls too, ends it in good order.
func run(t *testing.T, l *Local) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var ended error
	done := make(chan struct{})
	go func() { defer close(done); ended = l.Run(ctx) }()
	stop = func() {
		cancel()
		if <-done; ended != nil {
			t.Error(ended)
		}
	}
	t.Cleanup(stop)
	select {
	case <-l.Ready():
	case <-done:
		t.FailNow()
	}
	return stop
}

// start runs an engine until the test ends.
func start(t *testing.T, dir string) *Local {
	t.Helper()
	l := prepare(t, dir)
	run(t, l)
	return l
}

func connect(t *testing.T, l *Local, change func(*clickhouse.Options)) driver.Conn {
	t.Helper()
	u, user, password := l.Endpoint()
	parsed, _ := url.Parse(u)
	o := &clickhouse.Options{Protocol: clickhouse.HTTP, Addr: []string{parsed.Host}, Auth: clickhouse.Auth{Database: "default", Username: user, Password: password}}
	if change != nil {
		change(o)
	}
	c, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ask sends a request as curl would and returns status and body.
func ask(t *testing.T, l *Local, reader bool, values url.Values, body io.Reader, header http.Header) (*http.Response, string) {
	t.Helper()
	u, user, password := l.Endpoint()
	if reader {
		u, user, password = l.ReaderEndpoint()
	}
	r, err := http.NewRequest(http.MethodPost, u+"/?"+values.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, password)
	for k, v := range header {
		r.Header[k] = v
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(out)
}

func TestClickHouseGo(t *testing.T) {
	l := start(t, t.TempDir())
	ctx := context.Background()
	for _, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionZSTD, clickhouse.CompressionGZIP} {
		t.Run(method.String(), func(t *testing.T) {
			c := connect(t, l, func(o *clickhouse.Options) { o.Compression = &clickhouse.Compression{Method: method} })
			if err := c.Ping(ctx); err != nil {
				t.Fatal(err)
			}
			table := "rows_" + strings.ReplaceAll(uuid.NewString(), "-", "")
			if err := c.Exec(ctx, "CREATE TABLE "+table+" (n UInt64, s String, l LowCardinality(String), o Nullable(Int32), id UUID, at DateTime64(3,'UTC'), a Array(String)) ENGINE = MergeTree ORDER BY n"); err != nil {
				t.Fatal(err)
			}
			const rows = 20_000
			at := time.UnixMilli(1_800_000_000_123).UTC()
			id := uuid.New()
			insert(t, c, "INSERT INTO "+table, rows, func(i int) []any {
				n := int32(i)
				return []any{uint64(i), "a\n\nb" + fmt.Sprint(i), "x", &n, id, at, []string{"p", "q"}}
			})
			var n, sum, distinct uint64
			if err := c.QueryRow(ctx, "SELECT count(), sum(n), uniqExact(s) FROM "+table).Scan(&n, &sum, &distinct); err != nil {
				t.Fatal(err)
			}
			if n != rows || sum != rows*(rows-1)/2 || distinct != rows {
				t.Fatalf("%d rows, sum %d, %d different strings", n, sum, distinct)
			}
			got, err := c.Query(ctx, "SELECT n, s, o, id, at, a FROM "+table+" WHERE n >= {from:UInt64} ORDER BY n", clickhouse.Named("from", "19990"))
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			i := 19990
			for got.Next() {
				var (
					n     uint64
					s     string
					o     *int32
					gotID uuid.UUID
					gotAt time.Time
					a     []string
				)
				if err := got.Scan(&n, &s, &o, &gotID, &gotAt, &a); err != nil {
					t.Fatal(err)
				}
				if n != uint64(i) || s != "a\n\nb"+fmt.Sprint(i) || o == nil || *o != int32(i) || gotID != id || !gotAt.Equal(at) || len(a) != 2 {
					t.Fatalf("row %d came back as %d %q %v %v %v %v", i, n, s, o, gotID, gotAt, a)
				}
				i++
			}
			if err := got.Err(); err != nil || i != rows {
				t.Fatal(i, err)
			}
		})
	}
}

func insert(t *testing.T, c driver.Conn, sql string, rows int, row func(i int) []any) {
	t.Helper()
	b, err := c.PrepareBatch(context.Background(), sql)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := b.Append(row(i)...); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Send(); err != nil {
		t.Fatal(err)
	}
}

func TestErrors(t *testing.T) {
	l := start(t, t.TempDir())
	c := connect(t, l, nil)
	err := c.Exec(context.Background(), "SELECT nosuch")
	var e *clickhouse.Exception
	if !errors.As(err, &e) || e.Code != 47 {
		t.Errorf("an unknown column: %v", err)
	}
	rows, err := c.Query(context.Background(), "SELECT throwIf(number = 3000000) FROM numbers(10000000)")
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
	}
	if !errors.As(err, &e) || e.Code != 395 {
		t.Errorf("an error in the middle of a result: %v", err)
	}
	for _, x := range []struct {
		name, sql string
		reader    bool
		values    url.Values
		status    int
		code      string
	}{
		{"syntax", "SELEC 1", false, nil, 400, "62"},
		{"two statements", "SELECT 1; DROP TABLE x", false, nil, 400, "62"},
		{"unknown table", "SELECT * FROM nosuch", false, nil, 404, "60"},
		{"unknown setting", "SELECT 1", false, url.Values{"no_such_setting": {"1"}}, 404, "115"},
		{"unknown database", "SELECT 1", false, url.Values{"database": {"nosuch"}}, 404, "81"},
		{"empty", "", false, nil, 400, "62"},
		{"file", "SELECT * FROM file('/etc/passwd', 'LineAsString')", false, nil, 403, "497"},
		{"file in quotes", "SELECT * FROM `FILE` /* x */ ('/etc/passwd')", true, nil, 403, "497"},
		{"a path as a table", "SELECT * FROM '/etc/passwd'", true, nil, 404, "60"},
		{"a path in default", "SELECT * FROM default.`/etc/passwd`", false, nil, 404, "60"},
		{"outfile", "SELECT 1 INTO OUTFILE '/tmp/x'", true, nil, 403, "497"},
		{"infile", "INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", false, nil, 403, "497"},
		{"url engine", "CREATE TABLE u (a String) ENGINE = URL('http://127.0.0.1/')", false, nil, 403, "497"},
		{"reader creates", "CREATE TABLE t (a Int8) ENGINE = Memory", true, nil, 500, "164"},
		{"reader sets readonly", "CREATE TABLE t (a Int8) ENGINE = Memory", true, url.Values{"readonly": {"0"}}, 500, "164"},
		{"reader inserts", "INSERT INTO t VALUES (1)", true, nil, 500, "164"},
		{"reader stops merges", "SYSTEM STOP MERGES", true, nil, 500, "164"},
		{"reader kills", "KILL QUERY WHERE user != ''", true, nil, 500, "164"},
		{"reader kills a mutation", "/* x */ kill MUTATION WHERE 1", true, nil, 500, "164"},
	} {
		t.Run(x.name, func(t *testing.T) {
			resp, body := ask(t, l, x.reader, x.values, strings.NewReader(x.sql), nil)
			if resp.StatusCode != x.status || resp.Header.Get("X-ClickHouse-Exception-Code") != x.code || !strings.HasPrefix(body, "Code: "+x.code+". DB::Exception: ") {
				t.Errorf("%d %s %s", resp.StatusCode, resp.Header.Get("X-ClickHouse-Exception-Code"), body)
			}
		})
	}
	u, _, _ := l.Endpoint()
	resp, err := http.Get(u + "/?query=SELECT+1&user=vigie&password=wrong")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 403 || resp.Header.Get("X-ClickHouse-Exception-Code") != "516" {
		t.Errorf("a wrong password: %s", resp.Status)
	}
	if resp, err = http.Get(u + "/ping"); err != nil || resp.StatusCode != 200 {
		t.Errorf("ping: %v %v", resp, err)
	}
	resp.Body.Close()
}

func TestCurlInserts(t *testing.T) {
	l := start(t, t.TempDir())
	must := func(sql string) string {
		t.Helper()
		resp, body := ask(t, l, false, nil, strings.NewReader(sql), nil)
		if resp.StatusCode != 200 {
			t.Fatalf("%s: %s", sql, body)
		}
		return body
	}
	must("CREATE TABLE t (n UInt32, s String) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100")
	must("INSERT INTO t VALUES (1, 'a;b'), (2, 'x\n\ny')")
	must("INSERT INTO t (n, s) FORMAT JSONEachRow\n{\"n\":3,\"s\":\"c\"}\n\n{\"n\":4,\"s\":\"d\"}\n")
	must("INSERT INTO t SELECT number + 10, 'z' FROM numbers(2)")
	resp, body := ask(t, l, false, url.Values{"query": {"INSERT INTO t FORMAT CSV"}}, gzipped("5,e\n6,f\n"), http.Header{"Content-Encoding": {"gzip"}})
	if resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("X-ClickHouse-Summary"), `"written_rows":"2"`) {
		t.Fatal(body, resp.Header)
	}
	if got := must("SELECT groupArray(n), groupArray(s) FROM (SELECT * FROM t ORDER BY n) FORMAT JSONCompactEachRow"); got != "[[1,2,3,4,5,6,10,11], [\"a;b\",\"x\\n\\ny\",\"c\",\"d\",\"e\",\"f\",\"z\",\"z\"]]\n" {
		t.Errorf("the table has %s", got)
	}
	for range 2 {
		ask(t, l, false, url.Values{"query": {"INSERT INTO t FORMAT CSV"}, "insert_deduplication_token": {"one"}, "async_insert": {"0"}}, strings.NewReader("7,g\n"), nil)
	}
	if got := must("SELECT count() FROM t WHERE n = 7"); got != "1\n" {
		t.Errorf("a resent block with the same token: %s rows", got)
	}
	if got := must("SELECT getSetting('insert_deduplication_token')"); got != "\n" {
		t.Errorf("a setting leaked into another request: %q", got)
	}
}

func gzipped(s string) io.Reader {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return &b
}

func TestSessionSettingsEndWithTheRequest(t *testing.T) {
	l := start(t, t.TempDir())
	v := url.Values{"session_id": {"s1"}, "insert_deduplication_token": {"tok"}}
	if resp, body := ask(t, l, false, v, strings.NewReader("CREATE TEMPORARY TABLE k (n Int8)"), nil); resp.StatusCode != 200 {
		t.Fatal(body)
	}
	_, body := ask(t, l, false, url.Values{"session_id": {"s1"}}, strings.NewReader("SELECT getSetting('insert_deduplication_token'), count() FROM k"), nil)
	if body != "\t0\n" {
		t.Errorf("the session has %q", body)
	}
}

func TestKilledEngineComesBackWithItsData(t *testing.T) {
	dir := t.TempDir()
	l := start(t, dir)
	c := connect(t, l, nil)
	ctx := context.Background()
	if err := c.Exec(ctx, "CREATE TABLE t (n UInt32) ENGINE = MergeTree ORDER BY n"); err != nil {
		t.Fatal(err)
	}
	insert(t, c, "INSERT INTO t", 1000, func(i int) []any { return []any{uint32(i)} })
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSEGV, syscall.SIGSTOP} {
		pid := l.Pid()
		began := time.Now()
		if err := child.Signal(pid, signal); err != nil {
			t.Fatal(err)
		}
		await(t, 20*time.Second, func() bool { return l.Pid() != pid && l.Pid() != 0 })
		var n uint64
		await(t, 20*time.Second, func() bool {
			err := c.QueryRow(ctx, "SELECT count() FROM t").Scan(&n)
			if err != nil {
				t.Log(err)
			}
			return err == nil
		})
		if n != 1000 {
			t.Errorf("after %s there are %d rows", signal, n)
		}
		t.Logf("back %s after %s", time.Since(began).Round(time.Millisecond), signal)
	}
}

// await polls until the condition holds, or fails the test at the deadline.
func await(t *testing.T, patience time.Duration, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within %s", patience)
		case <-tick.C:
		}
	}
}

func TestOneEngineAtATime(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	second := prepare(t, dir)
	if err := second.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "another ClickHouse engine has") {
		t.Errorf("a second engine on the same data: %v", err)
	}
}
