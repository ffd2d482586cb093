package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// versionFile names, in the data directory, the newest engine that opened it.
const versionFile = "engine-version"

// version asks the engine for its version before any data are opened: over an
// empty directory in dir, which is taken away again.
func (l *library) version(dir string) (string, error) {
	empty, err := os.MkdirTemp(dir, "version-")
	if err != nil {
		return "", fmt.Errorf("ask the engine for its version: %w", err)
	}
	defer func() { _ = os.RemoveAll(empty) }() // the next start would find it in its way, and say so
	c, err := l.open("--path=" + empty)
	if err != nil {
		return "", err
	}
	defer c.close()
	out, _, err := c.query("SELECT version()", "TabSeparatedRaw")
	if err != nil {
		return "", fmt.Errorf("ask the engine for its version: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// checkVersion refuses data that a newer engine has opened: an older one may read
// its parts wrongly or not at all, and would merge them all the same. Otherwise
// it notes that this engine opens them. A note that cannot be read, as a crash
// leaves it, forbids nothing.
func checkVersion(dir, version string) error {
	path := filepath.Join(dir, versionFile)
	noted, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read which engine wrote the data: %w", err)
	}
	before := strings.TrimSpace(string(noted))
	switch {
	case before == version:
		return nil
	case newer(before, version):
		return fmt.Errorf("the data in %s were opened by ClickHouse %s, and this engine is %s, which is older: install the engine that goes with that release (`make setup`), or give another --data and fill it again from the log", dir, before, version)
	}
	next := path + ".next"
	if err := os.WriteFile(next, []byte(version+"\n"), 0o600); err != nil {
		return fmt.Errorf("note which engine writes the data: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("note which engine writes the data: %w", err)
	}
	return nil
}

// newer compares versions as 26.5.1.1 by their numbers; what is none is not newer.
func newer(a, b string) bool {
	x, y := numbers(a), numbers(b)
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return x[i] > y[i]
		}
	}
	return len(y) > 0 && len(x) > len(y)
}

func numbers(version string) []int {
	var out []int
	for _, part := range strings.Split(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil
		}
		out = append(out, n)
	}
	return out
}
