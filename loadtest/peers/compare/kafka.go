package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/open-vigie/vigie/loadtest/peers/supervision"
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
	"github.com/open-vigie/vigie/services/eventlog/broker"
)

// lab is a Kafka of our own and what is needed to run the sides on it.
type lab struct {
	o     Options
	dir   string
	kafka *broker.Kafka
	stop  func()
	cl    *kgo.Client
	adm   *kadm.Client
	java  string
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func openLab(ctx context.Context, o Options) (*lab, error) {
	libs, err := broker.FindLibs("")
	if err != nil {
		return nil, err
	}
	java, err := broker.FindJava("")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(o.PeerDir, "target", "lib")); err != nil {
		return nil, fmt.Errorf("the peer is not built: run `mvn -q -B package -f %s` (%w)", filepath.Join(o.PeerDir, "pom.xml"), err)
	}
	dir, err := os.MkdirTemp(o.Dir, "vigie-compare-")
	if err != nil {
		return nil, err
	}
	l := &lab{o: o, dir: dir, java: java, stop: func() {}}
	if err := l.start(ctx, libs); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) start(ctx context.Context, libs string) error {
	k, err := broker.NewKafka(broker.KafkaConfig{
		Data: filepath.Join(l.dir, "kafka"), Libs: libs, Java: l.java, HeapMB: 1024,
		Durability: broker.Process, LogFile: filepath.Join(l.dir, "kafka.log"), Log: quiet(),
	})
	if err != nil {
		return err
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	var failed error
	go func() {
		defer close(ended)
		failed = k.Run(own)
	}()
	l.kafka = k
	l.stop = func() { cancel(); <-ended }
	select {
	case <-k.Ready():
	case <-ended:
		return fmt.Errorf("start Kafka: %w", failed)
	case <-ctx.Done():
		return ctx.Err()
	}
	l.cl, err = kgo.NewClient(l.config("").IngestOpts(quiet())...)
	if err != nil {
		return err
	}
	l.adm = kadm.NewClient(l.cl)
	return nil
}

func (l *lab) close() {
	if l.cl != nil {
		l.cl.Close()
	}
	l.stop()
	_ = os.RemoveAll(l.dir) // below the temporary directory anyway
}

// config is the log under a prefix: each form of a history has its own.
func (l *lab) config(prefix string) eventlog.Config {
	return eventlog.Config{Brokers: []string{l.kafka.Addr()}, TopicPrefix: prefix}
}

// provision makes the topics. That of site states is not compacted here: every
// output is to be compared, and times of the past make the cleaner take some.
func (l *lab) provision(ctx context.Context, prefix string) error {
	// On a machine that is short of time Kafka's controller may think its broker dead.
	err := l.again(ctx, func() error {
		_, err := eventlog.Provision(ctx, l.config(prefix), eventlog.Options{
			Partitions: int32(l.o.Partitions), Local: true, Durability: broker.Process,
		})
		return err
	})
	if err != nil {
		return err
	}
	whole := "delete"
	done, err := l.adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "cleanup.policy", Value: &whole}}, prefix+topics.SiteStates)
	if err == nil {
		_, err = done.On(prefix+topics.SiteStates, func(r *kadm.AlterConfigsResponse) error { return r.Err })
	}
	return err
}

// fed is a history that stands in the log.
type fed struct {
	History
	prefix   string
	ends     map[int32]int64
	injected supervision.Injected
}

// feed appends a history of a form, under a prefix of its own.
func (l *lab) feed(ctx context.Context, form supervision.Form) (*fed, error) {
	prefix := string(form) + "."
	if err := l.provision(ctx, prefix); err != nil {
		return nil, err
	}
	fmt.Printf("feeding %s: %d sites for %s …\n", form, l.o.Sites, l.o.Duration)
	start := time.Now().Add(-l.o.Duration - time.Minute).Truncate(time.Second).UnixMilli()
	h := supervision.NewHistory(supervision.Spec{
		Seed: l.o.Seed, Sites: l.o.Sites, Partitions: int32(l.o.Partitions), StartMS: start, Duration: l.o.Duration, Form: form,
	})
	promise := kgo.AbortingFirstErrPromise(l.cl)
	for step := h.Next(); step != nil && ctx.Err() == nil; step = h.Next() {
		for _, r := range step {
			r.Topic = prefix + r.Topic
			l.cl.Produce(ctx, r, promise.Promise())
		}
	}
	if err := promise.Err(); err != nil {
		return nil, fmt.Errorf("append the history: %w", err)
	}
	f := &fed{prefix: prefix, injected: h.Injected(), ends: map[int32]int64{}}
	ends, err := l.adm.ListEndOffsets(ctx, prefix+topics.Events)
	if err != nil {
		return nil, fmt.Errorf("ends of the history: %w", err)
	}
	ends.Each(func(o kadm.ListedOffset) { f.ends[o.Partition] = o.Offset })
	f.History = History{Form: form, Injected: f.injected, Bytes: l.bytes(ctx, prefix+topics.Events)}
	return f, nil
}

// check compares outputs with what the generator injected.
func (f *fed) check(lines supervision.Lines) error {
	states := uint64(0)
	for _, one := range lines {
		if one.Topic == "states" {
			states++
		}
	}
	if want := f.injected.ModeChanges; states != want {
		return fmt.Errorf("%d changes of modes came out, %d were injected", states, want)
	}
	if got, least := uint64(len(lines)), f.injected.Outputs(); got < least {
		return fmt.Errorf("%d outputs, at least %d were injected", got, least)
	}
	return nil
}

// bytes of topics on the broker's disk, all whose name begins so.
func (l *lab) bytes(ctx context.Context, prefixes ...string) map[string]int64 {
	all := map[string]int64{}
	dirs, err := l.adm.DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return all
	}
	for _, broker := range dirs {
		for _, dir := range broker {
			dir.Topics.Each(func(p kadm.DescribedLogDirPartition) {
				for _, prefix := range prefixes {
					if len(p.Topic) >= len(prefix) && p.Topic[:len(prefix)] == prefix {
						all[p.Topic] += p.Size
					}
				}
			})
		}
	}
	return all
}

// fresh takes away what an earlier run left, all but the events, and provisions
// again: every run begins at the first record.
func (l *lab) fresh(ctx context.Context, prefix string) error {
	have, err := l.adm.ListTopics(ctx)
	if err != nil {
		return err
	}
	var gone []string
	for _, name := range have.Names() {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix && name != prefix+topics.Events {
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		if _, err := l.adm.DeleteTopics(ctx, gone...); err != nil {
			return fmt.Errorf("delete the topics of the last run: %w", err)
		}
	}
	groups, err := l.adm.ListGroups(ctx)
	if err != nil {
		return err
	}
	if err := l.deleteGroups(ctx, groups.Groups()); err != nil {
		return err
	}
	return l.provision(ctx, prefix)
}

// deleteGroups waits for members that were killed to be given up.
func (l *lab) deleteGroups(ctx context.Context, groups []string) error {
	if len(groups) == 0 {
		return nil
	}
	return l.again(ctx, func() error {
		done, err := l.adm.DeleteGroups(ctx, groups...)
		if err != nil {
			return err
		}
		for _, one := range done {
			if one.Err != nil && !errors.Is(one.Err, kerr.GroupIDNotFound) {
				return fmt.Errorf("delete group %s: %w", one.Group, one.Err)
			}
		}
		return nil
	})
}

// again asks until it is well: Kafka forgets topics and members in its own time.
func (l *lab) again(ctx context.Context, f func() error) error {
	const tries, between = 60, 500 * time.Millisecond
	var err error
	for range tries {
		if err = f(); err == nil {
			return nil
		}
		if pause(ctx, between) != nil {
			break
		}
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
