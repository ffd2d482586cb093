// Package services_test checks who may import whom.
package services_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/open-vigie/vigie/"

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			t.Fatalf("go list: %s", failed.Stderr)
		}
		t.Fatal(err)
	}
	var list []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		list = append(list, p)
	}
}

func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// Roles meet in topics: none imports another.
func TestRolesNeverImportEachOther(t *testing.T) {
	roles := []string{"receiver", "desk", "processor", "archiver", "console"}
	for _, p := range packages(t) {
		for _, role := range roles {
			if !under(p.ImportPath, "services/"+role) {
				continue
			}
			for _, dep := range p.Deps {
				for _, other := range roles {
					if other != role && under(strings.TrimPrefix(dep, module), "services/"+other) {
						t.Errorf("%s depends on %s", p.ImportPath, dep)
					}
				}
			}
		}
	}
}

// The pure core has no clock, no network, no disk, no Kafka, no ClickHouse.
func TestPureCoreIsPure(t *testing.T) {
	pure := []string{"services/alarm", "services/fleet", "services/receiver/dc09", "services/receiver/surgard"}
	banned := []string{"net", "net/http", "os", "os/exec", "math/rand", "math/rand/v2", "crypto/rand", "sync", "context", "log/slog"}
	for _, p := range packages(t) {
		if !slices.ContainsFunc(pure, func(dir string) bool { return under(p.ImportPath, dir) }) {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(banned, imported) || strings.Contains(imported, "franz-go") || strings.Contains(imported, "ClickHouse") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
			if strings.HasPrefix(imported, module+"services/") && !under(strings.TrimPrefix(imported, module), p.ImportPath) {
				t.Errorf("%s imports %s, which is not pure", p.ImportPath, imported)
			}
		}
	}
}

// What two processes agree on knows nothing of the processes.
func TestSchemasImportNoService(t *testing.T) {
	for _, p := range packages(t) {
		if !under(p.ImportPath, "schemas") {
			continue
		}
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, module+"services/") {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
}

// What stands outside is an honest client: it uses nothing that a third party
// could not. The named queries and the pure core are for everybody.
func TestOutsidersUseNothingInternal(t *testing.T) {
	outside := []string{"dashboards", "loadtest", "docs"}
	for _, p := range packages(t) {
		if !slices.ContainsFunc(outside, func(dir string) bool { return under(p.ImportPath, dir) }) {
			continue
		}
		for _, imported := range p.Imports {
			if under(strings.TrimPrefix(imported, module), "services/internal") {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
}
