package engine

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// python returns the interpreter that has clickhouse-connect.
func python(t *testing.T) string {
	t.Helper()
	if p := os.Getenv("VIGIE_PYTHON"); p != "" {
		return p
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if p := filepath.Join(dir, ".tools", "venv", "bin", "python"); isExecutable(p) {
			return p
		}
	}
	t.Fatal("no Python with clickhouse-connect: run `make setup-test`, or set VIGIE_PYTHON")
	return ""
}

// clickhouse-connect judges: types in both directions under every compression,
// errors, parameters, sessions, tokens, the reader's limits, 32 clients at once.
func TestClickHouseConnect(t *testing.T) {
	l := start(t, t.TempDir())
	u, user, password := l.Endpoint()
	_, reader, readerPassword := l.ReaderEndpoint()
	parsed, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(parsed.Host)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, python(t), filepath.Join("testdata", "referee.py"), host, port, user, password, reader, readerPassword).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := string(bytes.Join(bytes.Fields(out), []byte(" "))); got != "types states beside big token parameters errors sessions reads_only concurrency" {
		t.Errorf("the referee says %s", got)
	}
}

func TestCurl(t *testing.T) {
	l := start(t, t.TempDir())
	u, user, password := l.Endpoint()
	curl := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("curl", append([]string{"-sS", "--compressed", "-u", user + ":" + password}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl: %v\n%s", err, out)
		}
		return string(out)
	}
	curl(u, "-d", "CREATE TABLE t (n UInt32, s String) ENGINE = MergeTree ORDER BY n")
	curl(u+"/?query=INSERT+INTO+t+FORMAT+CSV", "--data-binary", "1,a\n2,\"b\n\nc\"\n")
	if got := curl(u+"/?query=SELECT+*+FROM+t+ORDER+BY+n", "-H", "X-ClickHouse-Format: JSONCompactEachRow"); got != "[1, \"a\"]\n[2, \"b\\n\\nc\"]\n" {
		t.Errorf("%q", got)
	}
	for _, encoding := range []string{"gzip", "deflate", "br", "zstd"} {
		if !strings.Contains(curl("-V"), encoding) && encoding != "deflate" && encoding != "gzip" {
			continue
		}
		if got := curl(u+"/?enable_http_compression=1&query=SELECT+number+FROM+numbers(3)", "-H", "Accept-Encoding: "+encoding); got != "0\n1\n2\n" {
			t.Errorf("%s: %q", encoding, got)
		}
	}
	if got := curl(u+"/?query=INSERT+INTO+t+VALUES", "-G"); !strings.HasPrefix(got, "Code: 164.") {
		t.Errorf("an INSERT by GET: %q", got)
	}
}

func isExecutable(p string) bool {
	i, err := os.Stat(p)
	return err == nil && i.Mode()&0o111 != 0
}
