package engine

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Formats with a head or an end are whole, wherever the format is named.
func TestFormatsWithAFrame(t *testing.T) {
	l := start(t, t.TempDir())
	for _, x := range []struct {
		name, sql string
		values    url.Values
		want      string
	}{
		{"named in the query", "SELECT number AS n FROM numbers(2) FORMAT CSVWithNames", nil, "\"n\"\n0\n1\n"},
		{"settings behind it", "SELECT number AS n FROM numbers(2) FORMAT CSVWithNames SETTINGS max_threads = 1", nil, "\"n\"\n0\n1\n"},
		{"settings before it", "SELECT number AS n FROM numbers(2) SETTINGS max_threads = 1 FORMAT CSVWithNames", nil, "\"n\"\n0\n1\n"},
		{"by default", "SELECT number AS n FROM numbers(2) -- end", url.Values{"default_format": {"TSVWithNames"}}, "n\n0\n1\n"},
		{"a union", "SELECT 1 AS n UNION ALL SELECT 1;", url.Values{"default_format": {"CSVWithNames"}}, "\"n\"\n1\n1\n"},
		{"FROM first", "FROM numbers(1) SELECT number AS n", url.Values{"default_format": {"CSVWithNames"}}, "\"n\"\n0\n"},
		{"parameters", "WITH {a:UInt8} AS n SELECT n", url.Values{"default_format": {"CSVWithNames"}, "param_a": {"7"}}, "\"n\"\n7\n"},
		{"waiting", "SELECT 5 AS n FORMAT CSVWithNames", url.Values{"wait_end_of_query": {"1"}}, "\"n\"\n5\n"},
		{"no SELECT", "EXISTS DATABASE vigie FORMAT JSONCompactEachRow", nil, "[1]\n"},
	} {
		for _, reader := range []bool{false, true} {
			if reader && strings.Contains(x.sql, "SETTINGS") {
				continue // readonly refuses it, as on a server
			}
			resp, body := ask(t, l, reader, x.values, strings.NewReader(x.sql), nil)
			if resp.StatusCode != http.StatusOK || body != x.want {
				t.Errorf("%s, reader %t: %s %q", x.name, reader, resp.Status, body)
			}
		}
	}
	resp, body := ask(t, l, false, nil, strings.NewReader("SELECT throwIf(number = 100) FROM numbers(1000) FORMAT JSON"), nil)
	if resp.StatusCode != 500 || resp.Header.Get("X-ClickHouse-Exception-Code") != "395" {
		t.Errorf("an early error: %s %s", resp.Status, body)
	}
	resp, body = ask(t, l, false, nil, strings.NewReader("SELECT 1 FORMAT NoSuch"), nil)
	if resp.StatusCode != 404 || resp.Header.Get("X-ClickHouse-Exception-Code") != "73" {
		t.Errorf("an unknown format: %s %s", resp.Status, body)
	}
}

// form is a request with tables beside its query: a as curl -F sends it, b as
// ClickHouse's Go client does, whose files have no name.
func form(t *testing.T, fields map[string]string, tables map[string]string) (*bytes.Buffer, http.Header) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for name, value := range fields {
		if err := w.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	for name, rows := range tables {
		part, err := w.CreateFormFile(name, strings.TrimPrefix(name, "b"))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(part, rows)
	}
	w.Close()
	return &b, http.Header{"Content-Type": {w.FormDataContentType()}}
}

// Tables sent beside a query live as long as it, for the reader too, and their
// columns are no way around what is refused.
func TestExternalTables(t *testing.T) {
	l := start(t, t.TempDir())
	two := map[string]string{"a": "1,x\n2,\"y\n\nz\"\n", "b": "2\n3\n"}
	for _, x := range []struct {
		name, query string
		values      url.Values
		status      int
		want        string
	}{
		{"joined", "SELECT n, s FROM a WHERE n IN b", url.Values{"a_structure": {"n UInt8, s String"}, "a_format": {"CSV"}, "b_types": {"Decimal(9, 0)"}}, 200, "2\ty\\n\\nz\n"},
		{"in a session", "SELECT count() FROM b", url.Values{"a_types": {"String"}, "b_types": {"UInt8"}, "session_id": {"x"}}, 200, "2\n"},
		{"in the session again", "SELECT count() FROM b", url.Values{"a_types": {"String"}, "b_types": {"UInt8"}, "session_id": {"x"}}, 200, "2\n"},
		{"without columns", "SELECT 1", url.Values{"a_types": {"String"}}, 400, "The table b has no columns"},
		{"a file as a column", "SELECT 1", url.Values{"a_types": {"String"}, "b_structure": {"n UInt8 DEFAULT file('/etc/passwd')"}}, 403, "reaches outside"},
		{"an engine as a column", "SELECT 1", url.Values{"a_types": {"String"}, "b_structure": {"n String) ENGINE = File(CSV"}}, 403, "reaches outside"},
		{"rows of another type", "SELECT 1", url.Values{"a_types": {"UInt8"}, "b_types": {"UInt8"}}, 400, "Code: 27."},
	} {
		for _, reader := range []bool{false, true} {
			body, header := form(t, map[string]string{"query": x.query}, two)
			resp, got := ask(t, l, reader, x.values, body, header)
			if resp.StatusCode != x.status || !strings.Contains(got, x.want) {
				t.Errorf("%s, reader %t: %s %q", x.name, reader, resp.Status, got)
			}
		}
	}
}

// A session is one connection: a second request beside the first is refused, a
// GET reads only, and it ends after its time.
func TestSessions(t *testing.T) {
	l := start(t, t.TempDir())
	in := func(more ...string) url.Values {
		v := url.Values{"session_id": {"s"}, "session_timeout": {"1"}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	must(t, l, "CREATE TEMPORARY TABLE k (n UInt8)", in())
	must(t, l, "INSERT INTO k VALUES (7)", in())
	get := func(sql string) (int, string) {
		u, user, password := l.Endpoint()
		r, err := http.NewRequest(http.MethodGet, u+"/?"+in("query", sql).Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-ClickHouse-User", user)
		r.Header.Set("X-ClickHouse-Key", password)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b.String()
	}
	if status, body := get("SELECT n FROM k"); status != 200 || body != "7\n" {
		t.Errorf("a GET in the session: %d %s", status, body)
	}
	if status, body := get("INSERT INTO k VALUES (8)"); status != 500 || !strings.HasPrefix(body, "Code: 164.") {
		t.Errorf("an INSERT by GET: %d %s", status, body)
	}
	long := make(chan struct{})
	go func() {
		defer close(long)
		ask(t, l, false, in("query_id", "long"), strings.NewReader("SELECT sleep(2)"), nil)
	}()
	await(t, 10*time.Second, func() bool {
		return must(t, l, "SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'long'", nil) == "1"
	})
	if resp, _ := ask(t, l, false, in(), strings.NewReader("SELECT 1"), nil); resp.Header.Get("X-ClickHouse-Exception-Code") != "373" {
		t.Errorf("beside a request of the session: %s", resp.Status)
	}
	if resp, _ := ask(t, l, false, url.Values{"query_id": {"long"}}, strings.NewReader("SELECT 1"), nil); resp.Header.Get("X-ClickHouse-Exception-Code") != "216" {
		t.Errorf("the same query id: %s", resp.Status)
	}
	<-long
	must(t, l, "SELECT n FROM k", in())
	await(t, 20*time.Second, func() bool {
		resp, _ := ask(t, l, false, in("session_check", "1", "session_id", "none"), strings.NewReader("SELECT 1"), nil)
		return resp.Header.Get("X-ClickHouse-Exception-Code") == "372"
	})
}
