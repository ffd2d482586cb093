package sitefold

import (
	"io"
	"log/slog"
	"testing"

	"pgregory.net/rapid"

	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/foldtest"
)

var discard = slog.New(slog.NewTextHandler(io.Discard, nil))

func newFold() processor.Fold { return New(discard)() }

func TestTheFoldOfSitesConforms(t *testing.T) {
	foldtest.Conform(t, newFold, foldtest.History)
}

// The histories are worth something only while they reach the rules.
func TestHistoriesReachTheRules(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		outputs, err := processor.Replay(0, newFold(), foldtest.History(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range outputs {
			reached[o.Topic]++
		}
	})
	for _, topic := range []string{topics.SiteStates, topics.Detections, topics.Incidents, topics.Outcomes, topics.Directory, topics.Accounts, topics.Rejected} {
		if reached[topic] == 0 {
			t.Errorf("no history puts anything out on %s", topic)
		}
	}
}
