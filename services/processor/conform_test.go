package processor_test

import (
	"testing"

	"github.com/open-vigie/vigie/services/processor"
	"github.com/open-vigie/vigie/services/processor/foldtest"
)

func TestTheTestsFoldConforms(t *testing.T) {
	foldtest.Conform(t, processor.NewTally, foldtest.History)
}
