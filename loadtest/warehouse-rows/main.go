// Command warehouse-rows fills a warehouse with the life of a centre, so many events
// of it, and times every named query on them: cold, warm, and what it reads.
//
//	go run ./loadtest/warehouse-rows -rows 1000000,10000000,100000000 -data DIR
//
// The rows are made in ClickHouse itself out of numbers, the same for the same flags.
// They end at -end, and each size adds older ones: a larger size is a longer life of
// the same sites. Without -url a local engine of its own keeps them in -data, which
// stays: a later run with the same -end and -seed goes on from it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/engine"
)

// engineUse makes this program play the engine's side.
const engineUse = "clickhouse-engine"

type config struct {
	sizes    []uint64
	life     life
	url      string
	user     string
	database string
	data     string
	runs     int
	only     string
	justFill bool
	// pid is the local engine's, nil for another.
	pid func() int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var err error
	if len(os.Args) > 1 && os.Args[1] == engineUse {
		var cfg engine.ServeConfig
		if cfg, err = engine.ParseArgs(os.Args[2:], slog.Default()); err == nil {
			err = engine.Serve(ctx, cfg)
		}
	} else {
		err = run(ctx, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "warehouse-rows:", err)
		os.Exit(1)
	}
}

func parse(args []string) (config, error) {
	var c config
	f := flag.NewFlagSet("warehouse-rows", flag.ContinueOnError)
	rows := f.String("rows", "1000000", "how many rows of the table events, one size or several")
	end := f.String("end", time.Now().UTC().Truncate(time.Hour).Format(time.RFC3339), "time of the youngest row")
	f.Uint64Var(&c.life.Sites, "sites", 50_000, "sites of the centre")
	f.Float64Var(&c.life.PerSiteDay, "a-day", 2.7, "events that a site makes a day")
	f.Uint64Var(&c.life.Seed, "seed", 1, "seed of all that is drawn")
	f.StringVar(&c.url, "url", "", "address of a ClickHouse; the password is taken from CLICKHOUSE_PASSWORD")
	f.StringVar(&c.user, "user", "default", "user at -url")
	f.StringVar(&c.database, "database", "vigie_rows", "database that is filled")
	f.StringVar(&c.data, "data", "", "directory of a local engine's data, without -url")
	f.IntVar(&c.runs, "runs", 5, "warm runs of each query, of which the median is told")
	f.StringVar(&c.only, "query", "", "the one query to time; all without")
	f.BoolVar(&c.justFill, "fill", false, "fill only, time nothing")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	for size := range strings.SplitSeq(*rows, ",") {
		n, err := strconv.ParseUint(size, 10, 64)
		if err != nil || n < 1000 || len(c.sizes) > 0 && n <= c.sizes[len(c.sizes)-1] {
			return c, fmt.Errorf("-rows %s: sizes of at least 1000 that rise are expected", *rows)
		}
		c.sizes = append(c.sizes, n)
	}
	var err error
	if c.life.End, err = time.Parse(time.RFC3339, *end); err != nil {
		return c, fmt.Errorf("-end: %w", err)
	}
	if (c.url == "") == (c.data == "") {
		return c, errors.New("one of -url and -data is needed")
	}
	return c, nil
}

func run(ctx context.Context, args []string) error {
	cfg, err := parse(args)
	if err != nil {
		return err
	}
	password := os.Getenv("CLICKHOUSE_PASSWORD")
	if cfg.data != "" {
		local, stop, err := startEngine(ctx, cfg.data)
		if err != nil {
			return err
		}
		defer func() { _ = stop() }()
		cfg.url, cfg.user, password = local.Endpoint()
		cfg.pid = local.Pid
	}
	db, err := warehouse.Open(ctx, warehouse.Config{URL: cfg.url, User: cfg.user, Password: password, Database: cfg.database})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	t := &timer{url: cfg.url, user: cfg.user, password: password, database: cfg.database, runs: cfg.runs, end: cfg.life.End, pid: cfg.pid}
	for _, n := range cfg.sizes {
		began := time.Now()
		if err := cfg.life.fill(ctx, db, n); err != nil {
			return err
		}
		if err := tellSize(ctx, os.Stdout, db, n, time.Since(began)); err != nil {
			return err
		}
		if cfg.justFill {
			continue
		}
		if err := t.all(ctx, os.Stdout, cfg.only, n); err != nil {
			return err
		}
	}
	return nil
}

// startEngine runs the local engine, which is this program again.
func startEngine(ctx context.Context, dir string) (*engine.Local, func() error, error) {
	lib, err := engine.FindLib("")
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make the directory of the data: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find this program: %w", err)
	}
	l, err := engine.NewChild(engine.ChildConfig{
		Executable: self, Prefix: []string{engineUse}, Lib: lib, Data: dir,
		LogFile: filepath.Join(dir, "engine.log"), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	stop := func() error {
		cancel()
		return <-done
	}
	select {
	case <-l.Ready():
		return l, stop, nil
	case err := <-done:
		cancel()
		return nil, nil, fmt.Errorf("start the engine: %w", err)
	}
}
