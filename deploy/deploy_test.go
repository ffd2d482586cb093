// Package deploy_test checks what an administrator is given, as far as a machine
// without a container engine and without systemd can: files against their own
// loaders, command lines against the program, settings against a running Kafka.
package deploy_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// binary is the program as the image has it: static, without the local engine.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "vigie-deploy-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "vigie")
	build := exec.Command("go", "build", "-tags", "static", "-o", binary, "../services/vigie")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build vigie: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// run runs a command in an environment of its own and returns its exit code and
// what it said.
func run(t *testing.T, env []string, name string, args ...string) (int, string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C"}, env...)
	cmd.Dir = t.TempDir() // no vigie.yaml lies there
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// tool finds a program of the tests, in PATH or where `make setup` puts it.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, candidate := range []string{name, filepath.Join("..", ".tools", name)} {
		if path, err := exec.LookPath(candidate); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	t.Fatalf("%s is not installed: run `make setup`", name)
	return ""
}

func abs(t *testing.T, elem ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, elem ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("nothing is called %s (%v)", pattern, err)
	}
	return found
}

// names are the base names of files, without their extension.
func names(files []string) []string {
	out := []string{}
	for _, f := range files {
		base := filepath.Base(f)
		out = append(out, strings.TrimSuffix(base, filepath.Ext(base)))
	}
	slices.Sort(out)
	return out
}

// commandParses asks the program for the help of a command line: an unknown
// command or flag gives an error, or the help of another command.
func commandParses(t *testing.T, where string, args []string) {
	t.Helper()
	code, said := run(t, nil, binary, append(slices.Clone(args), "--help")...)
	if code != 0 || !strings.Contains(said, "\n  vigie "+args[0]+" [flags]") {
		t.Errorf("%s: vigie %s: exit code %d\n%s", where, strings.Join(args, " "), code, said)
	}
}

// environmentIsKnown has the program read its configuration from the variables:
// it refuses a name or a value that it does not know.
func environmentIsKnown(t *testing.T, where string, env []string, args ...string) {
	t.Helper()
	if code, said := run(t, env, binary, append([]string{"config", "check"}, args...)...); code != 0 {
		t.Errorf("%s: %s", where, said)
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// A page that names a file names one that is there.
func TestLinksOfPagesLeadSomewhere(t *testing.T) {
	pages := append(glob(t, "runbooks/*.md"), "README.md", filepath.Join("..", "docs", "administrator.md"), filepath.Join("..", "README.md"))
	for _, page := range pages {
		for _, found := range link.FindAllStringSubmatch(read(t, page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), found[1])); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}
