package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-vigie/vigie/services/receiver/keyring"
)

// keysRun is `vigie keys …` on a data directory of its own.
type keysRun struct {
	t    *testing.T
	data string
}

func (k keysRun) run(stdin string, args ...string) (out, said string, err error) {
	k.t.Helper()
	root := newRoot()
	var o, e bytes.Buffer
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&o)
	root.SetErr(&e)
	root.SetArgs(append([]string{"keys", "--data", k.data}, args...))
	err = root.ExecuteContext(k.t.Context())
	return o.String(), e.String(), err
}

func (k keysRun) good(stdin string, args ...string) string {
	k.t.Helper()
	out, said, err := k.run(stdin, args...)
	if err != nil {
		k.t.Fatalf("vigie keys %s: %v", strings.Join(args, " "), err)
	}
	if strings.Contains(said, "0A0B0C") {
		k.t.Errorf("vigie keys %s says a key on standard error", strings.Join(args, " "))
	}
	return out
}

const (
	firstKey  = "0a0b0c0d0e0f101112131415161718aa"
	secondKey = "0a0b0c0d0e0f101112131415161718bb0a0b0c0d0e0f101112131415161718bb"
)

func TestKeysFromBirthToEnd(t *testing.T) {
	k := keysRun{t, t.TempDir()}
	k.good(firstKey+"\n", "add", "--account", "12ab")
	made := strings.TrimSpace(k.good("", "add", "--line", "1f", "--all-accounts", "--generate", "--bits", "256"))
	if len(made) != 64 {
		t.Errorf("a key of 256 bits was made as %d digits", len(made))
	}
	list := k.good("", "list")
	if strings.Contains(strings.ToUpper(list), "0A0B0C") || strings.Contains(list, made) || !strings.Contains(list, "12AB") || !strings.Contains(list, "1F    (all others)  AES-256") {
		t.Errorf("the list:\n%s", list)
	}
	file := filepath.Join(k.data, "second")
	if err := os.WriteFile(file, []byte(secondKey), 0o600); err != nil {
		t.Fatal(err)
	}
	k.good("", "rotate", "--account", "12AB", "--key-file", file)
	if list := k.good("", "list", "--rotating"); strings.Count(list, "\n") != 2 || !strings.Contains(list, "since") {
		t.Errorf("the list of keys that are being changed:\n%s", list)
	}
	clear := k.good("", "export", "--out", "-")
	if want := "0,12AB," + strings.ToUpper(firstKey) + "," + strings.ToUpper(secondKey) + "\n"; !strings.Contains(clear, want) {
		t.Error("the export lacks the account's keys")
	}
	k.good("", "rotate", "--account", "12AB", "--finish")

	moved := keysRun{t, t.TempDir()}
	moved.good(clear, "import")
	moved.good(clear, "import") // the same once more changes nothing
	if again := moved.good("", "export", "--out", "-"); again != clear {
		t.Error("what was imported is not what was exported")
	}
	if _, _, err := k.run(clear, "import"); err == nil || !strings.Contains(err.Error(), "--replace") {
		t.Errorf("import over another key: %v, want an error that names --replace", err)
	}
	k.good(clear, "import", "--replace")
	k.good("", "remove", "--account", "12ab")
	if list := k.good("", "list"); strings.Contains(list, "12AB") {
		t.Errorf("the account is still listed:\n%s", list)
	}
	for _, name := range []string{"panels.keyring", "panels.master"} {
		stored, err := os.ReadFile(filepath.Join(k.data, "keys", name))
		info, statErr := os.Stat(filepath.Join(k.data, "keys", name))
		if err != nil || statErr != nil || info.Mode().Perm() != 0o600 || bytes.Contains(stored, []byte{0x0a, 0x0b, 0x0c, 0x0d}) {
			t.Errorf("%s: %v, %v: want mode 0600 and no key in it", name, err, info.Mode())
		}
	}
}

// Every error names what was wrong and what to do, and no key.
func TestKeysErrors(t *testing.T) {
	k := keysRun{t, t.TempDir()}
	k.good(firstKey, "add", "--account", "1234")
	secret := "0A0B0C_not_a_key"
	for name, c := range map[string]struct {
		stdin string
		args  []string
		usage bool
		want  string
	}{
		"no account":              {firstKey, []string{"add"}, true, "--all-accounts"},
		"account and all":         {firstKey, []string{"add", "--account", "1", "--all-accounts"}, true, "--all-accounts"},
		"a line that is none":     {firstKey, []string{"add", "--account", "1", "--line", "x"}, true, "hexadecimal"},
		"an account that is none": {firstKey, []string{"add", "--account", "1 2"}, true, "letters and digits"},
		"a key that is none":      {secret + "!", []string{"add", "--account", "1"}, true, "17 characters"},
		"no key":                  {"", []string{"add", "--account", "1"}, true, "0 characters"},
		"bits that are none":      {"", []string{"add", "--account", "1", "--generate", "--bits", "100"}, true, "192"},
		"another key":             {secondKey, []string{"add", "--account", "1234"}, false, "rotate"},
		"rotate a stranger":       {secondKey, []string{"rotate", "--account", "9"}, false, "keys list"},
		"finish nothing":          {"", []string{"rotate", "--account", "1234", "--finish"}, false, "not being changed"},
		"finish and cancel":       {"", []string{"rotate", "--account", "1234", "--finish", "--cancel"}, true, "exclude"},
		"export to nowhere":       {"", []string{"export"}, true, "--out"},
		"export over a file":      {"", []string{"export", "--out", filepath.Join(k.data, "keys", "panels.master")}, false, "panels.master"},
		"import junk":             {"0,12,zz" + secret, []string{"import"}, false, "row 1: line 0, account 12: the key: 18 characters"},
		"import a short row":      {"0,12", []string{"import"}, false, "row 1: 2 fields"},
		"import twice":            {"0,12," + firstKey + "\n0,12," + firstKey, []string{"import"}, false, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			_, said, err := keysRun{t, k.data}.run(c.stdin, c.args...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if usage := exitCode(err) == exitUsage; usage != c.usage {
				t.Errorf("exit code %d of %v", exitCode(err), err)
			}
			if text := strings.ToUpper(err.Error() + said); strings.Contains(text, "0A0B0C") {
				t.Errorf("the error tells of the key: %v", err)
			}
		})
	}
}

// The master key may come from the environment; another one opens nothing, and a
// lost one is told.
func TestKeysNeedTheirMaster(t *testing.T) {
	k := keysRun{t, t.TempDir()}
	t.Setenv("VIGIE_RECEIVER_MASTER_KEY", strings.Repeat("ab", keyring.MasterSize))
	k.good(firstKey, "add", "--account", "1234")
	if _, err := os.Stat(filepath.Join(k.data, "keys", "panels.master")); !os.IsNotExist(err) {
		t.Errorf("a master key file beside the one of the environment: %v", err)
	}
	t.Setenv("VIGIE_RECEIVER_MASTER_KEY", strings.Repeat("cd", keyring.MasterSize))
	if _, _, err := k.run("", "list"); err == nil || !strings.Contains(err.Error(), "another master key") {
		t.Errorf("another master key: %v", err)
	}
	t.Setenv("VIGIE_RECEIVER_MASTER_KEY", "abcd")
	if _, _, err := k.run("", "list"); err == nil || exitCode(err) != exitUsage || strings.Contains(err.Error(), "abcd") {
		t.Errorf("half a master key: %v", err)
	}
	t.Setenv("VIGIE_RECEIVER_MASTER_KEY", "")
	if _, _, err := k.run("", "list"); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("no master key: %v", err)
	}
}
