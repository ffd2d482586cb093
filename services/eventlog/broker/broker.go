// Package broker runs the Kafka of `vigie up`: Apache Kafka as a supervised
// child process, or one inside the process that keeps nothing. A centre's own
// cluster needs neither.
package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Broker is a local Kafka, real or not.
type Broker interface {
	// Run blocks until ctx has ended and the broker is gone.
	Run(ctx context.Context) error
	// Ready is closed once the broker takes records.
	Ready() <-chan struct{}
	// Addr is the bootstrap address, host:port.
	Addr() string
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// dialPatience bounds the look whether anything listens, so that a probe of a
// broker that is still starting costs next to nothing.
const dialPatience = time.Second

// probe says whether the broker at addr would take a record now: its metadata
// names a controller, and the controller hands out a producer id.
func probe(ctx context.Context, addr string) error {
	conn, err := (&net.Dialer{Timeout: dialPatience}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	if err := conn.Close(); err != nil {
		return err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.ClientID("vigie-probe"), kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer cl.Close()
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
	if err != nil {
		return fmt.Errorf("ask for metadata: %w", err)
	}
	if len(meta.Brokers) == 0 || meta.ControllerID < 0 {
		return errors.New("the broker has no controller yet")
	}
	init := kmsg.NewPtrInitProducerIDRequest()
	init.TransactionTimeoutMillis = int32(time.Minute.Milliseconds())
	init.ProducerID, init.ProducerEpoch = -1, -1
	got, err := init.RequestWith(ctx, cl)
	if err != nil {
		return fmt.Errorf("ask for a producer id: %w", err)
	}
	if got.ErrorCode != 0 {
		return fmt.Errorf("ask for a producer id: error code %d", got.ErrorCode)
	}
	return nil
}
