package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/open-vigie/vigie/loadtest/peers/supervision"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/processor"
)

// engineCommand makes this program Vigie's side: a process of its own, as the
// peer is, with the engine as the product runs it.
const engineCommand = "engine"

func runEngine(ctx context.Context, args []string) error {
	f := flag.NewFlagSet(engineCommand, flag.ContinueOnError)
	brokers := f.String("brokers", "", "host:port of Kafka")
	prefix := f.String("prefix", "", "prefix of topics")
	commit := f.Duration("commit", 100*time.Millisecond, "commit interval")
	every := f.Duration("snapshots", 10*time.Second, "pace of snapshots")
	if err := f.Parse(args); err != nil {
		return err
	}
	p, err := processor.New(processor.Config{
		Instance: "compare", CommitEvery: *commit, NewFold: supervision.New,
		Snapshots: processor.Snapshots{Every: *every},
	}, processor.Deps{
		Log:     slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Metrics: prometheus.NewRegistry(),
		Kafka:   eventlog.Config{Brokers: []string{*brokers}, TopicPrefix: *prefix},
	})
	if err != nil {
		return err
	}
	go func() {
		select {
		case <-p.Ready():
			fmt.Println(readyLine)
		case <-ctx.Done():
		}
	}()
	return p.Run(ctx)
}
