// Package target is the installation under load: where it is, how its sites are
// declared through its public API, and how to start one of its own.
package target

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Endpoints of a running `vigie up`, as it writes them to endpoints.json; or
// named one by one, of which Kafka, DC-09 and the console are needed.
type Endpoints struct {
	PID        int    `json:"pid"`
	Kafka      string `json:"kafka"`
	ClickHouse struct {
		URL      string `json:"url"`
		User     string `json:"user"`
		Password string `json:"password"`
	} `json:"clickhouse"`
	Console struct {
		URL   string `json:"url"`
		Token string `json:"token"`
	} `json:"console"`
	DC09 struct {
		TCP string `json:"tcp"`
		UDP string `json:"udp"`
	} `json:"dc09"`
	Metrics struct {
		URL string `json:"url"`
	} `json:"metrics"`
	Durability string `json:"durability"`
}

const file = "endpoints.json"

// Read finds the running `vigie up` of a data directory.
func Read(dir string) (Endpoints, error) {
	e, err := ReadFile(filepath.Join(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return e, fmt.Errorf("no vigie runs on %s: start one with `vigie up --data %s`, or let vigie-load start one with --start", dir, dir)
	}
	if err == nil && errors.Is(syscall.Kill(e.PID, 0), syscall.ESRCH) {
		return e, fmt.Errorf("the vigie of %s (pid %d) has died: start it again with `vigie up`", dir, e.PID)
	}
	return e, err
}

// ReadFile reads endpoints from a file of the form of endpoints.json.
func ReadFile(path string) (Endpoints, error) {
	var e Endpoints
	b, err := os.ReadFile(path)
	if err != nil {
		return e, fmt.Errorf("read where vigie runs: %w", err)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	return e, nil
}

// Check says which address is missing, and nil when the load lab has all it needs.
func (e Endpoints) Check() error {
	for _, need := range []struct{ value, what, flag string }{
		{e.Kafka, "Kafka", "--brokers"}, {e.DC09.UDP, "the receiver's UDP address", "--dc09"},
		{e.DC09.TCP, "the receiver's TCP address", "--dc09"}, {e.Console.URL, "the console", "--console"},
	} {
		if need.value == "" {
			return fmt.Errorf("%s is not known: give %s, or the directory of a running `vigie up` with --data", need.what, need.flag)
		}
	}
	return nil
}
