package processor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// orphanPatience bounds the search for orphans: past it their time-out ends them.
const orphanPatience = 10 * time.Second

// endOrphans ends at once what processors left open who died. The broker would
// wait for their time-out, and until then neither what they committed nor what
// they said can be read, so that whoever takes over stands still. Where this
// fails the time-out remains.
func (p *Processor) endOrphans(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, orphanPatience)
	defer done()
	cl, err := kgo.NewClient(p.deps.Kafka.ReaderOpts(p.deps.Log)...)
	if err != nil {
		p.deps.Log.Debug("processor: orphaned transactions are left to their time-out", "because", err)
		return
	}
	defer cl.Close()
	orphans, err := p.orphans(ctx, kadm.NewClient(cl))
	for _, id := range orphans {
		if err = endTransaction(ctx, cl, id); err != nil {
			break
		}
		p.deps.Log.Info("processor: ended the transaction of a processor that is gone", "transactional_id", id)
	}
	if err != nil && ctx.Err() == nil {
		p.deps.Log.Debug("processor: orphaned transactions are left to their time-out", "because", err)
	}
}

// orphans are the transactional ids of open transactions whose processors are not
// in the group. One that comes back at this very moment is fenced, and begins anew.
func (p *Processor) orphans(ctx context.Context, adm *kadm.Client) ([]string, error) {
	// The transactions first: who joins after that has opened none of these.
	open, err := adm.ListTransactions(ctx, nil, []string{"Ongoing"})
	if err != nil || len(open) == 0 {
		return nil, err
	}
	described, err := adm.DescribeGroups(ctx, p.cfg.Group)
	if err != nil {
		return nil, err
	}
	group := described[p.cfg.Group]
	if group.Err != nil {
		return nil, fmt.Errorf("members of group %s: %w", p.cfg.Group, group.Err)
	}
	members := map[string]bool{}
	for _, m := range group.Members {
		if m.InstanceID != nil {
			members[*m.InstanceID] = true
		}
	}
	var orphans []string
	for _, id := range open.TransactionalIDs() {
		instance, ours := strings.CutPrefix(id, p.deps.Kafka.TransactionalID(p.cfg.Source.Role, ""))
		// Brokers before 3.0 list transactions of every state.
		if ours && open[id].State == "Ongoing" && !members[p.cfg.Group+"."+instance] {
			orphans = append(orphans, id)
		}
	}
	return orphans, nil
}

// endTransaction aborts what is open under the id, and fences who opened it.
func endTransaction(ctx context.Context, cl *kgo.Client, id string) error {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.TransactionalID = &id
	req.TransactionTimeoutMillis = int32(orphanPatience.Milliseconds())
	req.ProducerID, req.ProducerEpoch = -1, -1
	resp, err := req.RequestWith(ctx, cl)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("end the transaction of %s: %w", id, err)
	}
	return nil
}
