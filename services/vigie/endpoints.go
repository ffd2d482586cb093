package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// endpoints is DIR/endpoints.json: where a running `vigie up` is to be found.
// Written whole when everything is ready, removed at the stop.
type endpoints struct {
	Version    int                `json:"version"`
	PID        int                `json:"pid"`
	Kafka      string             `json:"kafka"`
	ClickHouse clickhouseEndpoint `json:"clickhouse"`
	Console    consoleEndpoint    `json:"console"`
	DC09       dc09Endpoint       `json:"dc09"`
	Metrics    metricsEndpoint    `json:"metrics"`
	Durability string             `json:"durability"`
}

type clickhouseEndpoint struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
	Database string `json:"database"`
}

type consoleEndpoint struct {
	URL   string `json:"url"`
	Login string `json:"login"`
	Token string `json:"token"`
}

type dc09Endpoint struct {
	TCP string `json:"tcp"`
	UDP string `json:"udp"`
}

type metricsEndpoint struct {
	URL string `json:"url"`
}

const endpointsFile = "endpoints.json"

func (e endpoints) write(dir string) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", endpointsFile, err)
	}
	path := filepath.Join(dir, endpointsFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", endpointsFile, err)
	}
	return os.Rename(path+".new", path)
}

func (endpoints) remove(dir string) { _ = os.Remove(filepath.Join(dir, endpointsFile)) }

// readEndpoints finds the running `vigie up` of a data directory.
func readEndpoints(dir string) (endpoints, error) {
	var e endpoints
	b, err := os.ReadFile(filepath.Join(dir, endpointsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return e, fmt.Errorf("no vigie runs on %s: start one with `vigie up`, or name its directory with --data", dir)
	}
	if err != nil {
		return e, fmt.Errorf("read where vigie runs: %w", err)
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("%s in %s cannot be read: %w", endpointsFile, dir, err)
	}
	if err := syscall.Kill(e.PID, 0); errors.Is(err, syscall.ESRCH) {
		return e, fmt.Errorf("the vigie of %s (pid %d) has died: start it again with `vigie up`", dir, e.PID)
	}
	return e, nil
}
