//go:build peer

package main

import (
	"os"
	"testing"
)

// TestMain lets the engine's side run: this program starts itself for it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == engineCommand {
		main()
		return
	}
	os.Exit(m.Run())
}

// Every side is killed in the middle of the log, begun again, killed at its end and
// begun again; compare fails when one output is missing, doubled or another.
func TestPeersGiveTheBytesThatTheEngineGives(t *testing.T) {
	t.Chdir("../../..") // where the jars of Kafka and the peer are found
	err := run(t.Context(), []string{"--sites", "1500", "--duration", "30m", "--kill-at", "0.5", "--live-rate", "0", "--dir", t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
}
