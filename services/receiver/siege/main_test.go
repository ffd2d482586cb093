package siege

import (
	"flag"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Flags of the large forms; their defaults are the small ones.
var (
	panelsFlag = flag.Int("panels", 60, "good panels of the hostile load")
	phaseFlag  = flag.Duration("phase", 1500*time.Millisecond, "length of each phase of the hostile load")
	reportFlag = flag.String("report", "", "file for the hostile load's table, as Markdown")
	profiles   = flag.String("profiles", "", "directory for where the receiver's processor time went, phase by phase")
	holdFlag   = flag.Duration("hold", time.Second, "how long each fault of Kafka is held")
	smallDisk  = flag.String("small-disk", "", "an empty file system of some 200 MB that is filled up")
	soakFlag   = flag.Duration("soak", 0, "length of the soak; 0 is a short one that only shows that it works")
	soakFile   = flag.String("soak-report", "", "file for the soak's result, as JSON")
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}
