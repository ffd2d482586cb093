package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/loadtest/driver"
	"github.com/open-vigie/vigie/loadtest/lab"
	"github.com/open-vigie/vigie/loadtest/report"
	"github.com/open-vigie/vigie/loadtest/scenario"
	"github.com/open-vigie/vigie/loadtest/target"
)

type runOptions struct {
	sites    int
	rate     float64
	duration time.Duration
	seed     uint64

	data, endpoints string
	start, scratch  string
	upArgs          []string
	brokers         []string
	dc09            string
	console, token  string
	metrics, prefix string

	lateBound               time.Duration
	out, lang               string
	dropEvery, phantomEvery int
}

func runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:   "run normal-day|lockdown",
		Short: "Run one scenario and write its report",
		Long: `Runs a scenario in an open loop: each message has its time, which does not wait
for the answers before it, and its latency counts from that time.

  normal-day  the mix of messages of an ordinary day, at the pace that --rate gives
  lockdown    sites close and stay closed, alarms rise in a wave, some sites storm,
              a carrier falls silent and comes back

Sites and schedule follow from scenario, --seed, --sites, --rate and --duration
alone. The sites are declared through the API and stay: use an installation that
holds nothing else, or --start, which makes one and removes it.

Exit code 1 when the report says INVALID.`,
		Example: `  vigie-load run lockdown --start bin/vigie --sites 2000 --rate 300 --duration 10m
  vigie-load run normal-day --data .vigie --out loadtest/results --lang fr
  vigie-load run lockdown --brokers k1:9092 --dc09 centre:9009 --console https://centre --token …`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("name one scenario: %s or %s", scenario.NormalDay, scenario.Lockdown)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, scenario.Name(args[0])) },
	}
	f := cmd.Flags()
	f.IntVar(&o.sites, "sites", 1000, "sites of the fleet, 10 to 200000; each has one panel")
	f.Float64Var(&o.rate, "rate", 100, "messages per second, all panels and kinds together, on average")
	f.DurationVar(&o.duration, "duration", time.Minute, "length of the schedule, from 5s on")
	f.Uint64Var(&o.seed, "seed", 1, "chooses the fleet and the schedule")
	f.StringVar(&o.data, "data", "", "directory of a running `vigie up` (default ./.vigie)")
	f.StringVar(&o.endpoints, "endpoints", "", "file of the form of endpoints.json")
	f.StringVar(&o.start, "start", "", "start this vigie on a directory and ports of its own, and remove them after")
	f.StringVar(&o.scratch, "scratch", "", "where --start makes its directory (default the system's for temporary files)")
	f.StringSliceVar(&o.upArgs, "up", nil, "more arguments for `vigie up` of --start, separated by commas")
	f.StringSliceVar(&o.brokers, "brokers", nil, "host:port of Kafka's bootstrap brokers")
	f.StringVar(&o.dc09, "dc09", "", "host:port of the receiver, TCP and UDP")
	f.StringVar(&o.console, "console", "", "URL of the API that takes declarations of sites")
	f.StringVar(&o.token, "token", "", "bearer token of the API")
	f.StringVar(&o.metrics, "metrics", "", "URL of the archiver's /metrics")
	f.StringVar(&o.prefix, "topic-prefix", "", "stands before every topic name (default vigie.)")
	f.DurationVar(&o.lateBound, "late-bound", driver.DefaultLateBound, "a message that leaves later than this was held up by the generator; the run is INVALID past 1 % of them")
	f.StringVar(&o.out, "out", "loadtest/results", "directory of the report")
	f.StringVar(&o.lang, "lang", "en", "language of the page: en or fr")
	f.IntVar(&o.dropEvery, "drop-every", 0, "treat every N-th event of the log as missing: the report must say INVALID")
	f.IntVar(&o.phantomEvery, "phantom-every", 0, "count an ACK for every N-th event without sending it: the report must say INVALID")
	_ = f.MarkHidden("drop-every")
	_ = f.MarkHidden("phantom-every")
	return cmd
}

func (o *runOptions) check() error {
	ways := 0
	for _, given := range []bool{o.data != "", o.endpoints != "", o.start != "", len(o.brokers) > 0} {
		if given {
			ways++
		}
	}
	switch {
	case ways > 1:
		return usageError{errors.New("--data, --endpoints, --start and --brokers exclude each other: name the installation in one way")}
	case o.lang != "en" && o.lang != "fr":
		return usageError{fmt.Errorf("--lang %q: en or fr is expected", o.lang)}
	case len(o.brokers) > 0 && o.dc09 == "":
		return usageError{errors.New("with --brokers, --dc09 says where the panels send")}
	}
	return nil
}

func (o *runOptions) run(cmd *cobra.Command, name scenario.Name) (err error) {
	config := scenario.Config{Name: name, Seed: o.seed, Sites: o.sites, Rate: o.rate, Duration: o.duration}
	if err := errors.Join(o.check(), usage(config.Check())); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
	endpoints, dir, stop, err := o.installation(cmd.Context(), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	l, err := lab.New(lab.Options{
		Scenario: config, Endpoints: endpoints, TopicPrefix: o.prefix, DataDir: dir, Log: log, LateBound: o.lateBound,
		Command: o.command(name), DropEvery: o.dropEvery, PhantomEvery: o.phantomEvery,
	})
	if err != nil {
		return err
	}
	r, err := l.Run(cmd.Context())
	if err != nil {
		return err
	}
	if err := o.write(cmd.OutOrStdout(), r); err != nil {
		return err
	}
	if !r.Valid {
		return errInvalid
	}
	return nil
}

func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// command repeats the run. What says where the installation is stays out, but for
// --start: addresses and tokens are the reader's own.
func (o *runOptions) command(name scenario.Name) string {
	c := fmt.Sprintf("vigie-load run %s --sites %d --rate %g --duration %s --seed %d", name, o.sites, o.rate, o.duration, o.seed)
	if o.start != "" {
		c += " --start bin/vigie"
	}
	if o.lateBound != driver.DefaultLateBound {
		c += " --late-bound " + o.lateBound.String()
	}
	if len(o.upArgs) > 0 {
		c += " --up=" + strings.Join(o.upArgs, ",")
	}
	if o.dropEvery > 0 {
		c += fmt.Sprintf(" --drop-every %d", o.dropEvery)
	}
	if o.phantomEvery > 0 {
		c += fmt.Sprintf(" --phantom-every %d", o.phantomEvery)
	}
	return c
}

// installation finds the Vigie to be loaded, or starts one; stop ends what was started.
func (o *runOptions) installation(ctx context.Context, log *slog.Logger) (e target.Endpoints, dir string, stop func() error, err error) {
	stop = func() error { return nil }
	switch {
	case o.start != "":
		log.Info("starting an installation for this run", "vigie", o.start)
		own, err := target.Start(ctx, o.start, o.scratch, o.upArgs...)
		if err != nil {
			return e, "", stop, err
		}
		return own.Endpoints, own.Data(), own.Stop, nil
	case o.endpoints != "":
		e, err = target.ReadFile(o.endpoints)
		return e, filepath.Dir(o.endpoints), stop, err
	case len(o.brokers) > 0:
		if _, _, err := net.SplitHostPort(o.dc09); err != nil {
			return e, "", stop, usageError{fmt.Errorf("--dc09 %q: host:port is expected", o.dc09)}
		}
		e.Kafka = strings.Join(o.brokers, ",")
		e.DC09.TCP, e.DC09.UDP = o.dc09, o.dc09
		e.Console.URL, e.Console.Token, e.Metrics.URL = o.console, o.token, o.metrics
		return e, ".", stop, nil
	}
	dir = o.data
	if dir == "" {
		dir = ".vigie"
	}
	e, err = target.Read(dir)
	return e, dir, stop, err
}

// write puts page and JSON into the directory and says the answer.
func (o *runOptions) write(w io.Writer, r *report.Report) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return fmt.Errorf("make the directory of the report: %w", err)
	}
	base := filepath.Join(o.out, r.StartedAt.Format("2006-01-02")+"-"+r.Scenario.Name)
	for _, file := range []struct {
		path  string
		write func(io.Writer) error
	}{
		{base + ".json", r.WriteJSON},
		{base + ".html", func(w io.Writer) error { return r.WriteHTML(w, o.lang) }},
	} {
		if err := writeFile(file.path, file.write); err != nil {
			return err
		}
	}
	for _, line := range r.Lines(o.lang) {
		fmt.Fprintln(w, line)
	}
	fmt.Fprintf(w, "%s.html\n%s.json\n", base, base)
	return nil
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return errors.Join(write(f), f.Close())
}
