package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, yaml string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vigie.yaml")
	if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLaterLayersWin(t *testing.T) {
	path := write(t, "kafka:\n  port: 1\n  topic_prefix: file.\n  brokers: [a:1]\nreceiver:\n  id: file\n")
	cfg, err := Load(path, []string{"VIGIE_KAFKA_PORT=2", "VIGIE_RECEIVER_ID=env", "VIGIE_KAFKA_BROKERS=b:1,c:2", "HOME=/"}, map[string]any{"kafka.port": 3})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Kafka.Port != 3 || cfg.Receiver.ID != "env" || cfg.Kafka.TopicPrefix != "file." || len(cfg.Kafka.Brokers) != 2 {
		t.Errorf("got %+v", cfg)
	}
	if cfg.HTTP.Listen != Default().HTTP.Listen {
		t.Error("a key that nobody set lost its default")
	}
}

func TestUnknownKeysNameTheNearest(t *testing.T) {
	_, err := Load(write(t, "kafka:\n  topic_prefx: x\n"), nil, nil)
	if err == nil || !strings.Contains(err.Error(), "kafka.topic_prefix") {
		t.Errorf("got %v", err)
	}
	_, err = Load("", []string{"VIGIE_KAFKA_PROT=1"}, nil)
	if err == nil || !strings.Contains(err.Error(), "VIGIE_KAFKA_PORT") {
		t.Errorf("got %v", err)
	}
}

func TestBadValuesAndFilesAreNamed(t *testing.T) {
	for yaml, want := range map[string]string{
		"kafka:\n  durability: maybe\n": "kafka.durability",
		"log:\n  level: loud\n":         "log.level",
		"kafka: [\n":                    "vigie.yaml",
		"data: \"\"\n":                  "data is empty",
	} {
		if _, err := Load(write(t, yaml), nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want it to name %s", yaml, err, want)
		}
	}
	if _, err := Load("/does/not/exist.yaml", nil, nil); err == nil {
		t.Error("a named file that is absent was passed over")
	}
}

func TestShowMasksSecretsAndEveryKeyIsDocumented(t *testing.T) {
	cfg := Default()
	cfg.ClickHouse.Password = "hunter2"
	shown := cfg.Show()
	if strings.Contains(shown, "hunter2") {
		t.Error("the password shows")
	}
	again, err := Load(write(t, strings.ReplaceAll(shown, "********", "hunter2")), nil, nil)
	if err != nil || again.ClickHouse.Password != "hunter2" || again.Show() != shown {
		t.Errorf("what is shown cannot be read back: %v", err)
	}
	for _, k := range Keys() {
		if k.Doc == "" {
			t.Errorf("%s has no sentence", k.Name)
		}
	}
}

// What is shown can be read: `vigie config show > vigie.yaml` begins a file.
func TestShownConfigurationReadsBackTheSame(t *testing.T) {
	want := Default()
	want.Receiver.HTTP.Listen, want.Receiver.SurGard.Listen = "127.0.0.1:8", "127.0.0.1:7"
	want.Receiver.SurGard.Gateways = []string{"192.0.2.1=1F/2", "192.0.2.2"}
	got, err := Load(write(t, want.Show()), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Show() != want.Show() {
		t.Errorf("read back as\n%s\nwant\n%s", got.Show(), want.Show())
	}
}
