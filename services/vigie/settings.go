package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/lmittmann/tint"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/internal/config"
	"github.com/open-vigie/vigie/services/internal/telemetry"
)

// settings is what every command starts from.
type settings struct {
	cfg     config.Config
	log     *slog.Logger
	metrics *prometheus.Registry
	kafka   eventlog.Config
	clients *telemetry.Kafka
	health  *telemetry.Health
	// forGood: who is told to stop will not be back soon.
	forGood atomic.Bool
}

// flagKeys says which configuration key a flag sets.
var flagKeys = map[string]string{
	"data": "data", "log-level": "log.level", "kafka-port": "kafka.port", "clickhouse-port": "clickhouse.port",
	"durability": "kafka.durability", "brokers": "kafka.brokers", "topic-prefix": "kafka.topic_prefix",
	"partitions": "kafka.partitions", "replication": "kafka.replication", "instance": "", "http-port": "", "dc09-port": "", "metrics-port": "",
}

// listenKeys are flags that change the port of a listen address.
var listenKeys = map[string]string{"http-port": "http.listen", "dc09-port": "receiver.listen", "metrics-port": "metrics.listen"}

// load reads the configuration of a command: file, environment, its flags.
func load(cmd *cobra.Command) (*settings, error) {
	path, _ := cmd.Flags().GetString("config")
	flags := map[string]any{}
	for name, key := range flagKeys {
		flag := cmd.Flags().Lookup(name)
		if flag == nil || !flag.Changed {
			continue
		}
		if listen, ok := listenKeys[name]; ok {
			port, err := strconv.Atoi(flag.Value.String())
			if err != nil || port < 0 || port > 65535 {
				return nil, usageError{fmt.Errorf("--%s %s: a port from 0 to 65535 is expected", name, flag.Value)}
			}
			flags[listen] = "127.0.0.1:" + strconv.Itoa(port)
		} else if key != "" {
			flags[key] = flag.Value.String()
		}
		if name == "brokers" {
			flags[key], _ = cmd.Flags().GetStringSlice(name)
		}
	}
	cfg, err := config.Load(path, config.Environ(), flags)
	if err != nil {
		return nil, usageError{err}
	}
	if cfg.Data, err = filepath.Abs(cfg.Data); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	s := &settings{cfg: cfg, metrics: prometheus.NewRegistry(), health: &telemetry.Health{}}
	s.clients = telemetry.NewKafka(s.metrics)
	s.log = newLogger(cfg.Log, os.Stderr)
	if err := registerProcess(s.metrics); err != nil {
		return nil, err
	}
	s.kafka = eventlog.Config{Brokers: cfg.Kafka.Brokers, TopicPrefix: cfg.Kafka.TopicPrefix, ClientID: "vigie"}
	return s, nil
}

// kafkaOf is the log as one role uses it: its clients are counted as that role's.
func (s *settings) kafkaOf(role string) eventlog.Config {
	cfg := s.kafka
	cfg.ClientID, cfg.Hooks = "vigie-"+role, s.clients.Role(role)
	return cfg
}

// path is a place below the data directory.
func (s *settings) path(elem ...string) string {
	return filepath.Join(append([]string{s.cfg.Data}, elem...)...)
}

func newLogger(cfg config.Log, out *os.File) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		level = slog.LevelInfo
	}
	text := cfg.Format == "text" || cfg.Format == "auto" && isTerminal(out)
	var handler slog.Handler = tint.NewTextHandler(out, &tint.Options{
		Level: level, TimeFormat: time.TimeOnly, NoColor: os.Getenv("NO_COLOR") != "" || !isTerminal(out),
	})
	if !text {
		handler = slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level, ReplaceAttr: durationsInWords})
	}
	if level > slog.LevelDebug {
		handler = telemetry.NewQuiet(handler, time.Now)
	}
	return slog.New(handler)
}

// durationsInWords shows 1.5s where JSON would show nanoseconds without a unit.
func durationsInWords(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.String(a.Key, a.Value.Duration().String())
	}
	return a
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
