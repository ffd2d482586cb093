package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// `vigie panel send` as an installer types it, to a third party's receiver: it accepts
// and answers what it knows, and what it refuses is said in words.
func TestPanelSendToAThirdPartysReceiver(t *testing.T) {
	t.Parallel()
	const key = "0123456789ABCDEF01234567" // AES-192; the receiver takes the characters for the bytes
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"tcp", "udp"} {
		for _, keys := range [][]string{nil, {key}} {
			to, accepted := thirdPartysReceiver(t, append([]string{strings.ToUpper(network), "1234"}, keys...)...)
			for _, c := range []struct {
				args, says, accepts string
			}{
				{"--account 1234 --code BA --area 1 --zone 12", "ACK", "BA 1 12"},
				{"--account 1234 --code 130 --area 1 --zone 12", "ACK", "BA 012 -"},
				{"--account 1234 --poll --receiver 1 --line 2", "ACK", "RP 0 -"},
				{"--account 1234 --code QQ", "DUH", ""},
				{"--account 9999 --code BA", "NAK", ""},
			} {
				args := append([]string{"panel", "send", "--lang", "en", "--net", network, "--to", to}, strings.Fields(c.args)...)
				sealed := " -"
				if keys != nil {
					args, sealed = append(args, "--key-file", file), " E"
				}
				out, err := vigie(t.Context(), t, args...).CombinedOutput()
				// The answer in words is the last thing that it prints.
				said := strings.Split(strings.TrimSpace(string(out)), "\n")
				if err != nil || !strings.HasPrefix(said[len(said)-1], c.says) {
					t.Errorf("%s, %d keys: %s: %v, %s", network, len(keys), c.args, err, out)
					continue
				}
				if c.accepts != "" {
					if got := <-accepted; got != c.accepts+sealed {
						t.Errorf("%s, %d keys: %s: it accepted %q, want %q", network, len(keys), c.args, got, c.accepts+sealed)
					}
				}
			}
		}
	}
}

// thirdPartysReceiver runs pysiaalarm until the test ends: its address, and a line for
// each event that it accepts.
func thirdPartysReceiver(t *testing.T, args ...string) (to string, accepted <-chan string) {
	t.Helper()
	cmd := exec.Command(python(t), append([]string{"-W", "ignore", "../panel/testdata/receiver.py"}, args...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make(chan string, 16)
	go func() {
		defer close(said)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		_ = in.Close() // it ends with its input
		for range said {
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the third party's receiver: %v", err)
		}
	})
	port, ok := <-said
	if !ok {
		t.Fatal("the third party's receiver did not start: run `make setup`")
	}
	return "127.0.0.1:" + port, said
}
