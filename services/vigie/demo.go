package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/open-vigie/vigie/services/demo"
	"github.com/open-vigie/vigie/services/internal/lifecycle"
)

// fleetOptions shape the demonstration's fleet.
type fleetOptions struct {
	sites int
	seed  uint64
	speed float64
}

func (o *fleetOptions) flags(f *pflag.FlagSet) {
	f.IntVar(&o.sites, "sites", 200, "sites of the demonstration")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the demonstration: the same seed lives the same life")
	f.Float64Var(&o.speed, "speed", 1, "scales the demonstration's behaviour and its policy, never a clock")
}

func (o fleetOptions) check() error {
	if o.sites < 20 || o.sites > 10_000 {
		return usageError{fmt.Errorf("--sites %d: 20 to 10000 are expected", o.sites)}
	}
	if o.speed < 0.1 || o.speed > 10 {
		return usageError{fmt.Errorf("--speed %g: 0.1 to 10 is expected", o.speed)}
	}
	return nil
}

func demoCommand() *cobra.Command {
	var opts fleetOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Let a simulated fleet live on a running `vigie up`: real DC-09 over loopback",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			e, err := readEndpoints(s.cfg.Data)
			if err != nil {
				return err
			}
			g := lifecycle.NewGroup(s.log)
			if err := s.startDemo(cmd.Context(), g, opts, e); err != nil {
				return errors.Join(err, g.Stop(stopPatience))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d sites live; Ctrl-C ends the demonstration\n", opts.sites)
			select {
			case <-cmd.Context().Done():
			case err = <-g.Failed():
			}
			return errors.Join(err, g.Stop(stopPatience))
		},
	}
	opts.flags(cmd.Flags())
	return cmd
}

func (s *settings) startDemo(ctx context.Context, g *lifecycle.Group, opts fleetOptions, e endpoints) error {
	if err := opts.check(); err != nil {
		return err
	}
	fleet, err := demo.New(demo.Config{Sites: opts.sites, Seed: opts.seed, Speed: opts.speed}, demo.Deps{
		Log: s.log, Metrics: s.metrics, DC09TCP: e.DC09.TCP, DC09UDP: e.DC09.UDP,
		DeskURL: e.Console.URL, Token: e.Console.Token, HTTP: &http.Client{Timeout: 30 * time.Second},
	})
	if err != nil {
		return err
	}
	return g.Start(ctx, lifecycle.Named{Name: "demonstration", Service: fleet})
}

func (in *installation) startDemo(ctx context.Context) error {
	if !in.opts.demo {
		return nil
	}
	return in.settings.startDemo(ctx, in.group, in.opts.fleet, in.endpoints)
}
