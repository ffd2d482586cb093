package archiver

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/services/eventlog"
)

// logNames knows what tells a partition apart from one of the same name on
// another cluster, or of a topic that was deleted and made anew.
type logNames struct {
	cl  *kgo.Client
	adm *kadm.Client

	mu      sync.Mutex
	cluster string
	ids     map[string]string
}

func newLogNames(cfg eventlog.Config, log *slog.Logger) (*logNames, error) {
	cl, err := kgo.NewClient(cfg.ReaderOpts(log)...)
	if err != nil {
		return nil, fmt.Errorf("ask the log for its names: %w", err)
	}
	return &logNames{cl: cl, adm: kadm.NewClient(cl), ids: map[string]string{}}, nil
}

func (l *logNames) close() { l.cl.Close() }

// of returns cluster:topicID:partition. It asks the broker once a topic.
func (l *logNames) of(ctx context.Context, p eventlog.Partition) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.ids[p.Topic]; !known {
		meta, err := l.adm.Metadata(ctx, p.Topic)
		if err == nil {
			err = meta.Topics.Error()
		}
		if err != nil {
			return "", fmt.Errorf("ask for the id of topic %s: %w", p.Topic, err)
		}
		l.cluster, l.ids[p.Topic] = meta.Cluster, meta.Topics[p.Topic].ID.String()
	}
	return logName(l.cluster, l.ids[p.Topic], p.Number), nil
}
