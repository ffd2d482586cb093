package broker

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/open-vigie/vigie/services/internal/child"
	"github.com/open-vigie/vigie/services/internal/ports"
)

// Durability says what a record that was acknowledged survives.
const (
	// Power: vigie.events is on the disk before the ACK; it survives a power cut.
	Power = "power"
	// Process: it is with the kernel; it survives the death of any process.
	Process = "process"
)

// KafkaConfig says where the local Kafka lives.
type KafkaConfig struct {
	// Data is its directory: log segments, cluster id, pid file.
	Data string
	// Libs is the directory of its jars, Java the executable; see FindLibs, FindJava.
	Libs, Java string
	// Port and ControllerPort on 127.0.0.1; 0 takes a free one, anew at each New.
	Port, ControllerPort int
	// HeapMB is the Java heap in MiB; 512 when 0.
	HeapMB int
	// Durability is Power (also when empty) or Process. The broker's own settings
	// do not depend on it: it decides the flushing of topics, see Provision.
	Durability string
	// LogFile takes what Kafka logs.
	LogFile string
	Log     *slog.Logger
}

const (
	// defaultHeapMB holds 8 partitions under load with room to spare.
	defaultHeapMB = 512
	// kafkaStart bounds a start: recovery after kill -9 reads the last segment of
	// each partition, seconds on a laptop and more on a loaded machine.
	kafkaStart = 3 * time.Minute
	// kafkaStop is how long an orderly stop may take before Kafka is killed; a
	// killed one only makes the next start slower.
	kafkaStop = 20 * time.Second
	// healthEvery and healthPatience: a broker that has answered nothing for this
	// long hangs. Long, because a killed broker needs recovery and a busy disk
	// can hold answers back for many seconds.
	healthEvery    = 5 * time.Second
	healthPatience = 45 * time.Second
)

// Kafka is Apache Kafka, one node, as a child process. It restarts when it dies.
type Kafka struct {
	cfg   KafkaConfig
	child *child.Child
}

// NewKafka checks the configuration and chooses ports; nothing runs yet.
func NewKafka(cfg KafkaConfig) (*Kafka, error) {
	switch cfg.Durability {
	case "", Power, Process:
	default:
		return nil, fmt.Errorf("durability %q is not known: it is %q or %q", cfg.Durability, Power, Process)
	}
	if cfg.HeapMB == 0 {
		cfg.HeapMB = defaultHeapMB
	}
	abs, err := filepath.Abs(cfg.Data)
	if err != nil {
		return nil, fmt.Errorf("data directory of kafka: %w", err)
	}
	cfg.Data = abs
	for _, port := range []*int{&cfg.Port, &cfg.ControllerPort} {
		for *port == 0 || cfg.Port == cfg.ControllerPort {
			if *port, err = ports.Free(); err != nil {
				return nil, err
			}
		}
	}
	k := &Kafka{cfg: cfg}
	k.child = child.New(child.Spec{
		Name: "kafka", Path: cfg.Java, Args: k.args("kafka.Kafka", k.file("server.properties")),
		Dir: cfg.Data, PidFile: k.file("kafka.pid"), LogFile: cfg.LogFile,
		Before:      k.prepare,
		Ready:       func(ctx context.Context) error { return probe(ctx, k.Addr()) },
		Health:      func(ctx context.Context) error { return probe(ctx, k.Addr()) },
		StopTimeout: kafkaStop, StartTimeout: kafkaStart,
		HealthEvery: healthEvery, HealthPatience: healthPatience,
		Log: cfg.Log,
	})
	return k, nil
}

// Run starts Kafka and keeps it running until ctx ends.
func (k *Kafka) Run(ctx context.Context) error {
	if err := os.MkdirAll(k.cfg.Data, 0o750); err != nil {
		return fmt.Errorf("data directory of kafka: %w", err)
	}
	return k.child.Run(ctx)
}

// Ready is closed once Kafka takes records for the first time.
func (k *Kafka) Ready() <-chan struct{} { return k.child.Ready() }

// Addr is the bootstrap address. It stays the same over restarts of the child.
func (k *Kafka) Addr() string { return loopback(k.cfg.Port) }

// Pid is the process id of Kafka, 0 while it does not run.
func (k *Kafka) Pid() int { return k.child.Pid() }

// Restarts says how often Kafka was started again.
func (k *Kafka) Restarts() int { return k.child.Restarts() }

// Durability is Power or Process, as configured.
func (k *Kafka) Durability() string {
	if k.cfg.Durability == "" {
		return Power
	}
	return k.cfg.Durability
}

func (k *Kafka) file(name string) string { return filepath.Join(k.cfg.Data, name) }

// prepare stands before each start of the process: ports free, settings written,
// storage formatted.
func (k *Kafka) prepare(ctx context.Context) error {
	for _, port := range []int{k.cfg.Port, k.cfg.ControllerPort} {
		// A Kafka that was killed with its parent may still hold them for a moment.
		if err := ports.Await(ctx, "tcp", loopback(port)); err != nil {
			return fmt.Errorf("kafka: %w: stop that process, or choose another with --kafka-port", err)
		}
	}
	if err := writeFile(k.file("server.properties"), k.properties()); err != nil {
		return fmt.Errorf("settings of kafka: %w", err)
	}
	return k.format(ctx)
}

// format writes the cluster id into the storage at the first start. It may be
// cut off at any point: the id is chosen once, and Kafka writes meta.properties,
// by which formatted storage is known, last and by rename.
func (k *Kafka) format(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(k.file("log"), "meta.properties")); err == nil {
		return nil
	}
	id, err := k.clusterID()
	if err != nil {
		return fmt.Errorf("cluster id of kafka: %w", err)
	}
	cmd := exec.CommandContext(ctx, k.cfg.Java, k.args("kafka.tools.StorageTool",
		"format", "--ignore-formatted", "-t", id, "-c", k.file("server.properties"))...)
	cmd.Dir = k.cfg.Data
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format the storage of kafka in %s: %w\n%s", k.cfg.Data, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// clusterID returns the id of this data directory, chosen once.
func (k *Kafka) clusterID() (string, error) {
	b, err := os.ReadFile(k.file("cluster.id"))
	if err == nil && len(strings.TrimSpace(string(b))) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails since Go 1.24
	// Kafka refuses ids that begin with a dash: its tools read them as a flag.
	raw[0] &= 0x7f
	id := base64.RawURLEncoding.EncodeToString(raw[:])
	return id, writeFile(k.file("cluster.id"), id+"\n")
}

// args is the command line of one of Kafka's programs.
func (k *Kafka) args(main string, rest ...string) []string {
	return append([]string{
		fmt.Sprintf("-Xms%dm", min(128, k.cfg.HeapMB)), fmt.Sprintf("-Xmx%dm", k.cfg.HeapMB),
		"-XX:+UseG1GC", "-XX:MaxGCPauseMillis=50", "-XX:+ExitOnOutOfMemoryError",
		"-Djava.awt.headless=true",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
		"-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
		// Its dump of 300 settings at each start, and a line for each partition that
		// the controller reads back, hide what matters.
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.ReplicationControlManager=warn",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller.ConfigurationControlManager=warn",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.server.purgatory=warn",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.storage.internals.log=warn",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.coordinator=warn",
		"-Dorg.slf4j.simpleLogger.log.kafka.cluster.Partition=warn",
		"-Dorg.slf4j.simpleLogger.log.kafka.server.ClientQuotaManager=warn",
		"-cp", filepath.Join(k.cfg.Libs, "*"), main,
	}, rest...)
}

// writeFile replaces a file by rename, so that a kill leaves the old or the new.
func writeFile(path, content string) error {
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
