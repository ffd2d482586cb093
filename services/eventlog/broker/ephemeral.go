package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/open-vigie/vigie/services/internal/ports"
)

// Ephemeral is a broker inside the process. It keeps nothing: for tests and for
// `vigie up --ephemeral`. It speaks Kafka's protocol, transactions included, but
// has one node, no disk, and ignores what only those could mean.
type Ephemeral struct {
	log        *slog.Logger
	partitions int
	port       int
	ready      chan struct{}
}

// NewEphemeral returns an ephemeral broker on 127.0.0.1; port 0 takes a free
// one. partitions is what a topic has that is created without saying how many.
func NewEphemeral(log *slog.Logger, partitions int32, port int) (*Ephemeral, error) {
	if port == 0 {
		free, err := ports.Free()
		if err != nil {
			return nil, err
		}
		port = free
	}
	return &Ephemeral{log: log, partitions: int(partitions), port: port, ready: make(chan struct{})}, nil
}

// Addr is the bootstrap address.
func (e *Ephemeral) Addr() string { return loopback(e.port) }

// Ready is closed once the broker takes records.
func (e *Ephemeral) Ready() <-chan struct{} { return e.ready }

// Run serves until ctx ends; then all that the broker held is gone.
func (e *Ephemeral) Run(ctx context.Context) error {
	if err := ports.Check("tcp", e.Addr()); err != nil {
		return fmt.Errorf("ephemeral kafka: %w: stop that process, or choose another with --kafka-port", err)
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.Ports(e.port), kfake.DefaultNumPartitions(e.partitions),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(ctx, network, e.Addr())
		}),
	)
	if err != nil {
		return fmt.Errorf("ephemeral kafka: %w", err)
	}
	defer cluster.Close()
	e.log.Warn("the log is in memory and ends with this process", "kafka", e.Addr())
	close(e.ready)
	<-ctx.Done()
	return nil
}
