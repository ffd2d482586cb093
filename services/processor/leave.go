package processor

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// giveUpPlace gives up this member's place in the group. The client of a static member does
// not do so by itself, so that a restart in place moves nothing (design decision 15);
// it is asked for by the instance's name, once the last transaction has ended and the
// client that could join again is closed. Where it fails the session's end remains.
func (p *Processor) giveUpPlace(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, stopPatience)
	defer done()
	if err := p.leaveGroup(ctx); err != nil {
		p.deps.Log.Warn("processor: the group keeps this member's place until its session ends", "group", p.cfg.Group, "instance", p.cfg.Instance, "because", err)
		return
	}
	p.deps.Log.Info("processor: left the group for good", "group", p.cfg.Group, "instance", p.cfg.Instance)
}

func (p *Processor) leaveGroup(ctx context.Context) error {
	cl, err := kgo.NewClient(p.deps.Kafka.ReaderOpts(p.deps.Log)...)
	if err != nil {
		return err
	}
	defer cl.Close()
	left, err := kadm.NewClient(cl).LeaveGroup(ctx, kadm.LeaveGroup(p.cfg.Group).Reason("stopped for good").InstanceIDs(p.cfg.Group+"."+p.cfg.Instance))
	if err == nil {
		err = left.Error()
	}
	if err != nil {
		return fmt.Errorf("leave group %s: %w", p.cfg.Group, err)
	}
	return nil
}
