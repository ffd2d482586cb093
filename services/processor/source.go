package processor

import (
	"github.com/open-vigie/vigie/schemas/topics"
	"github.com/open-vigie/vigie/services/eventlog"
)

// Source is what a processor folds, and where it keeps how far it has come. Names
// are those of package topics.
type Source struct {
	// Role names the consumer group and the transactional ids.
	Role                       string
	Input, Progress, Snapshots string
}

var (
	// OfSites folds vigie.events: the partitions are shared among all members.
	OfSites = Source{eventlog.GroupProcessor, topics.Events, topics.Progress, topics.Snapshots}
	// OfFleet folds vigie.fleet, of one partition: one member owns it, the others
	// stand by.
	OfFleet = Source{eventlog.GroupFleet, topics.Fleet, topics.FleetProgress, topics.FleetSnapshots}
)

// transactionalID is the processor's own.
func (p *Processor) transactionalID() string {
	return p.deps.Kafka.TransactionalID(p.cfg.Source.Role, p.cfg.Instance)
}
