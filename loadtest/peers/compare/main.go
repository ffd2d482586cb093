// Command compare runs one job on Vigie's engine and on its peers, from the same
// records of the same Apache Kafka, compares what they gave byte by byte, and says
// what each took. loadtest/peers/kafka-streams/README.md has the rules of the job
// and the settings of the peer.
//
//	mvn -q -B package -f loadtest/peers/kafka-streams/pom.xml
//	go run ./loadtest/peers/compare --sites 100000 --duration 2h --repeat 2
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/open-vigie/vigie/loadtest/peers/supervision"
)

// Options of a comparison, as the flags give them and the result records them.
type Options struct {
	Sites      int           `json:"sites"`
	Duration   time.Duration `json:"-"`
	DurationMS int64         `json:"duration_ms"`
	Partitions int           `json:"partitions"`
	Seed       uint64        `json:"seed"`
	Repeat     int           `json:"repeat"`
	// CommitEvery is both sides' commit interval.
	CommitEvery time.Duration `json:"-"`
	CommitMS    int64         `json:"commit_ms"`
	// Sides are "vigie" and the stores of the peer: "packed", "memory", "rocksdb".
	Sides []string `json:"sides"`
	Forms []string `json:"forms"`
	// KillAt is the share of the log at which each side is killed and begun again;
	// 0 for not. Its figures then are those of the second process alone.
	KillAt float64 `json:"kill_at"`
	// LiveRate is the heartbeats a second at which latency is measured, 0 for not;
	// LiveFor how long.
	LiveRate int           `json:"live_rate"`
	LiveFor  time.Duration `json:"-"`
	// PeerArgs and JVMArgs go to the peer.
	PeerArgs []string `json:"peer_args"`
	JVMArgs  []string `json:"jvm_args"`
	Dir      string   `json:"-"`
	Out      string   `json:"-"`
	PeerDir  string   `json:"-"`
}

// jvmArgs are the peer's: README.md has the figures of what else was tried.
const jvmArgs = "-Xms1g -Xmx1g -XX:+UseSerialGC -XX:-UsePerfData"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) > 1 && os.Args[1] == engineCommand {
		err = runEngine(ctx, os.Args[2:])
	} else {
		err = run(ctx, os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare: "+err.Error())
		os.Exit(1)
	}
}

func parse(args []string) (Options, error) {
	var o Options
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.IntVar(&o.Sites, "sites", 20_000, "sites of the history")
	f.DurationVar(&o.Duration, "duration", 2*time.Hour, "how long the history lasts, on the log's clock")
	f.IntVar(&o.Partitions, "partitions", 8, "partitions, a power of two")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the history")
	f.IntVar(&o.Repeat, "repeat", 1, "how often each side runs, in turn")
	f.DurationVar(&o.CommitEvery, "commit", 100*time.Millisecond, "commit interval of both sides")
	sides := f.String("sides", "vigie,packed,memory,rocksdb", "who runs: vigie, and the peer by its stores")
	forms := f.String("forms", "records,beats", "forms of heartbeats in the log")
	f.Float64Var(&o.KillAt, "kill-at", 0, "share of the log at which each side is killed, as by kill -9, and begun again; for tests")
	f.IntVar(&o.LiveRate, "live-rate", 2000, "heartbeats a second while latency is measured; 0 for not")
	f.DurationVar(&o.LiveFor, "live-for", 30*time.Second, "how long latency is measured")
	peer := f.String("peer-args", "", "more arguments of the peer, separated by spaces")
	jvm := f.String("jvm-args", jvmArgs, "arguments of the peer's JVM")
	f.StringVar(&o.Dir, "dir", os.TempDir(), "where Kafka and the peer keep their data")
	f.StringVar(&o.Out, "out", "", "file of the result, JSON; its table goes beside it, .md")
	f.StringVar(&o.PeerDir, "peer", "loadtest/peers/kafka-streams", "directory of the built peer")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.Sides, o.Forms = strings.Split(*sides, ","), strings.Split(*forms, ",")
	o.PeerArgs, o.JVMArgs = strings.Fields(*peer), strings.Fields(*jvm)
	o.DurationMS, o.CommitMS = o.Duration.Milliseconds(), o.CommitEvery.Milliseconds()
	for _, s := range o.Sides {
		if !slices.Contains([]string{vigie, "packed", "memory", "rocksdb"}, s) {
			return o, fmt.Errorf("side %q is not known: vigie, packed, memory or rocksdb", s)
		}
	}
	for _, form := range o.Forms {
		if form != string(supervision.Records) && form != string(supervision.Beats) {
			return o, fmt.Errorf("form %q is not known: records or beats", form)
		}
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	lab, err := openLab(ctx, o)
	if err != nil {
		return err
	}
	defer lab.close()
	result := newResult(o)
	for _, form := range o.Forms {
		if err := lab.compare(ctx, supervision.Form(form), result); err != nil {
			return fmt.Errorf("form %s: %w", form, err)
		}
	}
	fmt.Print(result.table())
	return nil
}

// compare feeds a history once and lets every side fold it, in turn.
func (l *lab) compare(ctx context.Context, form supervision.Form, result *Result) error {
	h, err := l.feed(ctx, form)
	if err != nil {
		return err
	}
	result.Histories = append(result.Histories, h.History)
	var reference supervision.Lines
	for turn := range l.o.Repeat {
		for _, side := range l.o.Sides {
			r, lines, err := l.measure(ctx, h, side, turn)
			if err != nil {
				return fmt.Errorf("%s, turn %d: %w", side, turn+1, err)
			}
			if reference == nil {
				reference = lines
			}
			if diff := reference.Diff(lines); diff != "" {
				return fmt.Errorf("%s gave other outputs than %s: %s", side, l.o.Sides[0], diff)
			}
			if err := h.check(lines); err != nil {
				return fmt.Errorf("%s: %w", side, err)
			}
			if turn == 0 && l.o.LiveRate > 0 {
				if r.Latency, err = l.live(ctx, form, side); err != nil {
					return fmt.Errorf("%s, live: %w", side, err)
				}
			}
			result.Runs = append(result.Runs, *r)
			fmt.Println(r)
			if err := result.write(l.o.Out); err != nil { // each time: a comparison is long
				return err
			}
		}
	}
	return nil
}
