package engine

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/open-vigie/vigie/services/internal/child"
)

// must runs a statement and returns its answer.
func must(t *testing.T, l *Local, sql string, values url.Values) string {
	t.Helper()
	resp, body := ask(t, l, false, values, strings.NewReader(sql), nil)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", sql, body)
	}
	return strings.TrimSpace(body)
}

// block inserts rows that do not compress, under a token.
func block(t *testing.T, l *Local, table string, i int) (*http.Response, string) {
	t.Helper()
	sql := fmt.Sprintf("INSERT INTO %s SELECT number, randomString(1000) FROM numbers(4000)", table)
	return ask(t, l, false, url.Values{"insert_deduplication_token": {fmt.Sprint(table, i)}, "async_insert": {"0"}}, strings.NewReader(sql), nil)
}

const blocks = "(n UInt32, s String) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 1000"

// A full disk refuses whole blocks; those that it took stay, and once there is
// room the same block goes in. The file system is a small one of the child's own.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	l := prepare(t, dir, "unshare", "-rm", "sh", "-c", `mount -t tmpfs -o size=64m none "$1" && shift && exec "$@"`, "sh", dir)
	run(t, l)
	pid := l.Pid()
	must(t, l, "CREATE TABLE ballast "+blocks, nil)
	must(t, l, "CREATE TABLE t "+blocks, nil)
	for i := range 4 {
		if resp, body := block(t, l, "ballast", i); resp.StatusCode != http.StatusOK {
			t.Fatal(body)
		}
	}
	taken := 0
	for {
		resp, body := block(t, l, "t", taken)
		if resp.StatusCode != http.StatusOK {
			if !strings.Contains(body, "space") {
				t.Errorf("a full disk is told as %s", body)
			}
			break
		}
		if taken++; taken > 40 {
			t.Fatal("64 MB hold 160 MB")
		}
	}
	count := func() string { return must(t, l, "SELECT count() FROM t", nil) }
	if got := count(); got != fmt.Sprint(4000*taken) {
		t.Errorf("%d blocks were taken, and there are %s rows", taken, got)
	}
	must(t, l, "TRUNCATE TABLE ballast", nil)
	for range 2 {
		if resp, body := block(t, l, "t", taken); resp.StatusCode != http.StatusOK {
			t.Fatalf("with room again: %s", body)
		}
	}
	if got := count(); got != fmt.Sprint(4000*(taken+1)) {
		t.Errorf("after the refused block came again there are %s rows of %d", got, 4000*(taken+1))
	}
	if l.Pid() != pid {
		t.Error("the engine ended on a full disk")
	}
}

// What a person must put right ends the start with one line that says how.
func TestRefusedStarts(t *testing.T) {
	for _, x := range []struct {
		name string
		want string
		prep func(t *testing.T, dir string) (prefix []string)
	}{
		{"data of a newer engine", "were opened by ClickHouse 99.1.1.1, and this engine is", func(t *testing.T, dir string) []string {
			write(t, filepath.Join(dir, versionFile), "99.1.1.1\n")
			return nil
		}},
		{"a directory that cannot be written", "cannot be written: make ", func(_ *testing.T, dir string) []string {
			return []string{"unshare", "-rm", "sh", "-c", `mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"`, "sh", dir}
		}},
		{"a library that is none", "load the ClickHouse engine", func(t *testing.T, dir string) []string {
			write(t, filepath.Join(dir, "libchdb.so"), "no library")
			t.Setenv(LibEnv, filepath.Join(dir, "libchdb.so"))
			return nil
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			dir := t.TempDir()
			l := prepare(t, dir, x.prep(t, dir)...)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := l.Run(ctx); err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("the start says %v", err)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// parts are the files of that name in parts of a partition.
func parts(t *testing.T, dir, partition, file string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(dir, "store"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == file && strings.HasPrefix(filepath.Base(filepath.Dir(path)), partition+"_") {
			out = append(out, path)
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no %s of partition %s: %v", file, partition, err)
	}
	return out
}

// What a crash or a bad disk leaves does not stop the start: half-written notes
// are written anew, a part without its files is set aside, and one whose bytes
// changed is refused when it is read, by name, while the rest answers. Its
// partition is dropped and inserted again.
func TestDamagedStateDoesNotBlockTheStart(t *testing.T) {
	dir := t.TempDir()
	l := prepare(t, dir)
	stop := run(t, l)
	must(t, l, "CREATE TABLE t (p UInt8, n UInt32, s String) ENGINE = MergeTree PARTITION BY p ORDER BY n SETTINGS min_bytes_for_wide_part = 0", nil)
	for p := range 3 {
		must(t, l, fmt.Sprintf("INSERT INTO t SELECT %d, number, randomString(4) FROM numbers(2000)", p), nil)
	}
	stop()
	write(t, filepath.Join(dir, versionFile), "26.")
	write(t, filepath.Join(dir, "store", "metadata", "default.sql.tmp"), "ATTACH DATA")
	write(t, filepath.Join(dir, "store", "metadata", "vigie", "half.sql"), "")
	for _, path := range parts(t, dir, "1", "s.bin") {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 0xff
		write(t, path, string(b))
	}
	for _, path := range parts(t, dir, "2", "columns.txt") {
		write(t, path, "")
	}
	l = prepare(t, dir)
	run(t, l)
	resp, body := ask(t, l, false, nil, strings.NewReader("SELECT sum(cityHash64(s)) FROM t WHERE p = 1"), nil)
	if resp.StatusCode == http.StatusOK || !strings.Contains(body, "Checksum doesn't match") {
		t.Errorf("a damaged part is told as %s", body)
	}
	if got := must(t, l, "SELECT count(), sum(cityHash64(s)) > 0 FROM t WHERE p = 0", nil); got != "2000\t1" {
		t.Errorf("beside the damage: %s", got)
	}
	if got := must(t, l, "SELECT partition_id, reason FROM system.detached_parts WHERE table = 't'", nil); got != "2\tbroken-on-start" {
		t.Errorf("set aside: %q", got)
	}
	for p := 1; p < 3; p++ {
		must(t, l, fmt.Sprintf("ALTER TABLE t DROP PARTITION %d", p), nil)
		must(t, l, fmt.Sprintf("INSERT INTO t SELECT %d, number, randomString(4) FROM numbers(2000)", p), nil)
	}
	if got := must(t, l, "SELECT count(), sum(cityHash64(s)) > 0 FROM t", nil); got != "6000\t1" {
		t.Errorf("after the repair: %s", got)
	}
	if b, err := os.ReadFile(filepath.Join(dir, versionFile)); err != nil || len(numbers(strings.TrimSpace(string(b)))) != 4 {
		t.Errorf("the note of the version: %q %v", b, err)
	}
}

// An engine killed in a merge has the rows of before, each once.
func TestKilledInAMerge(t *testing.T) {
	l := start(t, t.TempDir())
	must(t, l, "CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY sipHash64(n) SETTINGS min_bytes_for_wide_part = 0", nil)
	must(t, l, "SYSTEM STOP MERGES t", nil)
	for i := range 3 {
		must(t, l, fmt.Sprintf("INSERT INTO t SELECT number + %d, toString(number) FROM numbers(500000)", 500000*i), nil)
	}
	must(t, l, "SYSTEM START MERGES t", nil)
	merged := make(chan struct{})
	go func() {
		defer close(merged)
		u, user, password := l.Endpoint()
		r, err := http.NewRequest(http.MethodPost, u, strings.NewReader("OPTIMIZE TABLE t FINAL"))
		if err != nil {
			return
		}
		r.SetBasicAuth(user, password)
		if resp, err := http.DefaultClient.Do(r); err == nil { // the engine is killed meanwhile
			resp.Body.Close()
		}
	}()
	await(t, 20*time.Second, func() bool { return must(t, l, "SELECT count() FROM system.merges", nil) != "0" })
	pid := l.Pid()
	if err := child.Signal(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-merged
	c := connect(t, l, nil)
	var n, sum, once uint64
	await(t, 20*time.Second, func() bool {
		return c.QueryRow(context.Background(), "SELECT count(), sum(n), uniqExact(n) FROM t").Scan(&n, &sum, &once) == nil
	})
	const rows = 1_500_000
	if n != rows || once != rows || sum != rows*(rows-1)/2 || l.Pid() == pid {
		t.Errorf("after a kill in a merge: %d rows, %d of them different, sum %d", n, once, sum)
	}
}
