// Command fleet-quality measures how well the fold of the fleet finds mass losses of
// communication: seeded outages of different size among everyday losses, judged by
// what was injected, beside a fixed threshold on the same ticks.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	outages := flag.Int("outages", 100, "how many outages, each in a day of its own")
	seed := flag.Uint64("seed", 1, "seed of all that is drawn")
	flag.Parse()
	if *outages < 1 {
		fmt.Fprintln(os.Stderr, "fleet-quality: -outages must be 1 or more")
		os.Exit(2)
	}
	report(os.Stdout, measure(*seed, *outages))
}
