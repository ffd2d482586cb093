package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/open-vigie/vigie/services/internal/config"
)

// try runs the program and returns its exit code and what it said on stderr.
func try(t *testing.T, env []string, args ...string) (int, string) {
	t.Helper()
	cmd := vigie(t.Context(), t, args...)
	cmd.Env = append(cmd.Env, env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), said.String()
}

// Every error is one clear line that says what was wrong and what to do.
func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	up := func(flags ...string) []string {
		ports := []string{"--kafka-port", "0", "--clickhouse-port", "0", "--http-port", "0", "--dc09-port", "0", "--metrics-port", "0"}
		return append(append([]string{"up", "--data", filepath.Join(t.TempDir(), "data")}, ports...), flags...)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mistakes(t, map[string]mistake{
		"a port in use names the process": {nil, up("--http-port", port), exitFailed, []string{port, "vigie.test", strconv.Itoa(os.Getpid()), "--http-port"}},
		"a panel port in use":             {nil, up("--dc09-port", port), exitFailed, []string{port, "--dc09-port"}},
		"a directory that cannot be made": {nil, up("--data", filepath.Join(file, "data")), exitFailed, []string{file, "--data"}},
		"Kafka is not installed":          {[]string{"VIGIE_KAFKA_LIBS=/nonexistent"}, up(), exitMissing, []string{"make setup"}},
		"the engine is not installed":     {[]string{"VIGIE_CHDB_LIB=/nonexistent"}, up(), exitMissing, []string{"make setup"}},
		"there is no Java":                {[]string{"VIGIE_JAVA=/nonexistent"}, up(), exitMissing, []string{"Java 17", "--ephemeral"}},
		"an unknown command":              {nil, []string{"fly"}, exitUsage, []string{"fly", "--help"}},
		"an unknown subcommand":           {nil, []string{"verify", "warehose"}, exitUsage, []string{"warehose", "vigie verify --help"}},
		"no subcommand":                   {nil, []string{"verify"}, exitUsage, []string{"vigie verify --help"}},
		"an unknown flag":                 {nil, []string{"up", "--fast"}, exitUsage, []string{"--fast", "vigie up --help"}},
		"a word too many":                 {nil, []string{"up", "now"}, exitUsage, []string{"now", "--help"}},
		"a port that is none":             {nil, up("--http-port", "99999"), exitUsage, []string{"--http-port", "65535"}},
		"a durability that is none":       {nil, up("--durability", "maybe"), exitUsage, []string{"kafka.durability", "power"}},
		"an unknown key":                  {[]string{"VIGIE_KAFKA_PROT=1"}, []string{"config", "check"}, exitUsage, []string{"VIGIE_KAFKA_PORT"}},
		"a fleet too small":               {nil, up("--demo", "--sites", "3"), exitUsage, []string{"--sites", "20"}},
		"two places for gateways":         {[]string{"VIGIE_RECEIVER_HTTP_LISTEN=127.0.0.1:0"}, up(), exitUsage, []string{"receiver.http.listen", "http.listen"}},
		"a role without a cluster":        {nil, []string{"processor"}, exitUsage, []string{"kafka.brokers", "--brokers"}},
		"no installation to send to":      {nil, []string{"panel", "send", "--account", "1234", "--code", "BA", "--data", filepath.Join(t.TempDir(), "none")}, exitFailed, []string{"vigie up", "--to"}},
	})
}

// Of panels and their messages, too.
func TestErrorsOfPanelsSayWhatToDo(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mistakes(t, map[string]mistake{
		"an account that is none":     {nil, []string{"panel", "send", "--account", "xyz", "--code", "BA"}, exitUsage, []string{"xyz", "hexadecimal"}},
		"a code that is none":         {nil, []string{"panel", "send", "--account", "1234", "--code", "B"}, exitUsage, []string{"SIA", "Contact ID"}},
		"a key that is none":          {nil, []string{"panel", "send", "--account", "1234", "--code", "BA", "--key", "short"}, exitUsage, []string{"5 characters", "32, 48 or 64"}},
		"a word that is no message":   {nil, []string{"receiver", "send", "alert", "--account", "1234"}, exitUsage, []string{"alert", "alarm, restore, fault, test or poll"}},
		"a word and a code":           {nil, []string{"receiver", "send", "alarm", "--code", "FA", "--account", "1234"}, exitUsage, []string{"exclude each other"}},
		"a transport that is none":    {nil, []string{"receiver", "send", "poll", "--account", "1234", "--net", "x25"}, exitUsage, []string{"x25", "tcp, udp or tls"}},
		"a keyring that is not there": {nil, []string{"receiver", "decode", "--keyring", "--data", filepath.Join(t.TempDir(), "none"), "x"}, exitFailed, []string{"vigie keys add"}},
		"a file that is no capture":   {nil, []string{"receiver", "decode", "--pcap", file}, exitUsage, []string{"no pcap or pcapng"}},
		"a capture that is not there": {nil, []string{"receiver", "decode", "--pcap", "/nonexistent"}, exitUsage, []string{"/nonexistent"}},
		"a time that is none":         {nil, []string{"receiver", "decode", "--received", "noon", "x"}, exitUsage, []string{"noon", "2026-"}},
		"nothing to decode":           {nil, []string{"receiver", "decode", ""}, exitUsage, []string{"there is no frame"}},
		"two keys":                    {nil, []string{"panel", "decode", "--key", "x", "--key-file", "y", "z"}, exitUsage, []string{"--key-file"}},
		"a file of a key that is not": {nil, []string{"panel", "decode", "--key-file", "/nonexistent", "z"}, exitUsage, []string{"/nonexistent"}},
	})
}

// mistake is what somebody gets wrong, and what the one line must say.
type mistake struct {
	env  []string
	args []string
	code int
	want []string
}

func mistakes(t *testing.T, all map[string]mistake) {
	t.Helper()
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, said := try(t, c.env, c.args...)
			if code != c.code {
				t.Errorf("exit code %d, want %d: %s", code, c.code, said)
			}
			if strings.Count(strings.TrimSpace(said), "\n") > 0 {
				t.Errorf("more than one line: %s", said)
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in: %s", want, said)
				}
			}
		})
	}
}

// Every command explains itself.
func TestEveryCommandHasHelp(t *testing.T) {
	root := newRoot()
	commands := root.Commands()
	for i := 0; i < len(commands); i++ {
		commands = append(commands, commands[i].Commands()...)
		c := commands[i]
		if c.Short == "" {
			t.Errorf("%s has no line of help", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no line of help", c.CommandPath(), f.Name)
			}
		})
	}
}

// docs/configuration.md is what `vigie config docs` prints.
func TestConfigurationPageIsCurrent(t *testing.T) {
	have, err := os.ReadFile(filepath.Join(repo(t), "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != config.Docs() {
		t.Error("docs/configuration.md is out of date: write it anew with `bin/vigie config docs > docs/configuration.md`")
	}
}
