// Package config is Vigie's configuration: one YAML file, environment
// variables, flags, in rising order. Every key has a default and a sentence;
// an unknown key is an error that names the nearest known one.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/v2"
)

// Config is everything that can be set. The tag doc is the reference.
type Config struct {
	Data       string     `koanf:"data" doc:"Directory of everything that vigie keeps on this machine."`
	Log        Log        `koanf:"log"`
	Kafka      Kafka      `koanf:"kafka"`
	ClickHouse ClickHouse `koanf:"clickhouse"`
	HTTP       HTTP       `koanf:"http"`
	Receiver   Receiver   `koanf:"receiver"`
	Processor  Processor  `koanf:"processor"`
	Archiver   Instance   `koanf:"archiver"`
	Desk       Desk       `koanf:"desk"`
	Metrics    Metrics    `koanf:"metrics"`
}

// Log says how the program reports on itself.
type Log struct {
	Level  string `koanf:"level" doc:"debug, info, warn or error."`
	Format string `koanf:"format" doc:"auto (text on a terminal, JSON elsewhere), text or json."`
}

// Kafka is the log: a cluster by brokers, or the local one of vigie up.
type Kafka struct {
	Brokers     []string `koanf:"brokers" doc:"host:port of the cluster's bootstrap brokers; empty in vigie up, which runs its own."`
	TopicPrefix string   `koanf:"topic_prefix" doc:"Stands before every topic and group name."`
	Partitions  int32    `koanf:"partitions" doc:"Partitions of vigie.events: a power of two up to 1024, never changed later; 0 keeps what is there, or takes 8 locally and 32 on a cluster."`
	Replication int16    `koanf:"replication" doc:"Copies of each partition on a cluster; 0 takes 3 (1 locally)."`
	Port        int      `koanf:"port" doc:"Port of the local Kafka on 127.0.0.1; 0 takes a free one."`
	Durability  string   `koanf:"durability" doc:"power: an acknowledged event is on the disk. process: it is with the kernel, and survives any process but not a power cut. Where there is one copy only: the local Kafka, or kafka.replication 1."`
	Libs        string   `koanf:"libs" doc:"Directory of Kafka's jars; empty looks beside the program."`
	Java        string   `koanf:"java" doc:"Java 17 or newer; empty looks in JAVA_HOME and PATH."`
	HeapMB      int      `koanf:"heap_mb" doc:"Java heap of the local Kafka, MiB."`
}

// ClickHouse is the warehouse: a server by url, or the local engine of vigie up.
type ClickHouse struct {
	URL      string `koanf:"url" doc:"http(s)://host:port of a ClickHouse server; empty in vigie up, which runs its own engine."`
	User     string `koanf:"user" doc:"User of that server."`
	Password string `koanf:"password" doc:"Password of that user." secret:"true"`
	Database string `koanf:"database" doc:"Database that holds Vigie's tables."`
	Cluster  string `koanf:"cluster" doc:"Cluster of servers that each hold a copy of the tables, as the servers name it; empty for a single server."`
	Port     int    `koanf:"port" doc:"Port of the local engine on 127.0.0.1; 0 takes a free one."`
	Lib      string `koanf:"lib" doc:"libchdb.so; empty looks beside the program."`
}

// HTTP is the address of desk and console.
type HTTP struct {
	Listen string `koanf:"listen" doc:"host:port of the page, the API and the live stream; port 0 takes a free one."`
	URL    string `koanf:"url" doc:"Address under which people reach the page, for the login link; empty takes http:// and the listening address."`
	Token  string `koanf:"token" doc:"Bearer token that a machine (Grafana, a script) may use, 32 characters or more; empty allows none." secret:"true"`
}

// Receiver takes panels in.
type Receiver struct {
	ID     string `koanf:"id" doc:"Name of this receiver, stable over restarts, [a-z0-9._-]{1,64}."`
	Group  string `koanf:"group" doc:"Receivers of one group share a supervision clock: the panels of any can reach another."`
	Listen string `koanf:"listen" doc:"host:port for DC-09 over TCP and UDP; port 0 takes a free one; [::]:9009 listens on IPv6 and IPv4."`

	Keyring       string `koanf:"keyring" doc:"File with the AES keys of panels (vigie keys); empty takes keys/panels.keyring below data."`
	MasterKeyFile string `koanf:"master_key_file" doc:"File with the master key of the keyring, 32 bytes, made by the first vigie keys; empty takes keys/panels.master below data."`
	MasterKey     string `koanf:"master_key" doc:"Master key of the keyring, 64 hexadecimal digits, in place of the file." secret:"true"`

	CheckStampLines    []string `koanf:"check_stamp_lines" doc:"Lines (hexadecimal, as in L1F; or all) on which a clear frame with a stamp outside -40 s to +20 s is answered NAK with our clock. Encrypted frames always are."`
	EncryptedOnlyLines []string `koanf:"encrypted_only_lines" doc:"Lines (or all) on which an account that has a key gets no answer when it sends in clear. Elsewhere it is taken, and told as a suspicion."`
	KnownOnlyLines     []string `koanf:"known_only_lines" doc:"Lines (or all) on which an account that nobody declared gets no answer. Elsewhere it is taken as a site of its own."`

	BinaryCRCLines       []string `koanf:"binary_crc_lines" doc:"Lines (or all) whose panels may write the CRC as two bytes in place of four digits. Like the next three, for panels that depart from the standard: docs/dc09.md names them."`
	DecimalLengthLines   []string `koanf:"decimal_length_lines" doc:"Lines (or all) whose panels may write the length in decimal."`
	CountsEndLines       []string `koanf:"counts_end_lines" doc:"Lines (or all) whose panels may count the line end into CRC and length."`
	UnstampedCipherLines []string `koanf:"unstamped_cipher_lines" doc:"Lines (or all) whose panels may encrypt a report without a time stamp. Anybody who hears it can send it again: avoid it."`

	TLSListen string   `koanf:"tls_listen" doc:"host:port for DC-09 inside TLS 1.2 or newer; empty opens none."`
	TLSCert   string   `koanf:"tls_cert" doc:"Certificate of that address with its chain, PEM; a change is in force for the next connection."`
	TLSKey    string   `koanf:"tls_key" doc:"Private key of that certificate, PEM file."`
	Proxies   []string `koanf:"proxies" doc:"Addresses or networks of load balancers whose TCP and TLS connections begin with the PROXY protocol, version 2; from nobody else is it believed."`

	ExemptSources      []string `koanf:"exempt_sources" doc:"Addresses or networks that no limit of a source holds for: gateways that many panels come through."`
	SourceFrames       int      `koanf:"source_frames" doc:"Frames a second from one source (an IPv4 address, 64 bits of an IPv6 one) for long, twice as many at once; polls are shed at half of it, alarms last; -1 is no limit."`
	SourceNewAccounts  int      `koanf:"source_new_accounts" doc:"Accounts a minute that nobody declared, from one source, ten times as many at once; beyond it they get no answer; -1 is no limit."`
	NewAccounts        int      `koanf:"new_accounts" doc:"The same for all sources together; -1 is no limit."`
	SourceConnections  int      `koanf:"source_connections" doc:"TCP and TLS connections of one source at a time; -1 is no limit."`
	NetworkConnections int      `koanf:"network_connections" doc:"The same for a network of 24 bits (IPv4) or 48 (IPv6); -1 is no limit."`
	Connections        int      `koanf:"connections" doc:"TCP and TLS connections of all at a time; 1,024 more may be waiting to be closed."`

	HTTP    ReceiverHTTP    `koanf:"http"`
	SurGard ReceiverSurGard `koanf:"surgard"`
}

// ReceiverHTTP takes events of gateways and cameras, in a receiver that is a process
// of its own.
type ReceiverHTTP struct {
	Listen string `koanf:"listen" doc:"host:port on which vigie receiver takes events of gateways over HTTP (POST /api/v1/events/panel); empty opens none. vigie up takes them on http.listen. In clear: put a proxy with TLS before it."`
	Token  string `koanf:"token" doc:"Bearer token of the gateways, 32 characters or more; mandatory with receiver.http.listen." secret:"true"`
}

// ReceiverSurGard takes the lines of other receivers and gateways.
type ReceiverSurGard struct {
	Listen   string   `koanf:"listen" doc:"host:port for gateways and receivers that send SurGard's lines (MLR2, System III) over TCP; empty opens none. Nothing of it is encrypted: keep it inside."`
	Gateways []string `koanf:"gateways" doc:"Gateways that may send there, each ADDRESS, ADDRESS=LINE or ADDRESS=LINE/PATH (192.0.2.10=1F/2): an address or network, the line (hexadecimal) that its accounts are on, by default the digits of receiver and line card as it sends them (011), and the path, by default 1. No limit of a source holds for them."`
}

// Instance names a member of a consumer group.
type Instance struct {
	Instance string `koanf:"instance" doc:"Name of this member, stable over restarts, [a-z0-9._-]{1,64}."`
}

// Processor folds the log.
type Processor struct {
	Instance          string `koanf:"instance" doc:"Name of this member, stable over restarts, [a-z0-9._-]{1,64}."`
	SnapshotSeconds   int    `koanf:"snapshot_seconds" doc:"How old the snapshot of a partition's state may grow, in seconds; a restart folds what came since. -1 takes none: a restart folds the whole log."`
	SnapshotRecords   int    `koanf:"snapshot_records" doc:"Records of a partition after which a snapshot is taken earlier than that."`
	CheckpointSeconds int    `koanf:"checkpoint_seconds" doc:"How often each partition's audit chain is signed, in seconds; the key is in keys/ below data."`
	SnapshotDirectory string `koanf:"snapshot_directory" doc:"Directory that keeps the snapshots in place of the topic; every processor must see the same one. Empty keeps them in the topic."`

	SnapshotS3 SnapshotS3 `koanf:"snapshot_s3"`
}

// SnapshotS3 is a bucket that keeps the snapshots in place of the topic, for states of
// many gigabytes, and the baselines that are named by s3:// addresses.
type SnapshotS3 struct {
	Endpoint      string `koanf:"endpoint" doc:"http(s)://host:port of a server that speaks S3's protocol; empty is AWS."`
	Bucket        string `koanf:"bucket" doc:"Bucket that keeps the snapshots in place of the topic; it must be there. Empty keeps them in the topic."`
	Prefix        string `koanf:"prefix" doc:"Stands before every key in the bucket: one for each installation."`
	Region        string `koanf:"region" doc:"Region of the bucket; empty asks the server."`
	AccessKey     string `koanf:"access_key" doc:"Access key; empty takes AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, then the file of AWS's tools."`
	SecretKey     string `koanf:"secret_key" doc:"Secret key of that access key." secret:"true"`
	SecretKeyFile string `koanf:"secret_key_file" doc:"File that holds the secret key, in place of it."`
}

// Desk takes people in.
type Desk struct {
	Name  string `koanf:"name" doc:"Name of this desk as a writer of the log."`
	Place string `koanf:"place" doc:"Where its people work, as it stands in events."`
}

// Metrics is the address of /metrics, /healthz, /readyz and pprof.
type Metrics struct {
	Listen string `koanf:"listen" doc:"host:port; port 0 takes a free one, empty none."`
}

// Default is the configuration of a first start on a laptop.
func Default() Config {
	return Config{
		Data:       "./.vigie",
		Log:        Log{Level: "info", Format: "auto"},
		Kafka:      Kafka{TopicPrefix: "vigie.", Port: 9092, Durability: "power", HeapMB: 512},
		ClickHouse: ClickHouse{User: "vigie", Database: "vigie", Port: 8123},
		HTTP:       HTTP{Listen: "127.0.0.1:8080"},
		Receiver:   defaultReceiver(),
		Processor:  Processor{Instance: "local", SnapshotSeconds: 300, SnapshotRecords: 500_000, CheckpointSeconds: 60},
		Archiver:   Instance{Instance: "local"},
		Desk:       Desk{Name: "desk-local", Place: "local"},
		Metrics:    Metrics{Listen: "127.0.0.1:9600"},
	}
}

func defaultReceiver() Receiver {
	return Receiver{
		ID: "local", Group: "default", Listen: "127.0.0.1:9009",
		ExemptSources: []string{"127.0.0.0/8", "::1/128"},
		SourceFrames:  1_000, SourceNewAccounts: 10, NewAccounts: 600,
		SourceConnections: 256, NetworkConnections: 2_048, Connections: 10_000,
	}
}

// EnvPrefix stands before each environment variable: VIGIE_KAFKA_BROKERS is
// kafka.brokers. Lists are separated by commas.
const EnvPrefix = "VIGIE_"

// DefaultFile is read when it is there and no other file is named.
const DefaultFile = "vigie.yaml"

// otherEnv are variables with the prefix that are not configuration keys.
var otherEnv = []string{"VIGIE_KAFKA_LIBS", "VIGIE_JAVA", "VIGIE_CHDB_LIB", "VIGIE_ENGINE_PASSWORD", "VIGIE_ENGINE_READER_PASSWORD", "VIGIE_PYTHON", "VIGIE_TOKEN"}

// Load reads the file (DefaultFile when path is empty and it exists), then the
// environment as os.Environ gives it, then flags by key. The error names each
// unknown key with the nearest known one.
func Load(path string, environ []string, flags map[string]any) (Config, error) {
	k := koanf.New(".")
	cfg := Default()
	if err := loadFile(k, path); err != nil {
		return cfg, err
	}
	env, err := fromEnv(environ)
	if err != nil {
		return cfg, err
	}
	for _, layer := range []map[string]any{env, flags} {
		if err := k.Load(confmap.Provider(layer, "."), nil); err != nil {
			return cfg, fmt.Errorf("read the configuration: %w", err)
		}
	}
	if err := unknown(k.Keys()); err != nil {
		return cfg, err
	}
	if err := k.Unmarshal("", &cfg); err != nil {
		return cfg, fmt.Errorf("read the configuration: %w", err)
	}
	return cfg, cfg.check()
}

func loadFile(k *koanf.Koanf, path string) error {
	named := path != ""
	if !named {
		path = DefaultFile
	}
	err := k.Load(file.Provider(path), yaml.Parser())
	if errors.Is(err, fs.ErrNotExist) && !named {
		return nil
	}
	if err != nil {
		return fmt.Errorf("configuration file %s: %w", path, err)
	}
	return nil
}

// fromEnv turns VIGIE_KAFKA_TOPIC_PREFIX into kafka.topic_prefix.
func fromEnv(environ []string) (map[string]any, error) {
	byEnv := map[string]string{}
	lists := map[string]bool{}
	for _, key := range Keys() {
		byEnv[EnvName(key.Name)], lists[key.Name] = key.Name, key.List
	}
	out := map[string]any{}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if !strings.HasPrefix(name, EnvPrefix) {
			continue
		}
		key, known := byEnv[name]
		switch {
		case known && lists[key] && value == "":
			out[key] = []string{}
		case known && lists[key]:
			out[key] = strings.Split(value, ",")
		case known:
			out[key] = value
		case !isOther(name):
			return nil, fmt.Errorf("environment variable %s is not known: did you mean %s? See `vigie config docs`", name, nearest(name, envNames()))
		}
	}
	return out, nil
}

func isOther(name string) bool {
	for _, o := range otherEnv {
		if o == name {
			return true
		}
	}
	return false
}

// check finds values that no role could work with.
func (c Config) check() error {
	switch c.Kafka.Durability {
	case "power", "process":
	default:
		return fmt.Errorf("kafka.durability is %q: power or process is expected", c.Kafka.Durability)
	}
	switch c.Log.Level {
	case "debug", "info", "warn", "error":
	default:
		return fmt.Errorf("log.level is %q: debug, info, warn or error is expected", c.Log.Level)
	}
	switch c.Log.Format {
	case "auto", "text", "json":
	default:
		return fmt.Errorf("log.format is %q: auto, text or json is expected", c.Log.Format)
	}
	if c.Processor.SnapshotSeconds == 0 || c.Processor.SnapshotRecords < 1 {
		return errors.New("processor.snapshot_seconds is 0 or processor.snapshot_records below 1: give a pace, or -1 seconds for no snapshots")
	}
	if c.Processor.CheckpointSeconds < 1 {
		return errors.New("processor.checkpoint_seconds is below 1: give a pace, 60 is a good one")
	}
	if c.Data == "" {
		return errors.New("data is empty: name the directory to keep things in")
	}
	return nil
}

// Environ is os.Environ; commands pass it to Load.
func Environ() []string { return os.Environ() }
