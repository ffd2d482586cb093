package engine

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// post sends a statement whose answer is read by the test.
func post(ctx context.Context, l *Local, path, sql string) (*http.Response, error) {
	u, user, password := l.Endpoint()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u+path, strings.NewReader(sql))
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(user, password)
	return http.DefaultClient.Do(r)
}

// A statement ends with its client, before its first row and between two, in a
// format that is joined of pieces and in one that is not.
func TestStatementsEndWithTheirClient(t *testing.T) {
	l := start(t, t.TempDir())
	const running = "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000000)%' AND query NOT LIKE '%system%'"
	for name, sql := range map[string]string{
		"no row yet":            "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)",
		"no row yet, in a pipe": "SELECT sum(sipHash64(number)) FROM numbers(1000000000000) FORMAT JSON",
		"between rows":          "SELECT number FROM numbers(1000000000000)",
		"in a pipe":             "SELECT number FROM numbers(1000000000000) FORMAT JSON",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				if resp, err := post(ctx, l, "/", sql); err == nil {
					<-ctx.Done() // rows arrive, and nobody reads them
					resp.Body.Close()
				}
			}()
			await(t, 20*time.Second, func() bool { return must(t, l, running, nil) == "1" })
			leave()
			<-gone
			await(t, 20*time.Second, func() bool { return must(t, l, running, nil) == "0" })
		})
	}
	resp, body := ask(t, l, false, url.Values{"max_execution_time": {"1"}}, strings.NewReader("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"), nil)
	if resp.StatusCode != http.StatusRequestTimeout || resp.Header.Get("X-ClickHouse-Exception-Code") != "159" {
		t.Errorf("past its time: %s %s", resp.Status, body)
	}
}

// peak is the most memory, in bytes, that the process held since the last reset.
func peak(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kb); n == 1 {
			return kb << 10
		}
	}
	t.Fatal("no VmHWM in the status of the engine")
	return 0
}

func resetPeak(t *testing.T, pid int) {
	t.Helper()
	if err := os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

// Ten million rows pass through the engine, which is library and server in one
// process, without growing it: a server that held the result would grow by all
// of it, some 480 MB.
func TestTenMillionRowsInFlatMemory(t *testing.T) {
	const (
		whole  = 480_000_000
		growth = 160 << 20
	)
	l := start(t, t.TempDir())
	for name, query := range map[string]string{
		"TSV":                         "SELECT+number,repeat('x',40)+FROM+numbers(10000000)+FORMAT+TSV",
		"CSVWithNames through a pipe": "SELECT+number,repeat('x',40)+FROM+numbers(10000000)+FORMAT+CSVWithNames",
		// As the library writes it: blocks made anew for a client's revision go the same
		// way one by one, but too slowly for this under the race detector.
		"Native": "SELECT+number,repeat('x',40)+FROM+numbers(10000000)+FORMAT+Native",
	} {
		read := func(t *testing.T) {
			resp, err := post(context.Background(), l, "/?query="+query, "")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if n := drain(t, resp.Body); n < whole {
				t.Errorf("%d bytes", n)
			}
		}
		t.Run(name, func(t *testing.T) {
			must(t, l, "SELECT number, repeat('x', 40) FROM numbers(100000) FORMAT JSON", nil)
			resetPeak(t, l.Pid())
			before := peak(t, l.Pid())
			read(t)
			grown := peak(t, l.Pid()) - before
			t.Logf("from %d MB, %d MB more at the peak", before>>20, grown>>20)
			if grown > growth {
				t.Errorf("the engine grew by %d MB", grown>>20)
			}
		})
	}
}

// drain reads to the end and says how much came.
func drain(t *testing.T, r io.Reader) int64 {
	t.Helper()
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
