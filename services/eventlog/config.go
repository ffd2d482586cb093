// Package eventlog is Vigie's one way to Kafka: client options with their
// reasons, provisioning of topics, the consume loop, and under appender/ and
// broker/ the writer of vigie.events and the local brokers.
package eventlog

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/schemas/topics"
)

// Config says where the log is.
type Config struct {
	// Brokers are host:port of the bootstrap brokers; at least one.
	Brokers []string
	// TopicPrefix stands before each name of package topics; "vigie." by default.
	TopicPrefix string
	// ClientID shows in the broker's logs and metrics.
	ClientID string
	// Hooks gives each client what watches it, by what the client is for: one of
	// the Use constants. nil: nobody watches.
	Hooks func(use string) []kgo.Hook
	// Dialer and the like: tests pass kfake's virtual network here.
	Extra []kgo.Opt
}

// Check says what is wrong with the configuration, and nil when nothing is.
func (c Config) Check() error {
	if len(c.Brokers) == 0 {
		return errors.New("kafka.brokers is empty: give at least one host:port")
	}
	return nil
}

// Topic returns the full name of a topic of package topics.
func (c Config) Topic(name string) string {
	if c.TopicPrefix == "" {
		return topics.DefaultPrefix + name
	}
	return c.TopicPrefix + name
}

// The consumer groups, without prefix.
const (
	GroupProcessor = "processor"
	GroupArchiver  = "archiver"
	GroupFleet     = "fleet"
)

// Group returns the full name of a consumer group: "vigie-processor" by default.
func (c Config) Group(name string) string {
	return strings.TrimRight(c.Topic(""), ".-_") + "-" + name
}

// What a client is for, as its metrics say it.
const (
	UseAdmin    = "admin"
	UseAppend   = "append"
	UseRead     = "read"
	UseGroup    = "group"
	UseTransact = "transact"
)

// Limits that every client shares.
const (
	// sessionTimeout and heartbeatInterval decide how soon a crashed owner's
	// partitions move on: alarms wait no longer than this.
	sessionTimeout    = 6 * time.Second
	heartbeatInterval = time.Second
	// rebalanceTimeout bounds how long a planned move may wait for a commit.
	rebalanceTimeout = 30 * time.Second
	// transactionTimeout bounds how long an orphaned transaction can hold
	// readers back when nobody takes its id over.
	transactionTimeout = 10 * time.Second
)

func (c Config) base(log *slog.Logger) []kgo.Opt { return c.client(log, UseAdmin) }

func (c Config) client(log *slog.Logger, use string) []kgo.Opt {
	id := c.ClientID
	if id == "" {
		id = "vigie"
	}
	var hooks []kgo.Hook
	if c.Hooks != nil {
		hooks = c.Hooks(use)
	}
	return append([]kgo.Opt{
		kgo.WithHooks(hooks...),
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(id),
		kgo.WithLogger(kgoLogger{log}),
		// A truncated or recreated log must stop a reader loudly: the default
		// would silently re-read or skip.
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.RetryTimeout(30 * time.Second),
		kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.RetryBackoffFn(retryBackoff),
	}, c.Extra...)
}

// retryBackoff is short because a local broker that restarts is back within
// seconds, and bounded so that a centre's cluster is not hammered.
func retryBackoff(tries int) time.Duration {
	d := 50 * time.Millisecond << min(tries, 6)
	return min(d, 2*time.Second)
}

// maxRequestBytes of one request to append, above the largest batch. Requests' buffers
// are used again and never become smaller: of all partitions' batches at once, after a
// failure of Kafka, they would stay as many megabytes as there are partitions.
const maxRequestBytes = 2 << 20

// IngestOpts are the options of a client that appends to vigie.events.
//
// It is idempotent with acks=all and never transactional: an open transaction on
// the input would hold every reader back. Records name their partition. Nothing
// limits retries or age: a cancelled produce whose outcome is unknown can make a
// later acknowledgement a lie.
func (c Config) IngestOpts(log *slog.Logger) []kgo.Opt {
	return append(c.client(log, UseAppend),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(2*time.Millisecond),
		kgo.MaxBufferedRecords(200_000),
		kgo.MaxBufferedBytes(256<<20),
		kgo.BrokerMaxWriteBytes(maxRequestBytes),
		kgo.WithCompressor(newCompressor()),
	)
}

// ReaderOpts are the options of a group-less reader: it sees committed records
// only, and the caller adds the partitions and offsets to read.
func (c Config) ReaderOpts(log *slog.Logger) []kgo.Opt {
	return append(c.client(log, UseRead),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(250*time.Millisecond),
	)
}

// GroupOpts are the options of a member of a consumer group that commits by
// itself. instance makes the membership static: a restart in place moves nothing.
func (c Config) GroupOpts(log *slog.Logger, group, instance string, consume ...string) []kgo.Opt {
	return c.memberOpts(log, UseGroup, group, instance, consume)
}

func (c Config) memberOpts(log *slog.Logger, use, group, instance string, consume []string) []kgo.Opt {
	full := make([]string, len(consume))
	for i, t := range consume {
		full[i] = c.Topic(t)
	}
	opts := append(c.client(log, use),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(full...),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(sessionTimeout),
		kgo.HeartbeatInterval(heartbeatInterval),
		kgo.RebalanceTimeout(rebalanceTimeout),
		kgo.FetchMaxWait(100*time.Millisecond),
	)
	if instance != "" {
		opts = append(opts, kgo.InstanceID(group+"."+instance))
	}
	return opts
}

// TransactOpts are the options of a group member whose outputs and offsets are
// committed in one transaction under the stable transactional id of its role.
func (c Config) TransactOpts(log *slog.Logger, role, group, instance string, consume ...string) []kgo.Opt {
	return append(c.memberOpts(log, UseTransact, group, instance, consume),
		kgo.TransactionalID(c.TransactionalID(role, instance)),
		kgo.TransactionTimeout(transactionTimeout),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.WithCompressor(newCompressor()),
	)
}

// TransactionalID is the stable id of an instance of a role: GroupProcessor or
// GroupFleet.
func (c Config) TransactionalID(role, instance string) string {
	return fmt.Sprintf("%s.%s", c.Topic(role), instance)
}

// kgoLogger hands franz-go's log lines on; its chatter is debug for us.
type kgoLogger struct{ log *slog.Logger }

func (l kgoLogger) Level() kgo.LogLevel { return kgo.LogLevelInfo }

func (l kgoLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	if level == kgo.LogLevelError {
		l.log.Warn("kafka client: "+msg, keyvals...)
		return
	}
	l.log.Debug("kafka client: "+msg, keyvals...)
}
