package deploy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// installed puts everything below a directory, as an administrator does below /,
// and beside it the targets that the units hang on.
func installed(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	code, said := run(t, []string{"DESTDIR=" + root, "VIGIE=" + binary}, abs(t, "systemd", "install.sh"))
	if code != 0 {
		t.Fatal(said)
	}
	system := filepath.Join(root, "usr", "lib", "systemd", "system")
	if err := os.MkdirAll(system, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"target", "slice", "mount", "socket"} {
		for _, unit := range glob(t, "/lib/systemd/system/*."+kind) {
			if err := os.WriteFile(filepath.Join(system, filepath.Base(unit)), []byte(read(t, unit)), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

// units are the services, an instance of each template.
func units(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, file := range glob(t, "systemd/*.service") {
		out = append(out, strings.Replace(filepath.Base(file), "@.", "@1.", 1))
	}
	return out
}

// systemd's own parser has nothing to say, and finds the program.
func TestUnitsAreVerified(t *testing.T) {
	root := installed(t)
	args := append([]string{"verify", "--man=no", "--root=" + root}, units(t)...)
	if code, said := run(t, nil, tool(t, "systemd-analyze"), args...); code != 0 || said != "" {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

// maxExposure is on systemd's scale from 0 (safe) to 100, which most services of
// a distribution pass with 90 and more.
const maxExposure = "20"

func TestUnitsMayDoLittle(t *testing.T) {
	root := installed(t)
	for _, unit := range units(t) {
		code, said := run(t, nil, tool(t, "systemd-analyze"), "security", "--no-pager", "--offline=true", "--root="+root, "--threshold="+maxExposure, unit)
		if code != 0 {
			t.Errorf("%s: exit code %d\n%s", unit, code, said)
		}
	}
}

// service is what a unit file says below [Service]; a key may stand several times.
func service(t *testing.T, unit string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	_, section, _ := strings.Cut(read(t, "systemd", strings.Replace(unit, "@1.", "@.", 1)), "[Service]\n")
	section, _, _ = strings.Cut(section, "\n[")
	for line := range strings.Lines(section) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && !strings.HasPrefix(key, "#") {
			out[key] = append(out[key], strings.NewReplacer("%l", "host", "%i", "1").Replace(value))
		}
	}
	return out
}

// Each unit's command line and variables are ones that the program knows, with
// the configuration that is installed beside it.
func TestUnitsAreUnderstood(t *testing.T) {
	root := installed(t)
	config := filepath.Join(root, "etc", "vigie", "vigie.yaml")
	for _, unit := range units(t) {
		s := service(t, unit)
		command := strings.Fields(s["ExecStart"][0])
		if command[0] != "/opt/vigie/bin/vigie" || !slices.Equal(command[2:], []string{"--config", "/etc/vigie/vigie.yaml"}) {
			t.Errorf("%s starts %v", unit, command)
		}
		commandParses(t, unit, command[1:])
		environmentIsKnown(t, unit, strings.Fields(strings.Join(s["Environment"], " ")), "--config", config)
		restart := "always"
		if strings.HasPrefix(unit, "vigie-processor@") {
			restart = "on-failure" // One that is told to stop for good (SIGUSR1) stays away.
		}
		if s["Type"][0] != "exec" || s["Restart"][0] != restart || s["RestartPreventExitStatus"][0] != "2 3" {
			t.Errorf("%s: %v %v %v", unit, s["Type"], s["Restart"], s["RestartPreventExitStatus"])
		}
	}
}

// The sample configuration names keys that exist, also once they are in force.
func TestSampleConfigurationIsGood(t *testing.T) {
	sample := read(t, "systemd", "vigie.yaml")
	_, keys, ok := strings.Cut(sample, "#receiver:")
	if !ok {
		t.Fatal("the sample has no example of a receiver")
	}
	var inForce strings.Builder
	for line := range strings.Lines("#receiver:" + keys) {
		if prose := regexp.MustCompile(`^# \S`); !prose.MatchString(line) && line != "#\n" {
			inForce.WriteString(strings.TrimPrefix(line, "#")) // "#  listen:" keeps its indent
		}
	}
	path := filepath.Join(t.TempDir(), "vigie.yaml")
	if err := os.WriteFile(path, []byte(inForce.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	environmentIsKnown(t, inForce.String(), nil, "--config", path)
	if code, said := run(t, nil, binary, "config", "show", "--config", path); code != 0 || !strings.Contains(said, "kafka-3.example.org") {
		t.Errorf("it shows\n%s", said)
	}
}

// An upgrade changes the program and the units, and not what an administrator wrote.
func TestInstallKeepsTheConfiguration(t *testing.T) {
	root := installed(t)
	config := filepath.Join(root, "etc", "vigie", "vigie.yaml")
	if err := os.WriteFile(config, []byte("log: {level: debug}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, said := run(t, []string{"DESTDIR=" + root, "VIGIE=" + binary}, abs(t, "systemd", "install.sh")); code != 0 {
		t.Fatal(said)
	}
	if got := read(t, config); got != "log: {level: debug}\n" {
		t.Errorf("the configuration is now\n%s", got)
	}
	left := 0
	_ = filepath.WalkDir(filepath.Join(root, "opt"), func(_ string, d fs.DirEntry, _ error) error {
		if !d.IsDir() {
			left++
		}
		return nil
	})
	if left != 1 {
		t.Errorf("%d files below /opt, want the program alone", left)
	}
}
