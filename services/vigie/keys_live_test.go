package main

import (
	"bytes"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A key that is added while a receiver runs opens the next frame, a changed one too,
// and none of them stands in anything that the centre writes.
func TestKeyAddedToARunningCentre(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ring := []string{"VIGIE_RECEIVER_KEYRING=" + filepath.Join(dir, "panels.keyring"), "VIGIE_RECEIVER_MASTER_KEY_FILE=" + filepath.Join(dir, "panels.master")}
	in := newInstallation(t, "--ephemeral")
	in.env = append(in.env, ring...)
	in.start()
	keys := func(args ...string) string {
		t.Helper()
		cmd := vigie(t.Context(), t, append([]string{"keys", "--data", in.data}, args...)...)
		cmd.Env = append(cmd.Env, ring...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("vigie keys %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	answered := func(key string) bool {
		t.Helper()
		file := filepath.Join(dir, "key")
		if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
		return eventually(startPatience, func() bool {
			cmd := vigie(t.Context(), t, "panel", "send", "--to", in.DC09.TCP, "--net", "tcp", "--account", "1234", "--code", "BA", "--key-file", file)
			return cmd.Run() == nil
		})
	}
	first := keys("add", "--account", "1234", "--generate", "--bits", "256")
	if !answered(first) {
		t.Fatalf("the key that was added opens nothing\n%s", in.out)
	}
	second := keys("rotate", "--account", "1234", "--generate")
	if !answered(second) || !answered(first) {
		t.Fatalf("while a key is changed both must be good\n%s", in.out)
	}
	// While it runs: an ephemeral directory goes with its centre.
	files := 0
	for _, root := range []string{filepath.Dir(in.data), dir} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || d.Name() == "key" {
				return nil // what the engine has thrown away meanwhile
			}
			b, err := os.ReadFile(path)
			if err == nil {
				files++
				wantNoKey(t, path, b, first, second)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if files < 3 {
		t.Errorf("%d files of a running centre were looked at", files)
	}
	wantNoKey(t, "what vigie said", []byte(in.stop()), first, second)
}

// wantNoKey looks for keys as digits and as bytes.
func wantNoKey(t *testing.T, where string, b []byte, keys ...string) {
	t.Helper()
	for _, key := range keys {
		raw, err := hex.DecodeString(key)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(bytes.ToUpper(b), []byte(key)) || bytes.Contains(b, raw) {
			t.Errorf("%s shows a key", where)
		}
	}
}
