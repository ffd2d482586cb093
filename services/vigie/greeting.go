package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// publish makes the login link and writes endpoints.json.
func (in *installation) publish(context.Context) error {
	url, user, password := in.engine.Endpoint()
	console := "http://" + in.front.server.Addr()
	token, err := in.front.gate.IssueToken("local")
	if err != nil {
		return err
	}
	e := &in.endpoints
	e.Version, e.PID = 1, os.Getpid()
	e.Kafka = in.broker.Addr()
	e.ClickHouse = clickhouseEndpoint{url, user, password, in.cfg.ClickHouse.Database}
	e.Console = consoleEndpoint{console, in.front.gate.LoginLink(console), token}
	e.Durability = in.cfg.Kafka.Durability
	if in.opts.ephemeral {
		e.Durability = "none"
	}
	return e.write(in.cfg.Data)
}

// durability in plain words.
func (in *installation) durability() string {
	switch in.endpoints.Durability {
	case "power":
		return "power – an acknowledged event is on the disk; it survives a power cut"
	case "process":
		return "process – an acknowledged event survives any crash, not a power cut"
	}
	return "none – everything is gone when vigie stops"
}

// greet says, in at most 15 lines, where everything is and what to do first.
func (in *installation) greet(w io.Writer, took time.Duration) {
	e := in.endpoints
	fmt.Fprintf(w, "Vigie %s is up after %.0f s\n", version, took.Seconds())
	line := func(label, text string) { fmt.Fprintf(w, "  %-11s %s\n", label, text) }
	line("Console", e.Console.Login)
	line("", "(opens once, within a day; a restart prints a new link)")
	line("Panels", fmt.Sprintf("DC-09 on %s (TCP) and %s (UDP)", e.DC09.TCP, e.DC09.UDP))
	line("Kafka", e.Kafka)
	line("ClickHouse", fmt.Sprintf("%s  user %s, password in %s", e.ClickHouse.URL, e.ClickHouse.User, in.shown(endpointsFile)))
	line("Metrics", e.Metrics.URL)
	line("Durability", in.durability())
	line("Data", in.cfg.Data)
	if in.opts.demo {
		line("Demo", fmt.Sprintf("%d sites of class demo, with short figures in the policy", in.opts.fleet.sites))
	}
	fmt.Fprintln(w, "Send your first alarm, from another terminal:")
	fmt.Fprintf(w, "  %s panel send --account 1234 --code BA%s\n", in.self(), in.dataFlag())
}

func (in *installation) shown(name string) string {
	path := in.path(name)
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}

// self is how this program was called.
func (in *installation) self() string { return os.Args[0] }

func (in *installation) dataFlag() string {
	if wd, err := os.Getwd(); err == nil && in.cfg.Data == filepath.Join(wd, ".vigie") {
		return ""
	}
	return " --data " + in.cfg.Data
}

func (in *installation) farewell(w io.Writer) {
	if in.opts.ephemeral {
		fmt.Fprintln(w, "Stopped. Nothing was kept: this was an ephemeral run.")
		return
	}
	fmt.Fprintf(w, "Stopped. Kept in %s: the log, the tables, the keys. `%s up%s` goes on from there.\n", in.cfg.Data, in.self(), in.dataFlag())
}
