package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/alarm"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
	"github.com/open-vigie/vigie/services/internal/lifecycle"
	"github.com/open-vigie/vigie/services/internal/ports"
	"github.com/open-vigie/vigie/services/internal/vault"
	"github.com/open-vigie/vigie/services/warehouse"
	"github.com/open-vigie/vigie/services/warehouse/engine"
)

// stopPatience is what each part is given to stop: Kafka needs the longest.
const stopPatience = 30 * time.Second

type upOptions struct {
	demo, ephemeral bool
	fleet           fleetOptions
}

func upCommand() *cobra.Command {
	var opts upOptions
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run everything on this machine: Kafka, ClickHouse, receiver, processor, archiver, desk, console",
		Long: `Runs a whole centre in one go: Apache Kafka and the ClickHouse engine as child
processes, every role of Vigie beside them, the page in your browser. All of it
listens on 127.0.0.1. Ctrl-C stops everything in order; started again with the
same --data, everything is still there.`,
		Example: "  vigie up --demo\n  vigie up --data /var/lib/vigie --durability process\n  vigie up --ephemeral --demo",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := load(cmd)
			if err != nil {
				return err
			}
			if err := opts.fleet.check(); opts.demo && err != nil {
				return err
			}
			if s.cfg.Receiver.HTTP.Listen != "" {
				return usageError{errors.New("receiver.http.listen is for a receiver of its own: vigie up takes events of gateways on http.listen")}
			}
			return up(cmd.Context(), s, opts, cmd)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opts.demo, "demo", false, "add a living simulated fleet")
	f.BoolVar(&opts.ephemeral, "ephemeral", false, "a broker inside the process: needs no Java and keeps nothing")
	opts.fleet.flags(f)
	f.Int("kafka-port", 9092, "port of the local Kafka (0: any free one)")
	f.Int("clickhouse-port", 8123, "port of the local ClickHouse engine (0: any free one)")
	f.Int("http-port", 8080, "port of the page and the API (0: any free one)")
	f.Int("dc09-port", 9009, "port for panels, TCP and UDP (0: any free one)")
	f.Int("metrics-port", 9600, "port of /metrics (0: any free one)")
	f.String("durability", "power", "power: an ACK means on the disk; process: with the kernel")
	return cmd
}

// installation is one running `vigie up`.
type installation struct {
	*settings
	opts       upOptions
	group      *lifecycle.Group
	partitions int32
	broker     broker.Broker
	engine     *engine.Local
	front      *front
	endpoints  endpoints
	// running is true once anything was started that has to be stopped.
	running bool
}

func up(ctx context.Context, s *settings, opts upOptions, cmd *cobra.Command) error {
	in := &installation{settings: s, opts: opts, group: lifecycle.NewGroup(s.log)}
	release, err := in.claimData()
	if err != nil {
		return err
	}
	defer release()
	begin := time.Now()
	err = in.start(ctx)
	if err == nil {
		in.greet(cmd.OutOrStdout(), time.Since(begin))
		err = in.wait(ctx)
	}
	in.endpoints.remove(s.cfg.Data)
	if in.running {
		fmt.Fprintln(cmd.OutOrStdout(), "stopping …")
	}
	stopErr := in.group.Stop(stopPatience)
	if errors.Is(err, context.Canceled) {
		err = nil // Ctrl-C before everything ran
	}
	if err == nil && stopErr == nil {
		in.farewell(cmd.OutOrStdout())
	}
	return errors.Join(err, stopErr)
}

// wait blocks until Ctrl-C, or until a part ends that should not.
func (in *installation) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-in.group.Failed():
		return fmt.Errorf("%w; what was acknowledged is kept in %s, logs are in %s", err, in.cfg.Data, in.path("logs"))
	}
}

// start brings the parts up in the order in which they need each other.
func (in *installation) start(ctx context.Context) error {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"check the ports", in.checkPorts},
		{"prepare the parts", in.prepare},
		{"serve the metrics", in.startMetrics},
		{"start Kafka and ClickHouse", in.startStores},
		{"provision the log", in.provision},
		{"start the roles", in.startRoles},
		{"look at the log's time", in.lookAtTime},
		{"tell where everything is", in.publish},
		{"start the demonstration", in.startDemo},
	} {
		in.log.Debug("up: " + step.what)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return nil
}

// checkPorts names who holds a port before anything is started.
func (in *installation) checkPorts(context.Context) error {
	c := in.cfg
	listens := []struct{ network, addr, flag string }{
		{"tcp", c.HTTP.Listen, "--http-port"}, {"tcp", c.Receiver.Listen, "--dc09-port"}, {"udp", c.Receiver.Listen, "--dc09-port"},
		{"tcp", local(c.Kafka.Port), "--kafka-port"}, {"tcp", local(c.ClickHouse.Port), "--clickhouse-port"},
	}
	if c.Metrics.Listen != "" {
		listens = append(listens, struct{ network, addr, flag string }{"tcp", c.Metrics.Listen, "--metrics-port"})
	}
	if c.Receiver.SurGard.Listen != "" {
		listens = append(listens, struct{ network, addr, flag string }{"tcp", c.Receiver.SurGard.Listen, "receiver.surgard.listen"})
	}
	var errs []error
	for _, l := range listens {
		if _, port, _ := net.SplitHostPort(l.addr); port == "0" || in.ownOrphanMayHold(l.flag) {
			continue
		}
		if err := ports.Check(l.network, l.addr); err != nil {
			errs = append(errs, fmt.Errorf("%w; choose another with %s (0 takes a free one)", err, l.flag))
		}
	}
	return errors.Join(errs...)
}

// ownOrphanMayHold: Kafka or the engine of a vigie that was killed may still be
// alive; the child's own start ends it, or names the stranger.
func (in *installation) ownOrphanMayHold(flag string) bool {
	name := map[string]string{"--kafka-port": "kafka", "--clickhouse-port": "clickhouse"}[flag]
	if name == "" {
		return false
	}
	_, err := os.Stat(in.pidFile(name))
	return err == nil
}

func (in *installation) pidFile(name string) string { return in.path(name, name+".pid") }

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// prepare finds what the children need, before anything runs.
func (in *installation) prepare(context.Context) error {
	var errs []error
	libchdb, err := engine.FindLib(in.cfg.ClickHouse.Lib)
	errs = append(errs, err)
	errs = append(errs, in.prepareBroker())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	in.engine, err = engine.NewChild(engine.ChildConfig{
		Executable: self, Prefix: []string{engineUse}, Lib: libchdb, Data: in.path("clickhouse"), Port: in.cfg.ClickHouse.Port,
		LogFile: in.path("logs", "clickhouse.log"), PidFile: in.pidFile("clickhouse"), Log: in.log,
	})
	return err
}

func (in *installation) prepareBroker() error {
	if in.opts.ephemeral {
		b, err := broker.NewEphemeral(in.log, localPartitions, in.cfg.Kafka.Port)
		in.broker = b
		return err
	}
	java, err := broker.FindJava(in.cfg.Kafka.Java)
	if err != nil {
		return err
	}
	libs, err := broker.FindLibs(in.cfg.Kafka.Libs)
	if err != nil {
		return err
	}
	b, err := broker.NewKafka(broker.KafkaConfig{
		Data: in.path("kafka"), Libs: libs, Java: java, Port: in.cfg.Kafka.Port, HeapMB: in.cfg.Kafka.HeapMB,
		Durability: in.cfg.Kafka.Durability, LogFile: in.path("logs", "kafka.log"), Log: in.log,
	})
	in.broker = b
	return err
}

// startMetrics serves the metrics of all roles in one place.
func (in *installation) startMetrics(ctx context.Context) error {
	addr, err := in.startTelemetry(ctx, in.group)
	if err == nil && addr != "" {
		in.endpoints.Metrics.URL = "http://" + addr + "/metrics"
	}
	return err
}

// startStores starts both children; the engine comes up while Kafka does.
func (in *installation) startStores(ctx context.Context) error {
	in.running = true
	if err := in.group.Start(ctx, lifecycle.Named{Name: "Kafka", Service: in.broker}); err != nil {
		return err
	}
	if err := in.group.Start(ctx, lifecycle.Named{Name: "ClickHouse", Service: in.engine}); err != nil {
		return err
	}
	in.kafka.Brokers = []string{in.broker.Addr()}
	return nil
}

// localPartitions of vigie.events where the configuration names no other number.
const localPartitions = 8

func (in *installation) provision(ctx context.Context) error {
	report, err := eventlog.Provision(ctx, in.kafka, eventlog.Options{
		Partitions: in.cfg.Kafka.Partitions, Local: true, Durability: in.cfg.Kafka.Durability, Log: in.log,
	})
	if err != nil {
		return err
	}
	for _, w := range report.Warnings {
		in.log.Warn(w)
	}
	in.partitions = report.Partitions
	return in.ensurePolicy(ctx, alarm.DemoPolicy(in.opts.fleet.speed))
}

func (in *installation) startRoles(ctx context.Context) error {
	keys, err := in.openVault(vault.OpenShared) // `vigie erase` has a word in it
	if err != nil {
		return err
	}
	if err := in.group.Start(ctx, lifecycle.Named{Name: "keys", Service: closing{keys.Close}}); err != nil {
		return err
	}
	if err := in.startProcessor(ctx, in.group, in.partitions); err != nil {
		return err
	}
	url, user, password := in.engine.Endpoint()
	if err := in.startArchiver(ctx, in.group, warehouse.Config{URL: url, User: user, Password: password, Database: in.cfg.ClickHouse.Database}); err != nil {
		return err
	}
	url, user, password = in.engine.ReaderEndpoint()
	asked := warehouse.Config{URL: url, User: user, Password: password, Database: in.cfg.ClickHouse.Database}
	r, err := in.newReceiver(ctx, keys, in.partitions)
	if err != nil {
		return err
	}
	if in.front, err = in.startFront(ctx, in.group, keys, in.partitions, asked, r.door); err != nil {
		return err
	}
	if err := r.start(ctx, in.group); err != nil {
		return err
	}
	in.endpoints.DC09 = dc09Endpoint{TCP: r.TCP().String(), UDP: r.UDP().String()}
	in.health.Started()
	return nil
}

// lookAtTime tells, in words, that an installation comes back after so long that
// its time stands still.
func (in *installation) lookAtTime(ctx context.Context) error {
	times, err := eventlog.Times(ctx, in.kafka, in.log)
	if err != nil {
		return err
	}
	if stuck, since, _ := standing(times); len(stuck) > 0 {
		in.log.Warn(standstill(len(stuck), since))
	}
	return nil
}

// closing is a service that does nothing but close something at the stop.
type closing struct{ close func() error }

func (c closing) Run(ctx context.Context) error {
	<-ctx.Done()
	return c.close()
}

func (closing) Ready() <-chan struct{} {
	ready := make(chan struct{})
	close(ready)
	return ready
}
